"""Key versions: a reader compares them to check that its value is still the newest.

Each write bumps the version of its key after it is part of the truth and before it is
acknowledged. A reader notes the version, reads the truth, and may put the value into the cache
only if the version was not bumped in between. Versions are kept per stripe of keys, so memory is
constant; two keys of one stripe only cost each other a retry. (The idea is the lease of Facebook's
memcache, NSDI '13, without the round trip.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

STRIPES = 4096
_KEYS_AT_ONCE = 64


class KeyVersions:
    """Striped version counters, each with a lock that fills and bumps hold. Thread-safe."""

    def __init__(self) -> None:
        self._versions = [0] * STRIPES
        self._locks = [threading.Lock() for _ in range(STRIPES)]

    def of(self, key: bytes) -> int:
        """Return the current version of ``key``."""
        return self._versions[hash(key) % STRIPES]

    def bump(self, keys: Iterable[bytes]) -> None:
        """Raise the versions of ``keys``, which were written. On return every fill with an older
        value has either reached the cache (the caller now overwrites it) or will be refused."""
        for key in keys:
            stripe = hash(key) % STRIPES
            with self._locks[stripe]:
                self._versions[stripe] += 1

    def fill(
        self, versions: Mapping[bytes, int], put: Callable[[list[bytes]], object]
    ) -> list[bytes]:
        """Call ``put`` with the keys that are still at their version in ``versions``, if there are
        any; they cannot be bumped while it runs.

        Args:
            versions: the version of each key, noted before its value was read.
            put: puts the values of these keys into the cache; called once per 64 keys.

        Returns:
            The keys that ``put`` was called with.
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
        # One plain ``with`` inside the other: an interrupt cannot leave a lock acquired.
        if stripes:
            with self._locks[stripes[0]]:
                return self._fill(versions, put, stripes[1:])
        fresh = [key for key, version in versions.items() if self.of(key) == version]
        if fresh:
            put(fresh)
        return fresh
