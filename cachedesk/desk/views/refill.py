"""Refilling: Redis works again after it was emptied, and the hit rate is not yet what it was."""

from __future__ import annotations

from collections.abc import Iterable

from cachedesk.core.snapshot import Health, Snapshot, Tick
from cachedesk.core.wording import percent
from cachedesk.desk.views.history import recent
from cachedesk.desk.views.incidents import incidents

BEFORE_SECONDS = 10.0
"""How much of the time before the fault the hit rate is compared with."""

MOST_SECONDS = 60.0
"""After this time a lower hit rate is the new normal, such as that of another workload."""

_NEARLY = 0.05
_LEAST_READS = 50


def refilling(snapshot: Snapshot) -> str:
    """Return a sentence with the hit rate now and before the fault; empty if they are close."""
    if snapshot.redis.health is not Health.UP:
        return ""
    emptied = [
        incident
        for incident in incidents(snapshot.events, snapshot.marks)
        if incident.part == "redis" and incident.ended_at is not None
    ]
    if not emptied:
        return ""
    newest = max(emptied, key=lambda incident: incident.ended_at or 0.0)
    assert newest.ended_at is not None
    if snapshot.at - newest.ended_at > MOST_SECONDS:
        return ""
    since = newest.started_at - BEFORE_SECONDS
    earlier = [tick for tick in snapshot.ticks if since < tick.at < newest.started_at]
    before, now = _hits(earlier), _hits(recent(snapshot))
    if min(before[1], now[1]) < _LEAST_READS:
        return ""
    if now[0] / now[1] > before[0] / before[1] - _NEARLY:
        return ""
    return f"Redis refills: {percent(*now)} hits, {percent(*before)} before the fault"


def _hits(ticks: Iterable[Tick]) -> tuple[int, int]:
    """Return the number of hits, and of hits and misses."""
    counted = tuple(ticks)
    hits = sum(tick.hits for tick in counted)
    return hits, hits + sum(tick.misses for tick in counted)
