"""A summary of a recording as one object."""

from __future__ import annotations

from dataclasses import asdict

from cachedesk.core.snapshot import Event, EventKind, Mark
from cachedesk.recording.recorder import shown
from cachedesk.recording.recording_file import RecordingFile


def summary(recording: RecordingFile) -> dict[str, object]:
    """Return the JSON object that ``replay --json`` prints. Reads the whole recording once.

    Raises:
        RecordingError: a record is invalid.
    """
    marks: dict[tuple[str, float], Mark] = {}
    events: dict[tuple[float, EventKind, str], Event] = {}
    for snapshot in recording.snapshots():
        # The rings drop old entries; a mark appears again when it has ended.
        marks |= {(mark.name, mark.start_at): mark for mark in snapshot.marks}
        events |= {_identity(event): event for event in snapshot.events}
    first, last = recording.at(0), recording.at(len(recording) - 1)
    return {
        "recording": shown(recording.path),
        "cachedesk": recording.header.cachedesk,
        "started_at": recording.header.started_at,
        "records": len(recording),
        "seconds": round(recording.length_seconds, 3),
        "workload": last.workload or first.workload,
        "books": asdict(last.books) | {"balanced": last.books.balanced},
        "reads": asdict(last.reads),
        "writes": asdict(last.writes),
        "faults": [asdict(mark) for mark in marks.values() if not mark.is_bookmark],
        "bookmarks": [asdict(mark) for mark in marks.values() if mark.is_bookmark],
        "events": [asdict(event) for event in events.values()],
    }


def _identity(event: Event) -> tuple[float, EventKind, str]:
    """Return what identifies an event: a repeated one appears again with a higher count."""
    first_at = event.at if event.first_at is None else event.first_at
    return first_at, event.kind, event.topic or event.text
