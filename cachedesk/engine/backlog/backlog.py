"""The backlog of one log: one index of its events, for the paths, the worker and the screen.

An appended event is *waiting* until it is acked, and *pending* until it is part of a row or a dead
letter. One lock protects both states and an event enters both at once, so the worker never reads an
event that is not pending yet, and the two never disagree. (An event that a write-through absorbed
is no longer pending, but still waiting: it is on the disk until it is acked.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cachedesk.core.errors import LogFull
from cachedesk.core.events import COUNTER_MAX, Entry, WriteEvent
from cachedesk.core.ports import EventLog
from cachedesk.core.settings import LogSettings
from cachedesk.core.snapshot import Books
from cachedesk.core.wakeup import Wakeup
from cachedesk.core.wording import count_of
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.backlog.unacked import Unacked


class Waiting(NamedTuple):
    """The event balance, the number of waiting events and the age of the oldest, at one instant."""

    books: Books
    events: int
    oldest_seconds: float


class Backlog:
    """The waiting and pending events of one log, and its limits. Thread-safe."""

    def __init__(self, log: EventLog, settings: LogSettings, dead: int = 0) -> None:
        """Create an empty backlog.

        Args:
            log: the log of the events.
            settings: its limits.
            dead: the number of existing dead letters.
        """
        self._log = log
        self._settings = settings
        self._lock = threading.Lock()
        self._unacked = Unacked()
        self.pending = PendingEvents(dead, self._lock)
        """The events that are not part of a row yet, by key."""
        self.grown = Wakeup()
        """Set when the number of unread events reaches the one that the worker waits for (see
        ``wake_at``), and whenever else the worker must check."""
        self._wake_at = 1

    def recover(
        self, events: Sequence[WriteEvent], age_seconds: float, *, pending: Sequence[WriteEvent]
    ) -> None:
        """Add a record that was found in the log when it was opened.

        Args:
            events: all its events.
            age_seconds: the age of the record.
            pending: the events that are neither part of a row nor a dead letter.
        """
        with self._lock:
            self.pending.add_locked(pending, {})
            self._unacked.add(events, time.monotonic() - age_seconds)

    def accept(self, events: Sequence[WriteEvent], heads: Mapping[bytes, Entry]) -> None:
        """Add ``events``, which have just become durable in the log; from now on the worker may
        read them.

        Args:
            events: the events of one append, in seq order.
            heads: the entry of each of their keys after them.
        """
        with self._lock:
            self.pending.add_locked(events, heads)
            self._unacked.add(events, time.monotonic())
        if self.waiting >= self._wake_at:
            self.grown.set()

    def adopt(self, events: Sequence[WriteEvent]) -> None:
        """Add ``events`` of an append whose outcome was unknown; their rows may hold newer writes
        already."""
        with self._lock:
            self.pending.add_locked(events, {}, overtaken=True)
            self._unacked.add(events, time.monotonic())
        self.pending.recount_accepted()
        self.grown.set()

    def acked(self, through_seq: int) -> None:
        """Remove the events up to ``through_seq``, which the log has acked."""
        with self._lock:
            self._unacked.forget(through_seq)
            self.pending.shrunk.notify_all()

    @property
    def published_seq(self) -> int:
        """The seq of the newest event that the worker may read."""
        return self._unacked.published_seq

    @property
    def waiting(self) -> int:
        """How many events are in the log and were not acked."""
        return self._unacked.events

    def unread(self, after_seq: int) -> int:
        """Return how many of the ``waiting`` events come after ``after_seq``."""
        with self._lock:
            return self._unacked.after(after_seq)

    def wake_at(self, unread: int, after_seq: int) -> None:
        """Make ``accept`` set ``grown`` once ``unread(after_seq)`` reaches ``unread``."""
        self._wake_at = self.waiting - self.unread(after_seq) + unread

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event that was not acked; 0 if there is none."""
        return self._unacked.oldest_seconds

    @property
    def acked_through(self) -> int:
        """The seq up to which no event can be delivered again. (An event that is appended later
        belongs to a key whose row holds no higher seq: see ``key_locks``.)"""
        with self._lock:
            return self._acked_through()

    def wait_until_flushed(self, seconds: float) -> bool:
        """Wait for at most ``seconds`` until no event is pending or waiting; return whether that is
        so."""
        return self._wait_until(lambda: not self.pending.depth and not self.waiting, seconds)

    def wait_until_acked(self, seq: int, seconds: float) -> bool:
        """Wait for at most ``seconds`` until the event ``seq`` cannot be delivered again; return
        whether that is so."""
        return self._wait_until(lambda: self._acked_through() >= seq, seconds)

    def wait_for_room(self, events: int, seconds: float) -> bool:
        """Wait for at most ``seconds`` until there is room for ``events`` events; return whether
        there is."""
        return self._wait_until(lambda: self.has_room(events), seconds)

    def _wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        with self._lock:
            return self.pending.shrunk.wait_for(ready, max(seconds, 0.0))

    def _acked_through(self) -> int:
        first_seq = self._unacked.first_seq
        newest = COUNTER_MAX if first_seq is None else first_seq - 1
        # The events that a failed commit may have left have higher seqs than all published ones.
        return min(newest, self._unacked.published_seq) if self._log.failed else newest

    def undelivered(self) -> list[WriteEvent]:
        """Return the events that were not acked, oldest first, as read from the log now.

        Raises:
            Unavailable: the log cannot be read.
        """
        through = self.published_seq
        return [event for event in self._log.events() if event.seq <= through]

    def state(self) -> Waiting:
        """Return the event balance and the waiting events at one instant."""
        with self._lock:
            return Waiting(
                self.pending.books_locked(), self._unacked.events, self._unacked.oldest_seconds
            )

    @property
    def depth(self) -> int:
        """How many events wait in the log. (While the log is off: how many writes exist only in
        Redis.)"""
        return max(self.waiting, self.pending.depth)

    @property
    def full(self) -> bool:
        """Whether there is no room for another event."""
        return not self.has_room(1)

    def has_room(self, events: int) -> bool:
        """Return whether there is room for ``events`` events."""
        settings = self._settings
        return (
            self.waiting + events <= settings.limit_events
            and self.pending.bytes < settings.limit_bytes
        )

    def refusal(self) -> LogFull:
        """Return the error of a write for which there is no room."""
        settings, waiting = self._settings, self.waiting
        held = f"{count_of(waiting, 'event')} of {settings.limit_events:,} wait"
        if self.pending.bytes >= settings.limit_bytes:
            held = f"{self.pending.bytes:,} of {settings.limit_bytes:,} bytes are pending"
        return LogFull(
            f"the write-behind log is full ({held}); the write was refused: let the worker catch"
            " up, or raise limit_events or limit_bytes"
        )

    def remainder(self, seconds: float | None) -> str:
        """Return a sentence on what a drain of ``seconds`` has left; empty if nothing is left."""
        pending, waiting = self.pending.depth, self.waiting
        if pending:
            return f"{count_of(pending, 'event')} still pending after {seconds} s"
        if waiting:
            applied = f"{count_of(waiting, 'applied event')} still in the log after {seconds} s"
            return f"{applied}: the ack failed or is still to come"
        return ""
