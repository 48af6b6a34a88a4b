"""The impact of a fault, computed from figures taken when it began and when it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cachedesk.core.engine_event import Plain
from cachedesk.core.ports import CacheStore
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures that a fault may change.

    ``at``: when they were taken, in ``time.monotonic()`` seconds. ``unavailable``, ``refused``: how
    many calls failed that way so far. ``depth``: how many events wait in the log. ``evicted``: how
    many keys the Redis process ``redis_pid`` has evicted by itself.
    """

    at: float
    unavailable: int
    refused: int
    depth: int
    evicted: int = 0
    redis_pid: int | None = None


def figures(cache: CacheStore, metrics: Metrics, backlog: Backlog) -> Figures:
    """Return the current figures. ``cache.state`` also counts the keys in Redis, so that a later
    loss can be counted."""
    state = cache.state()
    counted = metrics.counted
    return Figures(
        at=time.monotonic(),
        unavailable=counted("unavailable") + counted("writes_unavailable"),
        refused=counted("refused"),
        depth=backlog.depth,
        evicted=state.evicted,
        redis_pid=state.pid if state.known else None,
    )


def impact(before: Figures, after: Figures) -> dict[str, Plain]:
    """Return the impact between two instants as the fields of the event ``fault.impact``."""
    same_redis = before.redis_pid == after.redis_pid
    return {
        "seconds": after.at - before.at,
        "unavailable": after.unavailable - before.unavailable,
        "refused": after.refused - before.refused,
        "evicted": max(0, after.evicted - before.evicted) if same_redis else 0,
        "depth_before": before.depth,
        "depth_after": after.depth,
    }
