"""The figures of an incident: what was measured before, during and after it.

The events of an incident have no figures of the time before it, and the history of a snapshot is
short. So the figures are collected from one snapshot to the next, as values: a recording gives the
same as the live stack did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import takewhile

from cachedesk.core.engine_event import EventCode
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.snapshot import Books, Latencies, Percentiles, Snapshot
from cachedesk.desk.views.afterglow import AFTERGLOW_SECONDS
from cachedesk.desk.views.incident_words import keys_lost, leading_number, lost_writes
from cachedesk.desk.views.incidents import Incident, incidents

SETTLING_SECONDS = 2.0
"""How long after the end of an incident calls that began during it are counted."""

LOSS_SECONDS = 10.0
"""How long after the end of an incident its losses may be found: without the log they are noticed
when dirty keys are copied."""

FRESH_SECONDS = 5.0
"""How old the reading before an incident may be."""

BEFORE_SECONDS = 10.0
"""How much of the time before an incident its curve shows."""

REFILLED = 0.8
"""The share of the lost keys from which Redis counts as refilled."""

_LOSSES = (EventCode.UNLOGGED_WRITES_LOST, EventCode.UNLOGGED_WRITES_TIMED_OUT)
_AFTER_SECONDS = 30.0
_REFILL_SECONDS = 600.0
_MOST_READINGS = 40
_MOST_INCIDENTS = 50
_MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of one snapshot, all of them since the stack was opened.

    ``calls``: reads and writes of all kinds and results. ``keys``: those in Redis; ``None``: it
    could not be asked. ``rate``: how many calls a second the workload is to make; ``None``: there
    is no such rate.
    """

    at: float
    calls: int
    reads_unavailable: int
    writes_unavailable: int
    refused: int
    stale: int
    keys: int | None
    depth: int
    books: Books
    latencies: Latencies
    safeguards: Safeguards = ALL_ON
    rate: float | None = None

    @property
    def gone(self) -> int:
        """How many acknowledged writes are missing from the event balance."""
        books = self.books
        return max(0, books.accepted - books.applied - books.pending - books.dead)


def reading(snapshot: Snapshot) -> Reading:
    """Return the counters of ``snapshot``."""
    reads, writes, redis = snapshot.reads, snapshot.writes, snapshot.redis
    failed = writes.unavailable + writes.refused
    return Reading(
        snapshot.at,
        reads.hits + reads.misses + writes.through + writes.behind + failed,
        reads.unavailable,
        writes.unavailable,
        writes.refused,
        reads.stale,
        redis.keys if redis.known else None,
        snapshot.log.depth,
        snapshot.books,
        snapshot.latencies,
        snapshot.safeguards,
        snapshot.rate,
    )


@dataclass(frozen=True, slots=True)
class Point:
    """One step of the curves: the reads since the previous point, and the depth of the log."""

    at: float
    hits: int
    misses: int
    depth: int


@dataclass(frozen=True, slots=True)
class IncidentFigures:
    """An incident and its figures.

    Args:
        incident: the incident.
        before: the last reading before it began; ``None``: no snapshot was seen before it.
        felt: the reading to which calls are counted: the newest, until the incident has settled.
        latest: the newest reading.
        worst: the highest p99 of each path while it lasted.
        points: the history around it, oldest first.
        refilled_seconds: after which time Redis had most of the lost keys again; ``None``: it has
            not yet, or lost none.
        lost: how many acknowledged writes were lost. Two sources are compared, the events that
            announce losses and the event balance, and the larger count is taken: a loss of which
            only one of them knows is not called none.
    """

    incident: Incident
    before: Reading | None
    felt: Reading
    latest: Reading
    worst: Latencies = field(default_factory=Latencies)
    points: tuple[Point, ...] = ()
    refilled_seconds: float | None = None
    lost: int = 0

    @property
    def refill_target(self) -> int:
        """How many keys Redis is to have again; 0 if it has lost none."""
        lost = keys_lost(self.incident)
        before = self.before.keys if self.before else None
        return (before or lost) if lost and self.incident.fault == "redis.squeeze" else lost

    def followed(self, incident: Incident, snapshot: Snapshot) -> IncidentFigures:
        """Return the figures with those of a later ``snapshot``, in which it is ``incident``."""
        its, now = replace(self, incident=incident), reading(snapshot)
        ended_at = incident.ended_at
        settled = ended_at is not None and self.felt.at >= ended_at + SETTLING_SECONDS
        return replace(
            its,
            felt=self.felt if settled else now,
            latest=now,
            worst=self.worst if settled else _worst(self.worst, snapshot.latencies),
            points=_thinned((*self.points, *its._new_points(snapshot)), incident.started_at),
            refilled_seconds=its._refilled(now),
            lost=its._lost(snapshot),
        )

    def is_over(self, newest: Incident) -> bool:
        """Return whether later snapshots change nothing in it; ``newest`` is the last incident of
        the same part, with which a refill begins anew."""
        ended_at = self.incident.ended_at
        if ended_at is None:
            return False
        waits = self.refill_target and self.refilled_seconds is None
        waits = waits and newest.continues(self.incident)
        return self.latest.at > ended_at + (_REFILL_SECONDS if waits else _AFTER_SECONDS)

    def _new_points(self, snapshot: Snapshot) -> Iterator[Point]:
        incident = self.incident
        after = self.points[-1].at if self.points else incident.started_at - BEFORE_SECONDS
        until = float("inf")
        if incident.ended_at is not None:
            until = incident.ended_at + _AFTER_SECONDS
            if self.refilled_seconds is None and self.refill_target:
                until = incident.ended_at + _REFILL_SECONDS
        new = takewhile(lambda tick: tick.at > after, reversed(snapshot.ticks))
        for tick in reversed([tick for tick in new if tick.at <= until]):
            yield Point(tick.at, tick.hits, tick.misses, tick.depth)

    def _refilled(self, now: Reading) -> float | None:
        ended_at, target = self.incident.ended_at, self.refill_target
        if self.refilled_seconds is not None or ended_at is None or not target or now.keys is None:
            return self.refilled_seconds
        return max(0.0, now.at - ended_at) if now.keys >= REFILLED * target else None

    def _lost(self, snapshot: Snapshot) -> int:
        told, ended_at = lost_writes(self.incident), self.incident.ended_at
        if self.before is None or (ended_at and snapshot.at > ended_at + LOSS_SECONDS):
            return max(told, self.lost)
        elsewhere = sum(
            leading_number(event.text) or 0
            for event in snapshot.events
            if event.code in _LOSSES
            and event.at > self.before.at
            and event not in self.incident.events
        )
        return max(told, reading(snapshot).gone - self.before.gone - elsewhere)


@dataclass(frozen=True, slots=True)
class IncidentHistory:
    """The figures of the latest incidents, and the readings from which those of a new one begin."""

    readings: tuple[Reading, ...] = ()
    found: tuple[IncidentFigures, ...] = ()

    def after(self, snapshot: Snapshot) -> IncidentHistory:
        """Return the history with ``snapshot``; one that is older than the last begins anew."""
        if self.readings and snapshot.at < self.readings[-1].at:
            return IncidentHistory().after(snapshot)
        now = reading(snapshot)
        found = list(self.found)
        faults = [it for it in incidents(snapshot.events, snapshot.marks) if is_fault(it)]
        newest = {incident.part: incident for incident in faults}
        for incident in faults:
            place = next((n for n, it in enumerate(found) if it.incident.continues(incident)), None)
            if place is None:
                found.append(self._begun(incident, snapshot).followed(incident, snapshot))
            elif not found[place].is_over(newest[incident.part]):
                found[place] = found[place].followed(incident, snapshot)
        return IncidentHistory(
            (*self.readings, now)[-_MOST_READINGS:], tuple(found[-_MOST_INCIDENTS:])
        )

    def figures(self, incident: Incident) -> IncidentFigures | None:
        """Return the figures of ``incident``; ``None`` if it has none."""
        return next((it for it in self.found if it.incident.continues(incident)), None)

    def just_ended(self, before: IncidentHistory) -> IncidentFigures | None:
        """Return the incident that ended between ``before`` and now, the newest one of several."""
        if not before.readings:
            return None
        since, now = before.readings[-1].at, self.readings[-1].at
        ended = [
            it
            for it in self.found
            if it.incident.ended_at is not None
            and not it.incident.disarmed
            and now - it.incident.ended_at < AFTERGLOW_SECONDS
            and not before._has_ended(it.incident, since)
        ]
        return max(ended, key=lambda it: it.incident.ended_at or 0.0, default=None)

    def _has_ended(self, incident: Incident, since: float) -> bool:
        seen = self.figures(incident)
        if seen is None:
            return incident.events[-1].at <= since
        return seen.incident.ended_at is not None

    def _begun(self, incident: Incident, snapshot: Snapshot) -> IncidentFigures:
        now = reading(snapshot)
        since = incident.started_at - FRESH_SECONDS
        earlier = (it for it in reversed(self.readings) if since < it.at < incident.started_at)
        return IncidentFigures(
            incident, next(earlier, None), now, now, _worst(Latencies(), snapshot.latencies)
        )


def is_fault(incident: Incident) -> bool:
    """Return whether ``incident`` is a fault, injected or real, and not a note or a pause."""
    return incident.part not in ("", "pause")


def _worst(worst: Latencies, now: Latencies) -> Latencies:
    def worse(path: str) -> Percentiles:
        one, other = getattr(worst, path), getattr(now, path)
        assert isinstance(one, Percentiles)
        assert isinstance(other, Percentiles)
        return max(one, other, key=lambda it: it.p99)

    return Latencies(**{path.name: worse(path.name) for path in fields(Latencies)})


def _thinned(points: Sequence[Point], started_at: float) -> tuple[Point, ...]:
    """Return ``points``; if there are too many, with neighbours joined, but those from before the
    incident, which all others are compared with, as they were."""
    if len(points) <= _MOST_POINTS:
        return tuple(points)
    first = next((n for n, it in enumerate(points) if it.at > started_at), len(points))
    before, rest = points[:first], points[first:]
    joined = (
        Point(two.at, one.hits + two.hits, one.misses + two.misses, max(one.depth, two.depth))
        for one, two in zip(rest[::2], rest[1::2], strict=False)
    )
    odd = rest[-1:] if len(rest) % 2 else ()
    return (*before, *joined, *odd)
