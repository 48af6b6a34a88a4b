"""Ring: the newest snapshots of a source in memory, encoded as in a recording, with random access.

A snapshot of a busy stack takes about 1.3 kB, so half an hour takes a few megabytes. The oldest
are dropped in groups, because a group can only be decoded from its first record, which is whole.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from cachedesk.core.snapshot import Snapshot
from cachedesk.recording.delta import Packer, Unpacker
from cachedesk.recording.frames import Kind

MOST_SECONDS = 30 * 60.0
MOST_BYTES = 8 * 1024 * 1024

_DECODERS = 2
"""How many places are decoded from in turn: a moment, and what came after it."""


@dataclass(slots=True)
class _Group:
    """Records from a whole one to the next. ``first`` is the number of the whole one."""

    first: int
    times: array[float] = field(default_factory=lambda: array("d"))
    bodies: list[bytes] = field(default_factory=list)
    bytes: int = 0


@dataclass(slots=True)
class _Decoder:
    """An unpacker, and the record that it has unpacked last."""

    unpacker: Unpacker
    record: int
    snapshot: Snapshot


class Ring:
    """The newest snapshots, at least one once any was added. Thread-safe.

    Records are counted from 0, and keep their numbers when older ones are dropped. A number of a
    dropped record stands for the oldest one that is kept. It can be played like a recording.

    Args:
        most_seconds: how much time is kept.
        most_bytes: how many encoded bytes are kept.
    """

    def __init__(self, most_seconds: float = MOST_SECONDS, most_bytes: int = MOST_BYTES) -> None:
        self._most_seconds = most_seconds
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._packer = Packer()
        self._groups: deque[_Group] = deque()
        self._bytes = 0
        self._count = 0
        self._started_at = 0.0
        self._decoders: OrderedDict[int, _Decoder] = OrderedDict()

    def add(self, snapshot: Snapshot) -> None:
        """Add ``snapshot`` as the newest record, and drop the oldest ones beyond the limits."""
        with self._lock:
            kind, body = self._packer.pack(snapshot)
            if kind is Kind.WHOLE:
                self._groups.append(_Group(self._count))
            if not self._count:
                self._started_at = snapshot.at
            group = self._groups[-1]
            # A clock that was set back must not break the order.
            newest = self._time(self._count - 1) if self._count else snapshot.at
            group.times.append(max(newest, snapshot.at))
            group.bodies.append(body)
            group.bytes += len(body)
            self._bytes += len(body)
            self._count += 1
            self._drop()

    def __len__(self) -> int:
        """The number that the next record will have."""
        return self._count

    @property
    def bytes(self) -> int:
        """The size of the encoded records that are kept."""
        return self._bytes

    @property
    def started_at(self) -> float:
        """The time of the first record that was ever added, in seconds since 1970."""
        return self._started_at

    @property
    def first(self) -> int:
        """The number of the oldest record that is kept."""
        with self._lock:
            return self._groups[0].first if self._groups else 0

    @property
    def begins_seconds(self) -> float:
        """The time of the oldest record that is kept, in seconds since ``started_at``."""
        return self.seconds(0) if self._count else 0.0

    @property
    def length_seconds(self) -> float:
        """The time of the newest record, in seconds since ``started_at``."""
        return self.seconds(self._count - 1) if self._count else 0.0

    def seconds(self, record: int) -> float:
        """Return the time of ``record``, in seconds since ``started_at``."""
        with self._lock:
            return self._time(record) - self._started_at

    def record_at(self, seconds: float) -> int:
        """Return the number of the last record at or before this second, or of the oldest one."""
        with self._lock:
            return self._record_at(self._started_at + seconds)

    def at(self, record: int) -> Snapshot:
        """Return the snapshot of this record, exactly as it was added.

        Raises:
            IndexError: nothing was added yet.
        """
        with self._lock:
            record = min(self._count - 1, max(record, self._groups[0].first))
            group = self._group(record)
            decoder = self._decoders.pop(group.first, None)
            if decoder is None or decoder.record > record:
                decoder = _unpacked(group)
            self._decoders[group.first] = decoder
            while len(self._decoders) > _DECODERS:
                self._decoders.popitem(last=False)
            for number in range(decoder.record + 1, record + 1):
                body = group.bodies[number - group.first]
                decoder.snapshot = decoder.unpacker.unpack(Kind.CHANGE, body)
                decoder.record = number
            return decoder.snapshot

    def _time(self, record: int) -> float:
        record = max(record, self._groups[0].first)
        group = self._group(record)
        return group.times[record - group.first]

    def _record_at(self, at: float) -> int:
        starts = [group.times[0] for group in self._groups]
        if not starts:
            return 0
        group = self._groups[max(0, bisect_right(starts, at) - 1)]
        return group.first + max(0, bisect_right(group.times, at) - 1)

    def _group(self, record: int) -> _Group:
        firsts = [group.first for group in self._groups]
        return self._groups[max(0, bisect_right(firsts, record) - 1)]

    def _drop(self) -> None:
        newest = self._groups[-1].times[-1]
        while len(self._groups) > 1:
            oldest = self._groups[0]
            # A whole group is dropped when all of it is older than what is to be kept.
            if (
                self._bytes <= self._most_bytes
                and newest - self._groups[1].times[0] < self._most_seconds
            ):
                return
            self._groups.popleft()
            self._bytes -= oldest.bytes
            self._decoders.pop(oldest.first, None)


def _unpacked(group: _Group) -> _Decoder:
    unpacker = Unpacker()
    return _Decoder(unpacker, group.first, unpacker.unpack(Kind.WHOLE, group.bodies[0]))
