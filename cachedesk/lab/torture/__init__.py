"""Torture: kill the stack, restart it, and judge it from outside, many times.

``plan`` defines each write of each key, and ``job`` what one process does. ``victim`` is that
process: its ``clients`` work freely under ``random_faults``, or follow the ``script``.
``expected`` records, outside the process, what was attempted and acknowledged. ``process`` watches
it from fork to exit; ``strace`` injects errors into its system calls. ``judge`` compares its files
with the promises; ``leftovers`` finds files and processes that it must not leave. ``cycles`` runs
one process after another, ``points`` one for each failpoint or system call. (After RocksDB's
db_stress: the expected state is kept where the crash cannot affect it.)
"""
