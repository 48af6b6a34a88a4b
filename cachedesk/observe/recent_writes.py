"""When the newest writes were durable, in Redis, and in SQLite.

It is written on the fast path, so a group of writes that became durable together is one tuple, and
what belongs together is joined when it is asked for. Which key a write was of is noted when it
becomes part of its row: until then the pending events say so. Keys are kept as their hashes, and
in arrays: the memory is bounded by the number of writes alone, and to forget a group does not touch
what lies cold in it, which would cost more than to note it.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import Op, WriteEvent
from cachedesk.core.key_report import RecentWrite

MOST_WRITES = 20_000

_MOST_MISSED = 16


class _Cached(NamedTuple):
    """When Redis had taken a group (``None``: it did not), and the hashes of the few keys of it
    that it did not take."""

    at: float | None
    missed: frozenset[int]

    @classmethod
    def now(cls, missed: Collection[bytes]) -> _Cached:
        # A Redis that refuses more than a few is away or full: it is not remembered key by key.
        if len(missed) > _MOST_MISSED:
            return cls(None, frozenset())
        return cls(wall_seconds(), frozenset(map(hash, missed)))

    def of(self, key: bytes) -> float | None:
        return None if hash(key) in self.missed else self.at


_Durable = tuple[int, int, float, _Cached]
"""A group of the log: its first and last seq, when it was durable, and when Redis had it. (One
group is appended at a time, so they do not overlap.)"""


class _Applied:
    """Writes that became part of their rows together."""

    __slots__ = ("at", "cached", "hashes", "ops", "seqs")

    def __init__(
        self, events: Sequence[WriteEvent], at: float, cached: _Cached | None = None
    ) -> None:
        self.seqs = array("q", [event.seq for event in events])
        self.hashes = array("q", [hash(event.key) for event in events])
        self.ops = bytes([event.op for event in events])
        self.at = at
        # Only of write-throughs, which are accepted when they are applied.
        self.cached = cached

    def of(self, key: bytes) -> Iterator[tuple[int, int]]:
        """Yield the seq and the op of each write of ``key``."""
        mark = hash(key)
        if mark in self.hashes:
            for seq, each, op in zip(self.seqs, self.hashes, self.ops, strict=True):
                if each == mark:
                    yield seq, op


class RecentWrites:
    """The newest writes of all keys. Thread-safe."""

    def __init__(self, most_writes: int = MOST_WRITES) -> None:
        """Begin empty; never remember more than ``most_writes``."""
        self._most = most_writes
        # No lock: to append to a deque, and to copy one, is each whole in C.
        self._durable: deque[_Durable] = deque(maxlen=most_writes)
        self._lock = threading.Lock()
        self._applied: deque[_Applied] = deque()
        self._writes = 0
        self._forgotten_at = 0.0

    def accepted(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes] = ()
    ) -> None:
        """Note a group of write-behinds that Redis shows now.

        Args:
            events: the group as it was appended.
            durable_at: when that was, in seconds since 1970.
            missed: the keys that Redis did not take.
        """
        cached = _Cached.now(missed or ())
        self._durable.append((events[0].seq, events[-1].seq, durable_at, cached))

    def applied(self, events: Sequence[WriteEvent]) -> None:
        """Note that these write-behinds are part of their rows now."""
        if events:
            self._add(_Applied(events[-self._most :], wall_seconds()))

    def written_through(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes] = ()
    ) -> None:
        """Note a group of write-throughs that Redis shows now; as ``accepted``."""
        if events:
            self._add(_Applied(events[-self._most :], durable_at, _Cached.now(missed or ())))

    def writes(
        self, key: bytes, others: Iterable[RecentWrite], most: int
    ) -> tuple[tuple[RecentWrite, ...], float]:
        """Return the newest ``most`` writes of ``key`` in seq order, and since when (seconds since
        1970; 0 for ever) no write is missing among them.

        Args:
            key: whose.
            others: those that were not applied, as far as they are known elsewhere.
            most: at most how many.
        """
        with self._lock:
            groups, since = list(self._applied), self._forgotten_at
        durable = list(self._durable)
        found: dict[int, tuple[int, _Applied] | RecentWrite] = {}
        for group in groups:
            for seq, op in group.of(key):
                # A batch that is delivered again does not make it later.
                found.setdefault(seq, (op, group))
        for write in others:
            found.setdefault(write.seq, write)
        # A key may have thousands: only those that are asked for are made.
        writes: list[RecentWrite] = []
        for seq in sorted(found)[-most:]:
            what = found[seq]
            if isinstance(what, RecentWrite):
                writes.append(_joined(what, key, durable) or what)
            elif made := _applied(seq, *what, key, durable):
                writes.append(made)
            else:
                since = what[1].at
        if len(found) > most and writes:
            since = max(since, writes[0].accepted_at)
        return tuple(writes), since

    def _add(self, group: _Applied) -> None:
        with self._lock:
            self._applied.append(group)
            self._writes += len(group.seqs)
            while self._writes > self._most:
                oldest = self._applied.popleft()
                self._writes -= len(oldest.seqs)
                self._forgotten_at = oldest.at


def _applied(
    seq: int, op: int, group: _Applied, key: bytes, durable: Sequence[_Durable]
) -> RecentWrite | None:
    """Return a write of ``group``, ``None`` if it is not known when it was accepted."""
    write = RecentWrite(seq, Op(op), group.at, applied_at=group.at)
    if group.cached is None:
        return _joined(write, key, durable)
    return replace(write, cached_at=group.cached.of(key))


def _joined(write: RecentWrite, key: bytes, durable: Sequence[_Durable]) -> RecentWrite | None:
    """Return a write-behind with when it was accepted and in Redis; ``None``: it is not known."""
    place = bisect_right(durable, write.seq, key=itemgetter(0)) - 1
    if place < 0 or write.seq > durable[place][1]:
        return None
    _, _, durable_at, cached = durable[place]
    return replace(write, accepted_at=durable_at, cached_at=cached.of(key))
