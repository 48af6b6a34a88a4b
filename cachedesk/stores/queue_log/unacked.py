"""Unacked: what is in the log and was not acked, record by record: the log's own memory of itself,
so that how much waits, how old it is and how far an ack reaches are known without the file."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from cachedesk.core.events import WriteEvent


class _Record(msgspec.Struct, frozen=True, gc=False):
    """A record that was not acked: its number, its first and last seq, how many events it has,
    how many there are up to its end since the last time that there were none, and when it was
    accepted. (Nothing for the garbage collector to go through: there may be a million.)"""

    number: int
    first_seq: int
    last_seq: int
    events: int
    through: int
    at: float


class Prefix(NamedTuple):
    """The oldest records together: the number and the last seq of the last one; 0 when there are
    none."""

    number: int
    last_seq: int


class Unacked:
    """The records that were not acked. Thread-safe."""

    def __init__(self, lock: threading.Lock) -> None:
        """Begin with none; ``lock`` is held for each change."""
        self._records: deque[_Record] = deque()
        self._lock = lock
        self.published_seq = 0
        """The seq of the newest event that may be read."""

    @property
    def events(self) -> int:
        """How many events there are."""
        try:
            first, last = self._records[0], self._records[-1]
        except IndexError:
            return 0
        return last.through - first.through + first.events

    def behind(self, seq: int) -> int:
        """Return how many events are in the records that begin behind ``seq``."""
        with self._lock:
            records = self._records
            place = bisect_right(records, seq, key=lambda record: record.last_seq)
            if place == len(records):
                return 0
            first = records[place]
            return records[-1].through - first.through + first.events

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event; 0 when there is none."""
        try:
            return max(0.0, time.monotonic() - self._records[0].at)
        except IndexError:
            return 0.0

    @property
    def first_seq(self) -> int | None:
        """The seq of the oldest event, ``None`` when there is none. The caller holds the lock."""
        return self._records[0].first_seq if self._records else None

    def add(self, events: Sequence[WriteEvent], number: int, at: float) -> None:
        """Take up what is in the records up to this number. Each step may be the last before an
        interrupt: then all of it is done again."""
        with self._lock:
            last = self._records[-1] if self._records else None
            known = last.last_seq if last else self.published_seq
            new = [event for event in events if event.seq > known]
            if new:
                through = (last.through if last else 0) + len(new)
                record = _Record(number, new[0].seq, new[-1].seq, len(new), through, at)
                self._records.append(record)
            self.published_seq = events[-1].seq

    def until(self, through_seq: int) -> Prefix:
        """Return the records that end at ``through_seq`` or before."""
        number = last_seq = 0
        with self._lock:
            for record in self._records:
                if record.last_seq > through_seq:
                    break
                number, last_seq = record.number, record.last_seq
        return Prefix(number, last_seq)

    def forget_until(self, through_seq: int) -> None:
        """Forget the records that end at ``through_seq`` or before."""
        self._forget(lambda record: record.last_seq <= through_seq)

    def forget_below(self, number: int | None) -> None:
        """Forget the records with a number below this one; ``None``: all of them."""
        self._forget(lambda record: number is None or record.number < number)

    def _forget(self, acked: Callable[[_Record], bool]) -> None:
        with self._lock:
            while self._records and acked(self._records[0]):
                self._records.popleft()
