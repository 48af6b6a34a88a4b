"""The ports through which the engine reports to observation, and a recorder that does nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol

from cachedesk.core.engine_event import EventCode, Plain
from cachedesk.core.events import WriteEvent


class CallPath(StrEnum):
    """The paths whose calls are counted and timed."""

    HIT = "hit"
    OVERLAY = "overlay"
    DATABASE = "database"
    WRITE_THROUGH = "write_through"
    WRITE_BEHIND = "write_behind"
    FLUSH = "flush"


class Announce(Protocol):
    """Reports a rare event: see ``EventRing.add``."""

    def __call__(self, code: EventCode, **fields: Plain) -> object: ...


class Recorder(Protocol):
    """Records calls, writes and flushes.

    Each method runs within a call or a flush: it must be fast, and never raise. Times ending in
    ``_at`` are wall-clock seconds since 1970.
    """

    def hit(self, seconds: float, keys: Collection[bytes], absent: int = 0) -> None:
        """Record that ``keys`` were read from the cache, in ``seconds`` together; ``absent`` of
        them are cached as absent. Takes no lock: a signal handler may make another call in the
        middle of this one."""
        ...

    def call(self, path: CallPath, seconds: float, keys: Collection[bytes], count: int = 1) -> None:
        """Record that ``count`` operations on ``keys`` took ``path``, and ``seconds`` together."""
        ...

    def unreadable(self, keys: Collection[bytes]) -> None:
        """Record that reads of ``keys`` failed with ``Unavailable``."""
        ...

    def count(self, name: str, count: int = 1) -> None:
        """Count something that has no duration: ``loads``, ``refused``, ``stale`` …"""
        ...

    def flushed(
        self, seconds: float, applied: Sequence[WriteEvent], rows: int, since_at: float = 0.0
    ) -> None:
        """Record that a transaction applied the events ``applied`` in ``rows`` row writes and
        ``seconds``; the lag of events accepted before ``since_at`` does not count."""
        ...

    def written_behind(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes]
    ) -> None:
        """Record that ``events`` became durable in the log; the cache holds them now, except for
        the keys in ``missed``."""
        ...

    def written_through(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes]
    ) -> None:
        """Record that ``events`` became part of their rows; otherwise as ``written_behind``."""
        ...

    def applied(self, events: Sequence[WriteEvent]) -> None:
        """Record that ``events`` from the log are part of their rows now."""
        ...


class NullRecorder:
    """Records nothing."""

    def hit(self, seconds: float, keys: Collection[bytes], absent: int = 0) -> None:
        """Do nothing."""

    def call(self, path: CallPath, seconds: float, keys: Collection[bytes], count: int = 1) -> None:
        """Do nothing."""

    def unreadable(self, keys: Collection[bytes]) -> None:
        """Do nothing."""

    def count(self, name: str, count: int = 1) -> None:
        """Do nothing."""

    def flushed(
        self, seconds: float, applied: Sequence[WriteEvent], rows: int, since_at: float = 0.0
    ) -> None:
        """Do nothing."""

    def written_behind(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes]
    ) -> None:
        """Do nothing."""

    def written_through(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes]
    ) -> None:
        """Do nothing."""

    def applied(self, events: Sequence[WriteEvent]) -> None:
        """Do nothing."""
