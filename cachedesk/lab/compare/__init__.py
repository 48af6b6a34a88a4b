"""What if: the same traffic and the same faults under several settings, in one table.

``--vary`` texts → variants → a run each, on a fresh directory → figures → table, chart, JSON

Each run has a stack of its own, opened on an empty directory in one process, so no run finds what
another left. What they still share is the machine: its disk and processor may be warmer for the
second than for the first, and whatever else it does meanwhile falls on one of them. So the order
can matter for times, though not for hits and losses; ``--rounds`` runs all of them again and
again, interleaved, and the table then shows medians.
"""
