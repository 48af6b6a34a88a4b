"""The backlog of one log: one index of what waits, for the paths, the worker and the screen.

An event that was appended is *waiting* until it was acked, and *pending* until it is part of a row
or a dead letter. Both are kept under one lock: an event becomes both at once, so the worker never
sees one that is not pending yet, and the two never disagree. (What a write-through absorbed is
not pending any more, and waits until it was acked: it is still on the disk.)
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
    """The books and what waits in the log, at one instant."""

    books: Books
    events: int
    oldest_seconds: float


class Backlog:
    """What waits in one log, and its limits. Thread-safe."""

    def __init__(self, log: EventLog, settings: LogSettings, dead: int = 0) -> None:
        """Begin with nothing waiting.

        Args:
            log: whose events they are.
            settings: its limits.
            dead: how many dead letters there are from before.
        """
        self._log = log
        self._settings = settings
        self._lock = threading.Lock()
        self._unacked = Unacked()
        self.pending = PendingEvents(dead, self._lock)
        """The events that are not part of a row yet, by key."""
        self.grown = Wakeup()
        """Set when as many events are unread as the worker waits for: see ``wake_at``."""
        self._wake_at = 1

    def recover(
        self, events: Sequence[WriteEvent], age_seconds: float, *, pending: Sequence[WriteEvent]
    ) -> None:
        """Take up a record that was found in the log when it was opened.

        Args:
            events: all of it.
            age_seconds: how old it is.
            pending: those of its events that are neither in a row nor a dead letter.
        """
        with self._lock:
            self.pending.add_locked(pending, {})
            self._unacked.add(events, time.monotonic() - age_seconds)

    def accept(self, events: Sequence[WriteEvent], heads: Mapping[bytes, Entry]) -> None:
        """Take up ``events`` that have just become durable in the log, in seq order; from now on
        the worker may read them.

        Args:
            events: of one append.
            heads: the value of each of their keys after them.
        """
        with self._lock:
            self.pending.add_locked(events, heads)
            self._unacked.add(events, time.monotonic())
        if self.waiting >= self._wake_at:
            self.grown.set()

    def adopt(self, events: Sequence[WriteEvent]) -> None:
        """Take up ``events`` of an append whose outcome was not known; their rows may hold newer
        writes already."""
        with self._lock:
            self.pending.add_locked(events, {}, overtaken=True)
            self._unacked.add(events, time.monotonic())
        self.pending.recount_accepted()
        self.grown.set()

    def acked(self, through_seq: int) -> None:
        """Forget what the log has let go of, up to ``through_seq``."""
        with self._lock:
            self._unacked.forget(through_seq)
            self.pending.shrunk.notify_all()

    @property
    def published_seq(self) -> int:
        """The seq of the newest event that the worker may read."""
        return self._unacked.published_seq

    @property
    def waiting(self) -> int:
        """How many events are in the log and not acked."""
        return self._unacked.events

    def unread(self, after_seq: int) -> int:
        """Return how many of the ``waiting`` events come behind ``after_seq``."""
        with self._lock:
            return self._unacked.behind(after_seq)

    def wake_at(self, unread: int, after_seq: int) -> None:
        """Have ``accept`` set ``grown`` when it makes ``unread(after_seq)`` reach ``unread``."""
        self._wake_at = self.waiting - self.unread(after_seq) + unread

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event that was not acked; 0 when there is none."""
        return self._unacked.oldest_seconds

    @property
    def acked_through(self) -> int:
        """The seq up to which no event can be delivered again. (An event that is appended later
        is of a key that nothing above its seq has changed: see ``key_locks``.)"""
        with self._lock:
            return self._acked_through()

    def wait_until_flushed(self, seconds: float) -> bool:
        """Wait for at most ``seconds`` until nothing is pending and nothing waits in the log;
        return whether that is so."""
        return self._wait_until(lambda: not self.pending.depth and not self.waiting, seconds)

    def wait_until_acked(self, seq: int, seconds: float) -> bool:
        """Wait for at most ``seconds`` until the event ``seq`` cannot be delivered again; return
        whether that is so."""
        return self._wait_until(lambda: self._acked_through() >= seq, seconds)

    def wait_for_room(self, events: int, seconds: float) -> bool:
        """Wait for at most ``seconds`` until so many events may be added; return whether they
        may."""
        return self._wait_until(lambda: self.has_room(events), seconds)

    def _wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        with self._lock:
            return self.pending.shrunk.wait_for(ready, max(seconds, 0.0))

    def _acked_through(self) -> int:
        first_seq = self._unacked.first_seq
        newest = COUNTER_MAX if first_seq is None else first_seq - 1
        # What a commit that failed may have left comes behind all that was published.
        return min(newest, self._unacked.published_seq) if self._log.failed else newest

    def undelivered(self) -> list[WriteEvent]:
        """Return the events that were not acked, oldest first, read afresh from the log.

        Raises:
            Unavailable: the log cannot be read.
        """
        through = self.published_seq
        return [event for event in self._log.events() if event.seq <= through]

    def state(self) -> Waiting:
        """Return the books and what waits, as they are at one instant."""
        with self._lock:
            return Waiting(
                self.pending.books_locked(), self._unacked.events, self._unacked.oldest_seconds
            )

    @property
    def depth(self) -> int:
        """How many events wait in the log. (Without the log: how many writes wait in Redis.)"""
        return max(self.waiting, self.pending.depth)

    @property
    def full(self) -> bool:
        """Whether the next write-behind finds no room."""
        return not self.has_room(1)

    def has_room(self, events: int) -> bool:
        """Return whether so many events may be added."""
        settings = self._settings
        return (
            self.waiting + events <= settings.limit_events
            and self.pending.bytes < settings.limit_bytes
        )

    def refusal(self) -> LogFull:
        """Return the error of a write that found no room."""
        settings, waiting = self._settings, self.waiting
        held = f"{count_of(waiting, 'event')} of {settings.limit_events:,} wait"
        if self.pending.bytes >= settings.limit_bytes:
            held = f"{self.pending.bytes:,} of {settings.limit_bytes:,} bytes are pending"
        return LogFull(
            f"the write-behind log is full ({held}); the write was refused: let the worker catch"
            " up, or raise limit_events or limit_bytes"
        )

    def remainder(self, seconds: float | None) -> str:
        """Return what a drain has left in the log after ``seconds``; empty when nothing is."""
        pending, waiting = self.pending.depth, self.waiting
        if pending:
            return f"{count_of(pending, 'event')} still pending after {seconds} s"
        if waiting:
            applied = f"{count_of(waiting, 'applied event')} still in the log after {seconds} s"
            return f"{applied}: the ack failed, or the worker did not come to it"
        return ""
