"""What the tests of recordings share: snapshots, and recordings made of them without a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from cachedesk.core.snapshot import Books, Event, EventKind, HotKey, Mark, Snapshot, Tick
from cachedesk.recording.delta import Packer
from cachedesk.recording.frames import MAGIC, Kind, frame_bytes
from cachedesk.recording.recorder import Header

BEGAN_AT = 1_754_049_600.0


def header_frame() -> bytes:
    """Return how every recording begins, up to its first record."""
    return MAGIC + frame_bytes(
        Kind.HEADER, 0.0, msgspec.json.encode(Header("1.2.3", BEGAN_AT, 0.5))
    )


def record_frames(snapshots: Iterable[Snapshot], every_seconds: float = 0.5) -> list[bytes]:
    """Return a frame for each of ``snapshots``."""
    packer = Packer()
    frames = []
    for number, snapshot in enumerate(snapshots):
        kind, body = packer.pack(snapshot)
        frames.append(frame_bytes(kind, number * every_seconds, body))
    return frames


def record(path: Path, snapshots: Iterable[Snapshot]) -> Path:
    """Make a recording of ``snapshots``, one each half second."""
    path.write_bytes(header_frame() + b"".join(record_frames(snapshots)))
    return path


def history(records: int) -> Iterator[Snapshot]:
    """Yield snapshots as a stack gives them: rings that move on, and parts that hardly change."""
    ticks: deque[Tick] = deque(maxlen=600)
    events: deque[Event] = deque(maxlen=200)
    marks: deque[Mark] = deque(maxlen=100)
    snapshot = Snapshot(at=BEGAN_AT)
    for number in range(records):
        at = BEGAN_AT + number / 2
        ticks.append(Tick(at, hits=900 + number % 7, depth=number % 340))
        if number % 3 == 0:
            events.append(Event(at, EventKind.INFO, f"event {number}"))
        if number % 40 == 10:
            marks.append(Mark("redis.down", at))
        if number % 40 == 30:
            marks[-1] = replace(marks[-1], end_at=at)
        hot = tuple(HotKey(b"views:%d" % key, "write-behind", number * key) for key in range(5))
        snapshot = replace(
            snapshot,
            at=at,
            uptime_seconds=number / 2,
            books=Books(number * 10, number * 9, number),
            ticks=tuple(ticks),
            events=tuple(events),
            marks=tuple(marks),
            hot=hot,
        )
        yield snapshot
