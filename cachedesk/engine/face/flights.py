"""Flights: of several callers that need one absent value at the same time, one loads it.

A caller that finds a flight of its key waits for the result instead of loading it again. A write of
the key outdates the flight, because the value that is being loaded may be older than the write:
it is not stored, and callers that come later begin a flight of their own. The write outdates the
flights before it is made; a flight that begins after that loads what the writer could see too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from cachedesk.core import forking

_RECHECK_SECONDS = 1.0


class Flight:
    """One load of one key, and its result.

    ``outdated``: the key was written since it began. ``landed``: ``value`` is the result, or
    ``error`` why there is none.
    """

    __slots__ = ("_ended", "error", "landed", "outdated", "thread", "value")

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self.outdated = self.landed = False
        self.value: bytes | None = None
        self.error: Exception | None = None
        # A plain lock: an Event is written in Python, and an interrupt can leave it inconsistent.
        self._ended = threading.Lock()
        self._ended.acquire()

    def land(self, value: bytes | None = None, error: Exception | None = None) -> None:
        """Note the result for those who wait."""
        self.value, self.error, self.landed = value, error, True

    def end(self) -> None:
        """Wake those who wait. A second call does nothing."""
        if self._ended.locked():
            self._ended.release()

    def wait(self) -> bool:
        """Wait until the flight ends; return whether it has a result. It has none if its thread
        was interrupted or died."""
        while not self._ended.acquire(timeout=_RECHECK_SECONDS):
            if not self.thread.is_alive():
                return self.landed
        self._ended.release()
        return self.landed


class Flights:
    """The loads under way, one per key. Thread-safe."""

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}
        # Reentrant, because a signal handler may make a call in the middle of another.
        self._lock = threading.RLock()
        forking.owns(self)

    def forked(self) -> None:
        """Forget the flights in a forked child: their threads are in the parent, and one of them
        may hold the lock for ever here."""
        self._flights, self._lock = {}, threading.RLock()

    def join(self, key: bytes, own: Flight) -> Flight:
        """Return the flight of ``key`` to wait for, or ``own``, which now is the flight of the key;
        the caller must ``end`` it."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is None or flight.outdated or not flight.thread.is_alive():
                flight = self._flights[key] = own
            return flight

    def end(self, key: bytes, own: Flight) -> None:
        """End ``own``, if it is or was the flight of ``key``."""
        with self._lock:
            if self._flights.get(key) is own:
                del self._flights[key]
        own.end()

    def outdate(self, keys: Iterable[bytes]) -> None:
        """Outdate the flights of ``keys``, which are about to be written. Takes no lock: a flight
        that begins meanwhile begins after that."""
        if self._flights:
            for key in keys:
                if (flight := self._flights.get(key)) is not None:
                    flight.outdated = True

    def outdate_all(self) -> None:
        """Outdate all flights: a key that is not known is about to be written."""
        self.outdate(list(self._flights))
