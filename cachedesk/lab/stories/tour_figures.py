"""The figures that a tour can use: those of the live stack, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cachedesk.core.snapshot import Health, Snapshot

_RECENT_TICKS = 4


def _hit_percent(snapshot: Snapshot) -> float:
    ticks = snapshot.ticks[-_RECENT_TICKS:]
    hits = sum(tick.hits for tick in ticks)
    reads = hits + sum(tick.misses for tick in ticks)
    return 100 * hits / reads if reads else 0.0


TOUR_FIGURES: Mapping[str, tuple[str, Callable[[Snapshot], float]]] = {
    "hits": ("reads that Redis answered", lambda it: it.reads.hits),
    "misses": ("reads that it did not", lambda it: it.reads.misses),
    "overlay": ("misses repaired with pending events", lambda it: it.reads.overlay),
    "hit_percent": ("hits of the reads of the last two seconds", _hit_percent),
    "stale": ("reads older than an acknowledged write", lambda it: it.reads.stale),
    "refused": (
        "writes that were refused",
        lambda it: it.writes.refused + it.writes.unavailable,
    ),
    "accepted": ("the books: accepted", lambda it: it.books.accepted),
    "applied": ("the books: applied", lambda it: it.books.applied),
    "pending": ("the books: pending", lambda it: it.books.pending),
    "dead": ("the books: dead letters", lambda it: it.books.dead),
    "lost": (
        "acknowledged writes that are nowhere",
        lambda it: it.books.accepted - it.books.applied - it.books.pending - it.books.dead,
    ),
    "redis_up": ("1 while Redis is in use", lambda it: it.redis.health is Health.UP),
    "redis_keys": ("keys in Redis", lambda it: it.redis.keys),
    "redis_restarts": ("how often Redis came back", lambda it: it.redis.restarts),
    "worker_events": ("events that the worker applied", lambda it: it.worker.events),
    "worker_rows": ("rows that it wrote", lambda it: it.worker.rows),
    "worker_restarts": ("how often the worker came back", lambda it: it.worker.restarts),
    "database_rows": ("rows in the database", lambda it: it.database.rows),
    "faults": ("faults that are active", lambda it: len(it.faults)),
}


def tour_figures(snapshot: Snapshot) -> dict[str, float]:
    """Return the figures of ``snapshot``."""
    return {name: float(read(snapshot)) for name, (_, read) in TOUR_FIGURES.items()}
