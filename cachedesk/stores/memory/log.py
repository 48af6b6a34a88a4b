"""A write-behind log in memory: a list of records that can be full, and whose commits can fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import Closed, Damaged, OutcomeUnknown, Unavailable
from cachedesk.core.events import WriteEvent
from cachedesk.core.fault import Fault
from cachedesk.stores.memory.watermarks import InMemoryWatermarks

_EVENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Record:
    """The events of one append."""

    events: tuple[WriteEvent, ...]

    @property
    def last_seq(self) -> int:
        return self.events[-1].seq


class InMemoryLog:
    """An ``EventLog`` in a list. Its events are kept when it is closed, or when its stack crashes,
    and are there again when it is opened. Thread-safe.

    ``full``: set it to refuse every append, as on a full disk. ``broken``: set it to make
    ``mending`` fail, as on a disk that still fails.
    """

    name = "the log in memory"

    def __init__(self) -> None:
        """Create an empty log; it is closed until ``open``."""
        self.watermarks = InMemoryWatermarks()
        self.full = self.broken = False
        self._lock = threading.RLock()
        self._records: list[_Record] = []
        # The last seqs of the records that the engine knows and that were not acked.
        self._known: list[int] = []
        self._failure = ""
        self._failing: list[bool] = []
        self._is_open = False

    def open(self) -> None:
        """Open it; the outcome of a failed commit is settled."""
        with self._lock:
            self._is_open, self._failure, self._known = True, "", []
            self._failing.clear()
            self.watermarks.begin()

    def fail_commit(self, *, done: bool) -> None:
        """Make the next commit, of an append or an ack, fail with an unknown outcome.

        Args:
            done: whether the commit took effect all the same.
        """
        self._failing.append(done)

    @property
    def epoch(self) -> int:
        """A random number that identifies this log."""
        return self.watermarks.epoch

    @property
    def failed(self) -> bool:
        """Whether a commit failed and was not mended."""
        return bool(self._failure)

    @property
    def obstacle(self) -> str:
        """Why it takes no writes now; empty if it does."""
        if self._failure:
            return "failed"
        return "disk full" if self.full else ""

    @property
    def bytes(self) -> int:
        """Its approximate size in bytes."""
        with self._lock:
            events = [event for record in self._records for event in record.events]
        return sum(
            _EVENT_BYTES + len(event.key) + (len(event.arg) if isinstance(event.arg, bytes) else 0)
            for event in events
        )

    def recover(self, applied_through: int) -> list[tuple[list[WriteEvent], float]]:
        """Return all records, oldest first, each with its age in seconds.

        Raises:
            Damaged: events are missing.
        """
        with self._lock:
            records = list(self._records)
            self._known = [record.last_seq for record in records]
        newest = max([applied_through, *(record.last_seq for record in records)])
        if self.watermarks.log_seq > newest:
            raise Damaged(f"{self.name} has lost events {newest + 1} to {self.watermarks.log_seq}")
        self.watermarks.note_log(newest)
        now = wall_seconds()
        return [(list(record.events), max(0.0, now - record.events[0].at)) for record in records]

    def append(self, events: Sequence[WriteEvent]) -> None:
        """Store ``events``, all of them or none.

        Raises:
            Unavailable: it is full, or a commit failed and was not mended; nothing was written.
            OutcomeUnknown: ``fail_commit`` was called.
        """
        with self._lock:
            self._check_open()
            if self._failure:
                raise Unavailable(f"{self.name} takes no writes: {self._failure}")
            if self.full:
                raise Unavailable(f"{self.name} is full")
            failing, done = bool(self._failing), not self._failing or self._failing.pop(0)
            if done:
                self._records.append(_Record(tuple(events)))
            if failing:
                self._failure = "a commit failed"
                raise OutcomeUnknown(f"{self.name}: a commit failed")
            self._known.append(events[-1].seq)
            self.watermarks.note_log(events[-1].seq)

    def read(self, after_seq: int, through_seq: int, most_events: int) -> tuple[WriteEvent, ...]:
        """Return the events after ``after_seq``, in whole records, up to the record that reaches
        ``most_events`` or ends above ``through_seq``."""
        events: list[WriteEvent] = []
        with self._lock:
            self._check_open()
            for record in self._records:
                if len(events) >= most_events or record.last_seq > through_seq:
                    break
                if record.last_seq > after_seq:
                    events += record.events
        return tuple(events)

    def ackable(self, through_seq: int) -> int:
        """Return the last seq that ``ack`` would delete, 0 if there is none."""
        with self._lock:
            return max((seq for seq in self._known if seq <= through_seq), default=0)

    def ack(self, through_seq: int) -> int:
        """Delete the records that end at or below ``through_seq``; return the last seq deleted, 0
        if there is none.

        Raises:
            Unavailable: it cannot be written; the events will be read again.
        """
        with self._lock:
            self._check_open()
            last_seq = self.ackable(through_seq)
            if not last_seq:
                return 0
            failing, done = bool(self._failing), not self._failing or self._failing.pop(0)
            if done:
                self._records = [each for each in self._records if each.last_seq > last_seq]
            if failing:
                self._failure = "a commit failed"
                raise Unavailable(f"{self.name} cannot be trimmed: a commit failed")
            self._known = [seq for seq in self._known if seq > last_seq]
            self.watermarks.note_acked(last_seq)
            return last_seq

    def events(self) -> list[WriteEvent]:
        """Return all events that were not acked, oldest first."""
        with self._lock:
            self._check_open()
            return [event for record in self._records for event in record.events]

    def stray_records(self, after_seq: int) -> list[list[WriteEvent]]:
        """Return the records after ``after_seq``, which are known to the engine from now on."""
        with self._lock:
            self._check_open()
            strays = [record for record in self._records if record.last_seq > after_seq]
            for record in strays:
                if record.last_seq not in self._known:
                    self._known.append(record.last_seq)
                self.watermarks.note_log(record.last_seq)
            return [list(record.events) for record in strays]

    @contextmanager
    def mending(self) -> Iterator[int]:
        """Settle the outcome of a failed commit; see ``EventLog.mending``.

        Raises:
            Unavailable: it is ``broken``; nothing was changed.
        """
        with self._lock:
            self._check_open()
            if self.broken:
                raise Unavailable(f"{self.name} takes no writes: {self._failure or 'it is broken'}")
            oldest = min((record.events[0].seq for record in self._records), default=None)
            gone = [seq for seq in self._known if oldest is None or seq < oldest]
            self._known = [seq for seq in self._known if seq not in gone]
        yield max(gone, default=0)
        with self._lock:
            self._failure = ""

    def faults(self) -> Sequence[Fault]:
        """Return none: tests set ``full`` or call ``fail_commit`` instead."""
        return ()

    def close(self) -> None:
        """Close it; the events are kept."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self.watermarks.close()

    def crash(self) -> None:
        """Simulate the death of the process: the events are kept; the shutdown is unclean."""
        with self._lock:
            self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed(f"{self.name} was closed")
