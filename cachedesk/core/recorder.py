"""What the engine tells observation: the ports of the two, and the parts that keep nothing."""

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
    """Take note of something rare: see ``EventRing.add``."""

    def __call__(self, code: EventCode, **fields: Plain) -> object: ...


class Recorder(Protocol):
    """Takes note of calls, writes and flushes.

    Each method runs on the time of a caller or of the worker: it is cheap, and never raises.
    Times ending in ``_at`` are wall-clock seconds since 1970.
    """

    def hit(self, seconds: float, keys: Collection[bytes]) -> None:
        """``keys`` were read from the cache, in ``seconds`` together. Takes no lock: a signal
        handler may make another call in the middle of this one."""
        ...

    def call(self, path: CallPath, seconds: float, keys: Collection[bytes], count: int = 1) -> None:
        """``count`` operations on ``keys`` took ``path`` and ``seconds`` together."""
        ...

    def unreadable(self, keys: Collection[bytes]) -> None:
        """Reads of ``keys`` were unavailable."""
        ...

    def count(self, name: str, count: int = 1) -> None:
        """Something without a duration happened: ``loads``, ``refused``, ``stale`` …"""
        ...

    def flushed(
        self, seconds: float, applied: Sequence[WriteEvent], rows: int, since_at: float = 0.0
    ) -> None:
        """A transaction applied ``applied`` in ``rows`` row writes and ``seconds``; the lag of
        events accepted before ``since_at`` does not count."""
        ...

    def written_behind(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes]
    ) -> None:
        """``events`` became durable in the log; the cache shows them now, but for the keys in
        ``missed``."""
        ...

    def written_through(
        self, events: Sequence[WriteEvent], durable_at: float, missed: Collection[bytes]
    ) -> None:
        """``events`` became part of their rows; else as ``written_behind``."""
        ...

    def applied(self, events: Sequence[WriteEvent]) -> None:
        """``events`` from the log are part of their rows now."""
        ...


class NullRecorder:
    """Keeps nothing."""

    def hit(self, seconds: float, keys: Collection[bytes]) -> None:
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
