"""The last known values of keys whose policy serves them when the truth cannot be read.

Kept in memory, only for patterns that ask for it (``Policy(stale_on_error="30s")``), and only for
reads that would raise ``Unavailable`` otherwise. A value is noted with its expiry when it is
written or read from the truth; a hit in Redis only confirms it, because Redis does not say when it
expires.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import Entry

_MOST_BYTES = 16 * 1024 * 1024
_ENTRY_BYTES = 200
_LARGEST_SHARE = 16


class _Known:
    """One value. ``at``: when it was last known to be true. ``used``: since it was last passed
    over when room was made."""

    __slots__ = ("at", "entry", "size", "used")

    def __init__(self, entry: Entry, at: float, size: int) -> None:
        self.entry, self.at, self.size, self.used = entry, at, size, False


class LastKnown:
    """The last known values of some keys, in bounded memory. Thread-safe."""

    def __init__(
        self, seconds_of: Callable[[bytes], float | None], most_bytes: int = _MOST_BYTES
    ) -> None:
        """Prepare.

        Args:
            seconds_of: returns for how long the last value of a key may be served; ``None``: not.
            most_bytes: the most memory that keys and values may take.
        """
        self._seconds_of = seconds_of
        self._most_bytes = most_bytes
        self._known: dict[bytes, _Known] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def note(self, entries: Mapping[bytes, Entry]) -> None:
        """Note the true entries of keys."""
        now = wall_seconds()
        with self._lock:
            for key, entry in entries.items():
                if self._seconds_of(key) is not None:
                    self._remove(key)
                    if entry.value is not None:
                        self._add(key, _Known(entry, now, len(key) + len(entry.value)))
            self._make_room()

    def confirm(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Note that Redis still has these values. Takes no lock: a signal handler may read in the
        middle of another read."""
        now = wall_seconds()
        for key, value in zip(keys, values, strict=True):
            known = self._known.get(key)
            if known is not None and known.entry.value == value:
                known.at, known.used = now, True

    def forget(self, keys: Iterable[bytes]) -> None:
        """Forget ``keys``: a write of them has an unknown outcome."""
        with self._lock:
            for key in keys:
                self._remove(key)

    def get(self, key: bytes) -> Entry | None:
        """Return the last known entry of ``key`` if it may be served now."""
        seconds, known, now = self._seconds_of(key), self._known.get(key), wall_seconds()
        if seconds is None or known is None or now - known.at > seconds:
            return None
        return None if known.entry.as_of(now).value is None else known.entry

    def may_serve(self, keys: Collection[bytes]) -> bool:
        """Return whether there is a value to serve for any of ``keys``."""
        return any(self.get(key) is not None for key in keys)

    def _add(self, key: bytes, known: _Known) -> None:
        if known.size <= self._most_bytes // _LARGEST_SHARE:
            self._known[key] = known
            self._bytes += known.size + _ENTRY_BYTES

    def _remove(self, key: bytes) -> None:
        if (known := self._known.pop(key, None)) is not None:
            self._bytes -= known.size + _ENTRY_BYTES

    def _make_room(self) -> None:
        """Remove the oldest values; one that was read since is passed over once (second chance)."""
        while self._bytes > self._most_bytes:
            key = next(iter(self._known))
            known = self._known[key]
            self._remove(key)
            if known.used:
                known.used = False
                self._add(key, known)
