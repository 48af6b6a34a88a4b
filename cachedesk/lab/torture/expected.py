"""The expected state: attempted and acknowledged writes, in a mapped file.

A client records the version that it attempts before the call, and the acknowledged version after
it. Stores to a mapped file survive a SIGKILL of the process, so after the death of the process
under test it is known what must be there: each key is at its acknowledged version, or possibly at a
later one that was attempted.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from cachedesk.lab.torture.plan import CLIENTS, COUNTERS, KEYS

_NUMBER = struct.Struct("<Q")
_TALLIES = 3

_KEY_FIELDS = 3  # attempted, acknowledged, newest seq
_COUNTER_FIELDS = 2  # attempted, acknowledged
_COUNTERS_AT = KEYS * _KEY_FIELDS
_TALLIES_AT = _COUNTERS_AT + CLIENTS * COUNTERS * _COUNTER_FIELDS
_NUMBERS = _TALLIES_AT + CLIENTS * _TALLIES

IMAGE_BYTES = _NUMBERS * _NUMBER.size


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
