"""The times at which the newest writes were durable, in Redis, and in SQLite.

Recording happens on the fast path, so a group of writes that became durable together is one tuple,
and the parts are joined on demand. The key of a write is recorded when the write becomes part of
its row: until then the pending events have it. Keys are kept as hashes, in arrays, so the memory
is bounded by the number of writes alone, and dropping a group does not touch cold memory, which
would cost more than recording it.
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
    """When Redis was updated with a group (``None``: it was not), and the hashes of the few keys
    that it did not store."""

    at: float | None
    missed: frozenset[int]

    @classmethod
    def now(cls, missed: Collection[bytes]) -> _Cached:
        # If Redis refuses more than a few keys, it is down or full: the whole group counts.
        if len(missed) > _MOST_MISSED:
            return cls(None, frozenset())
        return cls(wall_seconds(), frozenset(map(hash, missed)))

    def of(self, key: bytes) -> float | None:
        return None if hash(key) in self.missed else self.at


_Durable = tuple[int, int, float, _Cached]
"""A group of the log: its first and last seq, when it became durable, and when Redis had it. (One
group is appended at a time, so groups do not overlap.)"""


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
        # Only for write-throughs, which are accepted when they are applied.
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
        """Create an empty record of at most ``most_writes`` writes."""
        self._most = most_writes
        # No lock: appending to a deque, and copying one, are each atomic.
        self._durable: deque[_Durable] = deque(maxlen=most_writes)
        self._lock = threading.Lock()
        self._applied: deque[_Applied] = deque()
        self._writes = 0
        self._forgotten_at = 0.0

    def accepted(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes] = ()
    ) -> None:
        """Record a group of write-behinds that Redis holds now.

        Args:
            events: the group as it was appended.
            durable_at: when it was appended, in seconds since 1970.
            missed: the keys that Redis did not store.
        """
        cached = _Cached.now(missed or ())
        self._durable.append((events[0].seq, events[-1].seq, durable_at, cached))

    def applied(self, events: Sequence[WriteEvent]) -> None:
        """Record that these write-behinds are part of their rows now."""
        if events:
            self._add(_Applied(events[-self._most :], wall_seconds()))

    def written_through(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes] = ()
    ) -> None:
        """Record a group of write-throughs that Redis holds now; arguments as for ``accepted``."""
        if events:
            self._add(_Applied(events[-self._most :], durable_at, _Cached.now(missed or ())))

    def writes(
        self, key: bytes, others: Iterable[RecentWrite], most: int
    ) -> tuple[tuple[RecentWrite, ...], float]:
        """Return the newest writes of ``key`` in seq order, and the time (seconds since 1970; 0:
        the beginning) from which on they are complete.

        Args:
            key: the key.
            others: its writes that are not applied, as far as they are known elsewhere.
            most: the maximum number of writes.
        """
        with self._lock:
            groups, since = list(self._applied), self._forgotten_at
        durable = list(self._durable)
        found: dict[int, tuple[int, _Applied] | RecentWrite] = {}
        for group in groups:
            for seq, op in group.of(key):
                # A redelivered batch does not change the time.
                found.setdefault(seq, (op, group))
        for write in others:
            found.setdefault(write.seq, write)
        # A key may have thousands of writes: only the requested ones are built.
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
    """Return a write of ``group``, ``None`` if the time of its acceptance is not known."""
    write = RecentWrite(seq, Op(op), group.at, applied_at=group.at)
    if group.cached is None:
        return _joined(write, key, durable)
    return replace(write, cached_at=group.cached.of(key))


def _joined(write: RecentWrite, key: bytes, durable: Sequence[_Durable]) -> RecentWrite | None:
    """Return a write-behind with the times at which it was accepted and in Redis; ``None`` if they
    are not known."""
    place = bisect_right(durable, write.seq, key=itemgetter(0)) - 1
    if place < 0 or write.seq > durable[place][1]:
        return None
    _, _, durable_at, cached = durable[place]
    return replace(write, accepted_at=durable_at, cached_at=cached.of(key))
