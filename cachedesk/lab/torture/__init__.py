"""Torture: kill the stack, restart it, and judge it from outside, many times.

``plan`` defines each write of each key, and ``job`` what one process does. ``victim`` is that
process: its ``clients`` work freely under ``random_faults``, or follow the ``script``. ``expected``
keeps outside of it what was attempted and acknowledged. ``process`` watches it from fork to death;
``strace`` strikes its system calls. ``judge`` compares its files with what was promised;
``leftovers`` finds what it should not have left. ``cycles`` runs one after the other, ``points``
one for each failpoint or system call. (After RocksDB's db_stress: the expected state lives where
the crash cannot reach it.)
"""
