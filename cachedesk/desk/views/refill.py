"""Refilling: Redis works again after it was emptied, and the hit rate is not yet what it was."""

from __future__ import annotations

from collections.abc import Iterable

from cachedesk.core.snapshot import Health, Snapshot, Tick
from cachedesk.core.wording import percent
from cachedesk.desk.views.history import recent
from cachedesk.desk.views.incidents import Incident, incidents

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
    ended = [it for it in _of_redis(snapshot) if it.ended_at is not None]
    if not ended:
        return ""
    newest = max(ended, key=lambda incident: incident.ended_at or 0.0)
    assert newest.ended_at is not None
    if snapshot.at - newest.ended_at > MOST_SECONDS:
        return ""
    compared = _compared(snapshot, newest)
    if compared is None:
        return ""
    now, before = compared
    if now[0] / now[1] > before[0] / before[1] - _NEARLY:
        return ""
    return f"Redis refills: {_words(now, before)}"


def hit_rates(snapshot: Snapshot, incident: Incident) -> str:
    """Return the hit rate now and before ``incident`` in words, such as ``88.0 % hits, 99.0 %
    before the fault``; empty without enough reads."""
    compared = _compared(snapshot, incident)
    return _words(*compared) if compared else ""


def _words(now: tuple[int, int], before: tuple[int, int]) -> str:
    return f"{percent(*now)} hits, {percent(*before)} before the fault"


def _compared(
    snapshot: Snapshot, incident: Incident
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the hits and the reads now and before the fault; ``None`` if there are too few.

    A fault that began while Redis still refilled after another one is compared with the time
    before that one.
    """
    began = incident.started_at
    for other in sorted(_of_redis(snapshot), key=lambda it: it.started_at, reverse=True):
        if other.started_at < began and (other.ended_at or began) > began - BEFORE_SECONDS:
            began = other.started_at
    earlier = [tick for tick in snapshot.ticks if began - BEFORE_SECONDS < tick.at < began]
    before, now = _hits(earlier), _hits(recent(snapshot))
    return (now, before) if min(before[1], now[1]) >= _LEAST_READS else None


def _of_redis(snapshot: Snapshot) -> list[Incident]:
    found = incidents(snapshot.events, snapshot.marks)
    return [incident for incident in found if incident.part == "redis"]


def _hits(ticks: Iterable[Tick]) -> tuple[int, int]:
    """Return the number of hits, and of hits and misses."""
    counted = tuple(ticks)
    hits = sum(tick.hits for tick in counted)
    return hits, hits + sum(tick.misses for tick in counted)
