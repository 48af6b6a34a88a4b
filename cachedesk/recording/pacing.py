"""Pacing: which records of a recording to show when, at a speed and without long idle times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cachedesk.core.snapshot import Event, Mark, Snapshot
from cachedesk.recording.recording_file import RecordingFile

MOST_PER_SECOND = 10.0
"""More pictures a second than this make a file large and tell nothing more."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A record, when to show it, in seconds since the first, and the names of the faults that began
    since the shot before."""

    record: int
    at_seconds: float
    faults: tuple[str, ...] = ()


def paced(
    recording: RecordingFile, speed: float = 1.0, idle_limit: float | None = None
) -> Iterator[Shot]:
    """Yield the shots of ``recording``, from its first record to its last.

    Args:
        recording: what to show; read once from end to end.
        speed: seconds of the recording per second.
        idle_limit: longest time, in seconds of the result, in which nothing happens: no fault is
            active, no fault, event or change of a state. The rest of it is left out. ``None``: no
            limit.

    Raises:
        RecordingError: a record holds what it may not.
    """
    limit = float("inf") if idle_limit is None else idle_limit
    last = len(recording) - 1
    at = idle = shown_at = 0.0
    faults: list[str] = []
    before: Snapshot | None = None
    for record, snapshot in enumerate(recording.snapshots()):
        if before is None:
            before = snapshot
            yield Shot(record, 0.0)
            continue
        gap = (recording.seconds(record) - recording.seconds(record - 1)) / speed
        faults += _begun(before, snapshot)
        if _is_idle(before, snapshot):
            gap = min(gap, max(0.0, limit - idle))
            idle += gap
        else:
            gap, idle = min(gap, limit), 0.0
        at += gap
        before = snapshot
        if (gap and at - shown_at >= 1 / MOST_PER_SECOND) or record == last:
            yield Shot(record, at, tuple(faults))
            shown_at = at
            faults.clear()


def _begun(before: Snapshot, after: Snapshot) -> list[str]:
    known = {_identity(mark) for mark in before.marks}
    return [mark.name for mark in after.marks if _identity(mark) not in known]


def _identity(mark: Mark) -> tuple[str, float]:
    return mark.name, mark.start_at


def _is_idle(before: Snapshot, after: Snapshot) -> bool:
    """Return whether nothing happened from one record to the next."""
    return not after.faults and _facts(before) == _facts(after)


def _facts(snapshot: Snapshot) -> tuple[object, ...]:
    parts = (snapshot.redis, snapshot.log, snapshot.worker, snapshot.database)
    newest: tuple[Event, ...] = snapshot.events[-1:]
    return (
        snapshot.marks,
        newest,
        snapshot.faults,
        snapshot.safeguards,
        snapshot.books.balanced,
        snapshot.worker.paused,
        *(part.health for part in parts),
    )
