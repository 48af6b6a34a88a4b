"""Torture: kill the stack, restart it, and judge it from outside, many times.

``plan`` says what each write of each key is; ``expected`` keeps what was attempted and what was
acknowledged, outside the process under test; ``subject`` is the process under test; ``judge``
compares what it left behind; ``run`` plays the cycles. (The idea is RocksDB's db_stress: the
expected state lives where the crash cannot reach it.)
"""
