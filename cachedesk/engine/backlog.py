"""The backlog: how full the write-behind log is, for limits, errors and the screen alike.

What counts is what is on the disk: events that were not acked. That is everything pending, and
what became part of a row by another way (a write-through absorbed it) but is not acked yet.
"""

from __future__ import annotations

from cachedesk.core.errors import LogFull
from cachedesk.core.ports import EventLog
from cachedesk.core.settings import LogSettings
from cachedesk.core.wording import count_of
from cachedesk.engine.pending_events import PendingEvents


class Backlog:
    """What waits in one log, and its limits. Thread-safe; it keeps nothing itself."""

    def __init__(self, log: EventLog, pending: PendingEvents, settings: LogSettings) -> None:
        self._log = log
        self._pending = pending
        self._settings = settings

    @property
    def depth(self) -> int:
        """How many events wait in the log. (Without the log: how many writes wait in Redis.)"""
        return max(self._log.waiting, self._pending.depth)

    @property
    def waiting(self) -> int:
        """How many events are in the log and not acked."""
        return self._log.waiting

    @property
    def full(self) -> bool:
        """Whether the next write-behind finds no room."""
        return not self.has_room(1)

    def has_room(self, events: int) -> bool:
        """Return whether so many events may be added."""
        settings = self._settings
        return (
            self._log.waiting + events <= settings.limit_events
            and self._pending.bytes < settings.limit_bytes
        )

    def refusal(self) -> LogFull:
        """Return the error of a write that found no room."""
        settings, waiting = self._settings, self._log.waiting
        held = f"{count_of(waiting, 'event')} of {settings.limit_events:,} wait"
        if self._pending.bytes >= settings.limit_bytes:
            held = f"{self._pending.bytes:,} of {settings.limit_bytes:,} bytes are pending"
        return LogFull(
            f"the write-behind log is full ({held}); the write was refused: let the worker catch"
            " up, or raise limit_events or limit_bytes"
        )

    def remainder(self, seconds: float | None) -> str:
        """Return what a drain has left in the log after ``seconds``; empty when nothing is."""
        pending, waiting = self._pending.depth, self._log.waiting
        if pending:
            return f"{count_of(pending, 'event')} still pending after {seconds} s"
        if waiting:
            applied = f"{count_of(waiting, 'applied event')} still in the log after {seconds} s"
            return f"{applied}: the ack failed, or the worker did not come to it"
        return ""
