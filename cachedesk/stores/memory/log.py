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
    """What one append took."""

    events: tuple[WriteEvent, ...]

    @property
    def last_seq(self) -> int:
        return self.events[-1].seq


class InMemoryLog:
    """An ``EventLog`` in a list. What it holds is kept when it is closed, or when its stack
    crashes, and is there again when it is opened. Thread-safe.

    ``full``: set it to have every append refused, as on a full disk. ``broken``: set it to have
    what a failed commit left stay unsettled, as on a disk that still fails.
    """

    name = "the log in memory"

    def __init__(self) -> None:
        """Make an empty log; closed until ``open``."""
        self.watermarks = InMemoryWatermarks()
        self.full = self.broken = False
        self._lock = threading.RLock()
        self._records: list[_Record] = []
        # The last seqs of the records that the engine knows of and that were not acked.
        self._known: list[int] = []
        self._failure = ""
        self._failing: list[bool] = []
        self._is_open = False

    def open(self) -> None:
        """Open it; what a failed commit left is settled."""
        with self._lock:
            self._is_open, self._failure, self._known = True, "", []
            self._failing.clear()
            self.watermarks.begin()

    def fail_commit(self, *, done: bool) -> None:
        """Have the next commit, of an append or an ack, fail with an unknown outcome.

        Args:
            done: whether it turns out that it was done.
        """
        self._failing.append(done)

    @property
    def epoch(self) -> int:
        """The number that tells this log from any other."""
        return self.watermarks.epoch

    @property
    def failed(self) -> bool:
        """Whether a commit failed and was not mended."""
        return bool(self._failure)

    @property
    def obstacle(self) -> str:
        """Why it takes no writes now; empty when it does."""
        if self._failure:
            return "failed"
        return "disk full" if self.full else ""

    @property
    def bytes(self) -> int:
        """About how much it holds."""
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
        """Keep ``events``, all of them or none.

        Raises:
            Unavailable: it is full, or a commit failed and was not mended; nothing was written.
            OutcomeUnknown: ``fail_commit`` said so.
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
        """Return the events of the records behind ``after_seq``, until they are ``most_events`` or
        a record ends above ``through_seq``."""
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
        """Return the last seq that ``ack`` would forget, 0 when there is none."""
        with self._lock:
            return max((seq for seq in self._known if seq <= through_seq), default=0)

    def ack(self, through_seq: int) -> int:
        """Forget the records up to ``through_seq``; return the last seq of the last one, 0 when
        there is none.

        Raises:
            Unavailable: it cannot be written; they will be read again.
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
        """Return everything that was not acked, oldest first."""
        with self._lock:
            self._check_open()
            return [event for record in self._records for event in record.events]

    def stray_records(self, after_seq: int) -> list[list[WriteEvent]]:
        """Return the records behind ``after_seq``, and know of them from now on."""
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
        """Settle what a failed commit left; see ``EventLog.mending``.

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
        """Return none: a test sets ``full`` or calls ``fail_commit``."""
        return ()

    def close(self) -> None:
        """Close it; what it holds is kept."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self.watermarks.close()

    def crash(self) -> None:
        """As the death of the process: what it holds is kept, and it was not closed in order."""
        with self._lock:
            self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed(f"{self.name} was closed")
