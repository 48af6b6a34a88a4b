"""The cache as the paths see it: hits, leases for what is missing, and writes that it is told.

A reader that misses gets a lease on the key, reads the truth, and fills the cache with what it
found, which counts only if the key was not written since. Of many readers that miss one key at the
same time, one gets the lease and the others wait for what it finds: single flight. They take it
only if the lease is newer than the last write that was acknowledged before they began.

(The idea is the lease of Facebook's memcache, NSDI '13. In one process a version of the key takes
the place of the token, and a lock that of polling.)
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from cachedesk.core.errors import Unavailable
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import CacheStore
from cachedesk.core.reads import Read
from cachedesk.engine.key_versions import KeyVersions

_LONGEST_WAIT_SECONDS = 1.0


class Lease:
    """The right to fill one key, and the place where other readers of it wait."""

    __slots__ = ("_done", "error", "key", "read", "version", "waiters")

    def __init__(self, key: bytes, version: int) -> None:
        self.key = key
        self.version = version
        self.waiters = 0
        self.read: Read | None = None
        self.error: Unavailable | None = None
        # Held until it is returned. (A plain lock: an Event is Python, and slower.)
        self._done = threading.Lock()
        self._done.acquire()

    def returned(self) -> None:
        """Let those who wait go on."""
        self._done.release()

    def wait(self) -> bool:
        """Wait until it is returned; return False when that takes too long."""
        if not self._done.acquire(timeout=_LONGEST_WAIT_SECONDS):
            return False
        self._done.release()
        return True

    def result(self) -> Read:
        """Return what its holder found.

        Raises:
            Unavailable: the holder found nothing.
        """
        if self.read is None:
            raise self.error or Unavailable("the read that this one waited for was interrupted")
        return self.read


class LeasedCache:
    """One cache store with the leases of its readers. Thread-safe."""

    def __init__(
        self, store: CacheStore, versions: KeyVersions, reach: Reach = lambda point: None
    ) -> None:
        """Prepare.

        Args:
            store: keeps the values.
            versions: of the keys; each write raises that of its key.
            reach: of the failpoints; by default none is there.
        """
        self._store = store
        self._versions = versions
        self._reach = reach
        self._leases: dict[bytes, Lease] = {}
        self._leasing = threading.Lock()
        # Bound once: they are called with every read.
        self.get, self.get_at_once, self.get_many = store.get, store.get_at_once, store.get_many
        self.evict = store.evict

    def version(self, key: bytes) -> int:
        """Return a number that each write of ``key`` raises before it is acknowledged."""
        return self._versions.of(key)

    def lease(self, key: bytes) -> tuple[Lease, bool]:
        """Return a lease on ``key``, and whether it is the caller's, who must ``give_back`` it.
        Otherwise another reader holds it, and the caller may ``wait`` for its result."""
        with self._leasing:
            lease = self._leases.get(key)
            if lease is not None:
                lease.waiters += 1
                return lease, False
            lease = self._leases[key] = Lease(key, self._versions.of(key))
            return lease, True

    def unshared_leases(self, keys: Iterable[bytes]) -> list[Lease]:
        """Return a lease on each of ``keys`` that no other reader waits for."""
        return [Lease(key, self._versions.of(key)) for key in keys]

    def give_back(self, lease: Lease) -> None:
        """End a lease: it has a result, or will never have one."""
        with self._leasing:
            if self._leases.get(lease.key) is lease:
                del self._leases[lease.key]
        lease.returned()

    def forget(self, lease: Lease) -> None:
        """Let the next reader of the key have a lease of its own: the holder takes too long."""
        with self._leasing:
            if self._leases.get(lease.key) is lease:
                del self._leases[lease.key]

    def fill(self, leases: Sequence[Lease], entries: Mapping[bytes, Entry]) -> None:
        """Put what was found of the leased keys into the cache, unless it was written since."""
        found = {it.key: it.version for it in leases if entries[it.key].value is not None}
        if found and self._store.trusted:
            self._reach("repair.fill.before")
            self._versions.fill(
                found, lambda fresh: self._store.put({key: entries[key] for key in fresh})
            )
            self._reach("repair.fill.after")

    def update(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        """Show a write that is durable; when this returns, no later read can miss it.

        Returns:
            The keys that the cache did not take; they are read from the truth.
        """
        self._versions.bump(entries)
        return self._store.put(entries)

    def drop(self, keys: Collection[bytes]) -> None:
        """Drop ``keys``, whose values are not true any more."""
        self._versions.bump(keys)
        self._store.put(dict.fromkeys(keys, ABSENT))

    def distrust(self, keys: Collection[bytes], reason: str) -> None:
        """Read ``keys`` from the truth: what the cache holds of them may be old."""
        self._versions.bump(keys)
        self._store.distrust(keys, reason)
