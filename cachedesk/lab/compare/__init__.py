"""Comparisons: the same traffic and the same faults under several settings, in one table.

``--vary`` texts → variants → a run each, on a fresh directory → figures → table, chart, JSON

Each run has its own stack, opened on an empty directory in one process, so no run finds data of
another. They still share the machine: its caches may be warmer for a later run, and other load may
affect only one of them. So the order can affect times, though not hits and losses; ``--rounds``
repeats all runs, interleaved, and the table then shows medians.
"""
