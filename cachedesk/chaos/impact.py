"""Aftermath: what a fault has caused, from figures noted when it struck and when it was over."""

from __future__ import annotations

import time
from dataclasses import dataclass

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


def aftermath(name: str, before: Figures, after: Figures) -> str:
    """Return a sentence that says what the fault ``name`` came to."""
    unavailable, refused = after.unavailable - before.unavailable, after.refused - before.refused
    caused = [f"{_number(unavailable)} call{'' if unavailable == 1 else 's'} unavailable"]
    if refused:
        caused.append(f"{refused:,} refused")
    if before.redis_pid == after.redis_pid and after.evicted > before.evicted:
        caused.append(f"{after.evicted - before.evicted:,} keys evicted by Redis itself")
    if after.depth > before.depth:
        caused.append(f"the log grew from {before.depth:,} to {after.depth:,} events")
    return f"{name} lasted {after.at - before.at:.1f} s: {', '.join(caused)}"


def _number(count: int) -> str:
    return f"{count:,}" if count else "no"
