"""Excerpts: a part of what was recorded, or of what a ring holds, as a recording of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from cachedesk import __version__
from cachedesk.console.new_file import write_new
from cachedesk.core.snapshot import Mark
from cachedesk.recording.delta import Packer
from cachedesk.recording.frames import MAGIC, Kind, RecordingError, frame_bytes
from cachedesk.recording.playable import Playable
from cachedesk.recording.recorder import Header

_SHORTEST_STEP_SECONDS = 1e-6


def excerpt(
    played: Playable, start_at: float, end_at: float, bookmarks: tuple[Mark, ...] = ()
) -> bytes:
    """Return the records between two times as the content of a recording.

    Args:
        played: what they are taken from.
        start_at: begin with the last record at or before this time, in seconds since 1970.
        end_at: end with the last record at or before this time.
        bookmarks: those that the records do not have yet; each is in the records after it.

    Raises:
        RecordingError: a record is invalid.
    """
    first = played.record_at(start_at - played.started_at)
    last = max(first, played.record_at(end_at - played.started_at))
    began = played.seconds(first)
    began_at = played.started_at + began
    packer = Packer()
    frames: list[bytes] = []
    seconds = -_SHORTEST_STEP_SECONDS
    for record in range(first, last + 1):
        snapshot = played.at(record)
        if not frames:
            header = Header(__version__, began_at, snapshot.tick_seconds)
            frames.append(MAGIC + frame_bytes(Kind.HEADER, 0.0, msgspec.json.encode(header)))
        new = (
            mark
            for mark in bookmarks
            if began_at <= mark.start_at <= snapshot.at and mark not in snapshot.marks
        )
        snapshot = replace(snapshot, marks=(*snapshot.marks, *new), recording="")
        # Times in a recording increase, even if two records have the same.
        seconds = max(seconds + _SHORTEST_STEP_SECONDS, played.seconds(record) - began)
        kind, body = packer.pack(snapshot)
        frames.append(frame_bytes(kind, seconds, body))
    return b"".join(frames)


def save_excerpt(
    path: Path,
    played: Playable,
    start_at: float,
    end_at: float,
    bookmarks: tuple[Mark, ...] = (),
) -> None:
    """Write an excerpt to the new file ``path``; the other arguments are those of ``excerpt``.

    Raises:
        RecordingError: a record is invalid, or the file cannot be written.
    """
    content = excerpt(played, start_at, end_at, bookmarks)
    if complaint := write_new(path, content, "save"):
        raise RecordingError(complaint)
