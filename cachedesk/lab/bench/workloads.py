"""The workloads: the rows of the table, each with its limit and its aim."""

from __future__ import annotations

from cachedesk.lab.bench.rivals import BenchWorkload

BENCH_WORKLOADS = (
    BenchWorkload("hit", "get, hit", "redis-py GET", 1.0),
    BenchWorkload("hits", "get_many(100), hits", "redis-py MGET", 0.9, "key"),
    BenchWorkload("repair", "get, miss and repair", "point SELECT + SET", 0.8),
    BenchWorkload("behind", "incr, write-behind", "one queue put + one INCRBY", 0.9),
    BenchWorkload(
        "behind_16",
        "incr, write-behind, 16 callers",
        "batches of 16: one put + one pipeline",
        0.6,
    ),
    BenchWorkload(
        "behind_100",
        "write_many(100), write-behind",
        "one put of 100 + one pipeline",
        0.75,
        "write",
    ),
    BenchWorkload("through", "set, write-through", "one FULL commit + one SET", 0.9),
    BenchWorkload(
        "through_100",
        "write_many(100), write-through",
        "one FULL commit of 100 + one pipeline",
        0.75,
        "write",
    ),
    BenchWorkload(
        "drain",
        "drain 200,000 pending",
        "the coalesced rows by executemany + reading and deleting the items",
        0.6,
        "event",
    ),
    BenchWorkload(
        "reopen",
        "reopen with 100,000 pending, after a kill",
        "reading and decoding the queue file",
        0.5,
        "event",
    ),
)

MIXED = BenchWorkload(
    "mixed", "article workload, 8 callers, desk open", "the same, desk closed", 0.9
)

PENDING_TO_DRAIN = 200_000
PENDING_AT_THE_KILL = 100_000
