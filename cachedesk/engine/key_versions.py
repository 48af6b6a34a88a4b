"""Freshness: versions that tell a reader whether its value is still the newest.

Each write bumps its key's version after it is part of the truth and before it is acknowledged.
A reader notes the version, reads the truth, and may put what it found into the cache only if no
bump came between. Versions are kept per stripe of keys, so memory is constant; two keys of one
stripe only cost each other a retry. (The idea is the lease of Facebook's memcache, NSDI '13,
without the round trip.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

STRIPES = 4096
_KEYS_AT_ONCE = 64


class KeyVersions:
    """Striped version counters, each with the lock that keeps fills and bumps apart."""

    def __init__(self) -> None:
        self._versions = [0] * STRIPES
        self._locks = [threading.Lock() for _ in range(STRIPES)]

    def of(self, key: bytes) -> int:
        """Return the version of ``key`` now."""
        return self._versions[hash(key) % STRIPES]

    def bump(self, keys: Iterable[bytes]) -> None:
        """Say that ``keys`` were written. On return every fill with an older value has either
        reached the cache (the caller now overwrites it) or will not be done."""
        for key in keys:
            stripe = hash(key) % STRIPES
            with self._locks[stripe]:
                self._versions[stripe] += 1

    def fill(
        self, versions: Mapping[bytes, int], put: Callable[[list[bytes]], object]
    ) -> list[bytes]:
        """Call ``put`` with those keys that are still at the version noted in ``versions``, if
        there are any; no bump can come while it runs.

        Returns:
            The keys it was called with.
        """
        filled: list[bytes] = []
        keys = list(versions)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = {key: versions[key] for key in keys[start : start + _KEYS_AT_ONCE]}
            stripes = sorted({hash(key) % STRIPES for key in some})
            filled += self._fill(some, put, stripes)
        return filled

    def _fill(
        self,
        versions: Mapping[bytes, int],
        put: Callable[[list[bytes]], object],
        stripes: Sequence[int],
    ) -> list[bytes]:
        # One plain ``with`` inside the other: an interrupt cannot leave one of them taken.
        if stripes:
            with self._locks[stripes[0]]:
                return self._fill(versions, put, stripes[1:])
        fresh = [key for key, version in versions.items() if self.of(key) == version]
        if fresh:
            put(fresh)
        return fresh
