"""What a fault has caused, from figures noted when it began and when it was over."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cachedesk.core.engine_event import Plain
from cachedesk.core.ports import CacheStore
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Figures:
    """What a fault may change: how many calls were ``unavailable`` or ``refused`` so far, how many
    events wait in the log, and how many keys a Redis (``redis_pid``) has evicted by itself."""

    at: float
    unavailable: int
    refused: int
    depth: int
    evicted: int = 0
    redis_pid: int | None = None


def figures(cache: CacheStore, metrics: Metrics, backlog: Backlog) -> Figures:
    """Return the figures of this instant; Redis is asked how many keys it holds, too, so that
    what it loses is known."""
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
    """Return what a fault came to between two instants, as the fields of ``fault.impact``."""
    same_redis = before.redis_pid == after.redis_pid
    return {
        "seconds": after.at - before.at,
        "unavailable": after.unavailable - before.unavailable,
        "refused": after.refused - before.refused,
        "evicted": max(0, after.evicted - before.evicted) if same_redis else 0,
        "depth_before": before.depth,
        "depth_after": after.depth,
    }
