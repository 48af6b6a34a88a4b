"""The expected state: attempted and acknowledged writes, in a mapped file.

A client records the version that it attempts before the call, and the acknowledged version after
it. Stores to a mapped file survive a SIGKILL of the process, so after the death of the process
under test it is known what must be there: each key is at its acknowledged version, or possibly at a
later one that was attempted.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cachedesk.lab.torture.plan import CLIENTS, COUNTERS, KEYS, SESSIONS

_NUMBER = struct.Struct("<Q")
_TALLIES = 3

_KEY_FIELDS = 3  # attempted, acknowledged, newest seq
_COUNTER_FIELDS = 2  # attempted, acknowledged
_COUNTERS_AT = KEYS * _KEY_FIELDS
_TALLIES_AT = _COUNTERS_AT + CLIENTS * COUNTERS * _COUNTER_FIELDS
_SESSIONS_AT = _TALLIES_AT + CLIENTS * _TALLIES
_SESSION_FIELDS = 6
_NUMBERS = _SESSIONS_AT + SESSIONS * _SESSION_FIELDS
_NEVER = 1 << 63

IMAGE_BYTES = _NUMBERS * _NUMBER.size


class SessionMark(NamedTuple):
    """What is known of a session. ``earliest``, ``latest``: the bounds of the deadline of the
    acknowledged version, ``attempted_earliest``: the earlier one of the attempted version, in
    seconds since 1970; infinite: it does not expire."""

    attempted: int
    acknowledged: int
    seq: int
    earliest: float
    latest: float
    attempted_earliest: float


class Expected:
    """The mapped numbers. Each is written by one thread only."""

    def __init__(self, path: Path) -> None:
        """Open or create the file at ``path``."""
        with path.open("a+b") as file:
            file.truncate(IMAGE_BYTES)
            self._map = mmap.mmap(file.fileno(), IMAGE_BYTES)

    @property
    def image(self) -> bytes:
        """A copy of all the numbers."""
        return self._map[:]

    def restore(self, image: bytes) -> None:
        """Go back to the numbers of an earlier ``image``."""
        self._map[:] = image

    def attempt(self, index: int, version: int) -> None:
        """Record that the write ``version`` of a key is about to be called."""
        self._put(index * _KEY_FIELDS, version)

    def acknowledge(self, index: int, version: int, seq: int) -> None:
        """Record that the write ``version`` of a key was acknowledged as ``seq``."""
        self._put(index * _KEY_FIELDS + 2, seq)
        self._put(index * _KEY_FIELDS + 1, version)

    def key(self, index: int) -> tuple[int, int, int]:
        """Return (attempted version, acknowledged version, newest acknowledged seq) of a key."""
        at = index * _KEY_FIELDS
        return self._get(at), self._get(at + 1), self._get(at + 2)

    def settle(self, index: int, version: int) -> None:
        """Record that the judge found the key at ``version``."""
        self._put(index * _KEY_FIELDS, version)
        self._put(index * _KEY_FIELDS + 1, version)

    def attempt_count(self, client: int, counter: int, count: int) -> None:
        """Record that a client is about to make its ``count``-th increment of a shared counter."""
        self._put(self._counter(client, counter), count)

    def acknowledge_count(self, client: int, counter: int, count: int) -> None:
        """Record that a client's ``count``-th increment of a shared counter was acknowledged."""
        self._put(self._counter(client, counter) + 1, count)

    def count(self, client: int, counter: int) -> tuple[int, int]:
        """Return (attempted, acknowledged) increments of a shared counter by a client."""
        at = self._counter(client, counter)
        return self._get(at), self._get(at + 1)

    def bounds(self, counter: int) -> tuple[int, int]:
        """Return the lowest and the highest value that a shared counter may have."""
        counts = [self.count(client, counter) for client in range(CLIENTS)]
        return sum(acked for _, acked in counts), sum(attempted for attempted, _ in counts)

    def attempt_session(self, index: int, version: int, earliest: float = math.inf) -> None:
        """Record that the call for ``version`` of a session is about to be made, and the time
        before which it cannot expire."""
        at = _SESSIONS_AT + index * _SESSION_FIELDS
        self._put(at + 5, _microseconds(earliest, math.floor))
        self._put(at, version)

    def acknowledge_session(self, index: int, version: int, seq: int, latest: float) -> None:
        """Record that ``version`` of a session was acknowledged as ``seq``, and the time after
        which it has expired."""
        at = _SESSIONS_AT + index * _SESSION_FIELDS
        # The bounds of two versions may be mixed when the process dies here; the wider ones hold.
        self._put(at + 3, min(self._get(at + 3), self._get(at + 5)))
        self._put(at + 4, max(self._get(at + 4), _microseconds(latest, math.ceil)))
        self._put(at + 2, seq)
        self._put(at + 1, version)
        self._put(at + 3, self._get(at + 5))
        self._put(at + 4, _microseconds(latest, math.ceil))

    def settle_session(self, index: int, version: int, earliest: float, latest: float) -> None:
        """Record that the judge found a session at ``version``."""
        at = _SESSIONS_AT + index * _SESSION_FIELDS
        self._put(at, version)
        self._put(at + 1, version)
        self._put(at + 3, _microseconds(earliest, math.floor))
        self._put(at + 4, _microseconds(latest, math.ceil))

    def session(self, index: int) -> SessionMark:
        """Return what is known of a session; before its first version nothing is there."""
        at = _SESSIONS_AT + index * _SESSION_FIELDS
        attempted, acknowledged, seq, *times = (
            self._get(at + field) for field in range(_SESSION_FIELDS)
        )
        return SessionMark(attempted, acknowledged, seq, *map(_seconds, times))

    def tally(self, client: int, *, writes: int = 0, reads: int = 0, unavailable: int = 0) -> None:
        """Add to the tally of a client."""
        at = _TALLIES_AT + client * _TALLIES
        for offset, count in enumerate((writes, reads, unavailable)):
            if count:
                self._put(at + offset, self._get(at + offset) + count)

    def tallies(self) -> tuple[int, int, int]:
        """Return the sums of (acknowledged writes, checked reads, unavailable calls)."""
        sums = (
            sum(self._get(_TALLIES_AT + client * _TALLIES + field) for client in range(CLIENTS))
            for field in range(_TALLIES)
        )
        writes, reads, unavailable = sums
        return writes, reads, unavailable

    @staticmethod
    def _counter(client: int, counter: int) -> int:
        return _COUNTERS_AT + (client * COUNTERS + counter) * _COUNTER_FIELDS

    def _get(self, place: int) -> int:
        return int(_NUMBER.unpack_from(self._map, place * _NUMBER.size)[0])

    def _put(self, place: int, number: int) -> None:
        _NUMBER.pack_into(self._map, place * _NUMBER.size, number)


def _microseconds(seconds: float, rounded: Callable[[float], int]) -> int:
    return _NEVER if math.isinf(seconds) else rounded(seconds * 1e6)


def _seconds(microseconds: int) -> float:
    return math.inf if microseconds == _NEVER else microseconds / 1e6
