"""The figures that conditions and claims can use, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cachedesk.core.policy import Policy
from cachedesk.core.snapshot import Health, Latencies, Percentiles, Snapshot
from cachedesk.core.write_path import WritePath
from cachedesk.lab.judge.verdict import Verdict
from cachedesk.lab.load.tally import Tally

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Observation:
    """The source of figures while an act is played: a snapshot of the stack, the tally of the
    clients, and the latencies and the lag since the act began."""

    snapshot: Snapshot
    tally: Tally
    latencies: Latencies
    lag: Percentiles


LIVE: Mapping[str, tuple[str, Callable[[Observation], float]]] = {
    "gets": ("reads", lambda it: it.tally.gets),
    "hits": ("reads that Redis answered", lambda it: it.tally.hits),
    "misses": ("reads that it did not", lambda it: it.tally.misses),
    "overlay": ("misses repaired with pending events", lambda it: it.tally.overlay),
    "database": ("misses answered by the row alone", lambda it: it.tally.database),
    "loads": ("how often the database was asked", lambda it: it.snapshot.reads.loads),
    "hit_percent": ("hits of all reads", lambda it: _percent(it.tally)),
    "absent": ("reads that found no value", lambda it: it.tally.absent),
    "stale": ("reads older than an acknowledged write", lambda it: it.tally.stale),
    "unavailable_reads": ("reads that were refused", lambda it: it.tally.unavailable_reads),
    "writes": (
        "writes that were acknowledged",
        lambda it: it.tally.sets + it.tally.incrs + it.tally.deletes + it.tally.expiries,
    ),
    "refused": (
        "writes that were refused, or of unknown outcome",
        lambda it: it.tally.unavailable_writes + it.tally.unknown_writes,
    ),
    "accepted": ("the books: accepted", lambda it: it.snapshot.books.accepted),
    "applied": ("the books: applied", lambda it: it.snapshot.books.applied),
    "pending": ("the books: pending", lambda it: it.snapshot.books.pending),
    "dead": ("the books: dead letters", lambda it: it.snapshot.books.dead),
    "redis_up": ("1 while Redis is in use", lambda it: it.snapshot.redis.health is Health.UP),
    "redis_keys": ("keys in Redis", lambda it: it.snapshot.redis.keys),
    "redis_evicted": ("keys that Redis evicted", lambda it: it.snapshot.redis.evicted),
    "redis_restarts": ("how often Redis came back", lambda it: it.snapshot.redis.restarts),
    "worker_restarts": ("how often the worker came back", lambda it: it.snapshot.worker.restarts),
    "redelivered": ("events that came again", lambda it: it.snapshot.worker.redelivered),
    "batches": ("batches flushed", lambda it: it.snapshot.worker.batches),
    "rows": ("rows that the worker wrote", lambda it: it.snapshot.worker.rows),
    "database_rows": ("rows in the database", lambda it: it.snapshot.database.rows),
    "hit_ms": ("a hit, median in ms", lambda it: 1000 * it.latencies.hit.p50),
    "miss_ms": ("a miss, median in ms", lambda it: 1000 * it.latencies.database.p50),
    "through_ms": ("a write through, median", lambda it: 1000 * it.latencies.write_through.p50),
    "behind_ms": ("a write behind, median", lambda it: 1000 * it.latencies.write_behind.p50),
    "lag_ms": ("from accepted to applied, p99", lambda it: 1000 * it.lag.p99),
}

JUDGED = {
    "lost": "acknowledged writes that are nowhere",
    "lost_fast": "those of them on the write-behind path",
    "lost_critical": "those of them on the write-through path",
    "duplicated": "writes that were applied twice",
    "dirty_reads": "reads that rested on a write that was lost",
    "wrong": "keys whose value is not what was acknowledged",
}


def live(observation: Observation) -> Figures:
    """Return the figures that are known while an act is played."""
    return {name: float(read(observation)) for name, (_, read) in LIVE.items()}


def judged(verdict: Verdict, policy: Callable[[bytes], Policy]) -> Figures:
    """Return the figures that are known after an act was judged."""
    critical = sum(policy(key).path is WritePath.THROUGH for key in verdict.lost_keys)
    return {
        "lost": len(verdict.lost),
        "lost_critical": critical,
        "lost_fast": len(verdict.lost) - critical,
        "duplicated": len(verdict.duplicated),
        "dirty_reads": verdict.dirty_reads,
        "wrong": len(verdict.wrong),
    }


def written(number: float) -> str:
    """Return a figure as it is shown: 12,345 or 3.7."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def _percent(tally: Tally) -> float:
    reads = tally.hits + tally.misses
    return 100 * tally.hits / reads if reads else 0.0
