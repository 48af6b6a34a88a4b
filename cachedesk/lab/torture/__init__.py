"""Torture: kill the stack, restart it, and judge it from outside, many times.

``plan`` says what each write of each key is; ``orders`` what one process is to do; ``subject`` is
that process: its ``clients`` work freely while faults strike by ``chance``, or follow the
``script``; ``expected`` keeps what was attempted and what was acknowledged, outside of it;
``process`` watches it from its fork to its death, ``strace`` strikes its system calls; ``judge``
compares what it left behind with what was promised, ``house`` finds what it should not have left;
``cycles`` runs one after the other, ``points`` all there are. (The idea is RocksDB's db_stress:
the expected state lives where the crash cannot reach it.)
"""
