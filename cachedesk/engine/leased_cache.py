"""The cache as the paths use it: hits, leases for misses, and updates by writes.

A reader that misses a key gets a lease on it, reads the truth, and fills the cache, which succeeds
only if the key was not written since. If several readers miss one key at the same time, one gets
the lease and the others wait for its result: single flight. A reader uses that result only if the
lease is newer than the last write that was acknowledged before its read began.

(The idea is the lease of Facebook's memcache, NSDI '13. In one process the version of the key
replaces the token, and a lock replaces polling.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import Unavailable
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import CacheStore
from cachedesk.core.reads import Read
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.last_known import LastKnown

_LONGEST_WAIT_SECONDS = 1.0


class Lease:
    """The right to fill one key, and the result that other readers of the key wait for."""

    __slots__ = ("_done", "error", "key", "read", "version", "waiters")

    def __init__(self, key: bytes, version: int) -> None:
        self.key = key
        self.version = version
        self.waiters = 0
        self.read: Read | None = None
        self.error: Unavailable | None = None
        # Held until the lease ends. (A plain lock: an Event is written in Python, and slower.)
        self._done = threading.Lock()
        self._done.acquire()

    def end(self) -> None:
        """Wake the readers that wait for the result."""
        self._done.release()

    def wait(self) -> bool:
        """Wait until the lease ends; return False if that takes too long."""
        if not self._done.acquire(timeout=_LONGEST_WAIT_SECONDS):
            return False
        self._done.release()
        return True

    def result(self) -> Read:
        """Return the result of its holder; the key is absent if it has expired since.

        Raises:
            Unavailable: the holder failed or was interrupted.
        """
        if self.read is None:
            raise self.error or Unavailable("the read that this one waited for was interrupted")
        until = self.read.expires_at
        if until is not None and until <= wall_seconds():
            return replace(self.read, value=None, expires_at=None)
        return self.read


class LeasedCache:
    """A cache store and the leases of its readers. Thread-safe."""

    def __init__(
        self,
        store: CacheStore,
        versions: KeyVersions,
        reach: Reach = lambda point: None,
        *,
        negative_seconds: Callable[[bytes], float | None] | None = None,
        last_known: LastKnown | None = None,
    ) -> None:
        """Prepare.

        Args:
            store: the cache store.
            versions: the versions of the keys; each write raises the version of its key.
            reach: reports that a failpoint is reached; by default there are none.
            negative_seconds: returns for how long an absent key is cached; ``None``: it is not.
                By default none is.
            last_known: keeps values for reads that fail; by default none are kept.
        """
        self._store = store
        self._negative_seconds = negative_seconds
        self.caches_absence = negative_seconds is not None
        self.last_known = last_known
        self._versions = versions
        self._reach = reach
        self._leases: dict[bytes, Lease] = {}
        self._leasing = threading.Lock()
        # Bound once, because every read calls them.
        self.get, self.get_at_once, self.get_many = store.get, store.get_at_once, store.get_many
        self.evict = store.evict

    def version(self, key: bytes) -> int:
        """Return a number that each write of ``key`` raises before it is acknowledged."""
        return self._versions.of(key)

    def lease(self, key: bytes) -> tuple[Lease, bool]:
        """Return a lease on ``key`` and whether the caller holds it. A holder must ``release`` it;
        another caller may ``wait`` for its result."""
        with self._leasing:
            lease = self._leases.get(key)
            if lease is not None:
                lease.waiters += 1
                return lease, False
            lease = self._leases[key] = Lease(key, self._versions.of(key))
            return lease, True

    def unshared_leases(self, keys: Iterable[bytes]) -> list[Lease]:
        """Return one lease on each of ``keys``, which no other reader can wait for."""
        return [Lease(key, self._versions.of(key)) for key in keys]

    def release(self, lease: Lease) -> None:
        """End a lease: it has a result, or will never have one."""
        with self._leasing:
            if self._leases.get(lease.key) is lease:
                del self._leases[lease.key]
        lease.end()

    def revoke(self, lease: Lease) -> None:
        """Give the next reader of the key a new lease, because the holder takes too long."""
        with self._leasing:
            if self._leases.get(lease.key) is lease:
                del self._leases[lease.key]

    def fill(self, leases: Sequence[Lease], entries: Mapping[bytes, Entry]) -> None:
        """Put the entries of the leased keys into the cache, except keys written since.

        Args:
            leases: the leases of the caller.
            entries: the entry of each leased key. An absent one is put as a mark, if its policy
                caches absence, and else not.
        """
        versions = {lease.key: lease.version for lease in leases}
        if (last_known := self.last_known) is not None:
            self._versions.fill(
                versions, lambda fresh: last_known.note({key: entries[key] for key in fresh})
            )
        marked = {key: its for key in versions if (its := self._marked(key, entries[key]))}
        if marked and self._store.trusted:
            self._reach("repair.fill.before")
            self._versions.fill(
                {key: versions[key] for key in marked},
                lambda fresh: self._store.put({key: marked[key] for key in fresh}),
            )
            self._reach("repair.fill.after")

    def update(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        """Publish a durable write; after this returns, no read can miss it.

        Args:
            entries: the new entry of each key.

        Returns:
            The keys that the cache did not store; they are read from the truth.
        """
        self._versions.bump(entries)
        if self.last_known is not None:
            self.last_known.note(entries)
        if any(entry.value == ABSENT_MARK for entry in entries.values()):
            # It would be read as absent.
            entries = {
                key: ABSENT if entry.value == ABSENT_MARK else entry
                for key, entry in entries.items()
            }
        return self._store.put(entries)

    def drop(self, keys: Collection[bytes]) -> None:
        """Drop ``keys``, whose values are out of date."""
        self._versions.bump(keys)
        if self.last_known is not None:
            self.last_known.forget(keys)
        self._store.put(dict.fromkeys(keys, ABSENT))

    def distrust(self, keys: Collection[bytes], reason: str) -> None:
        """Read ``keys`` from the truth until they were dropped, because their cached values may be
        old."""
        self._versions.bump(keys)
        if self.last_known is not None:
            self.last_known.forget(keys)
        self._store.distrust(keys, reason)

    def _marked(self, key: bytes, entry: Entry) -> Entry | None:
        """Return the entry to put for ``key``; ``None``: nothing is put."""
        if entry.value is not None:
            return None if entry.value == ABSENT_MARK else entry
        seconds = None if self._negative_seconds is None else self._negative_seconds(key)
        return None if seconds is None else Entry(ABSENT_MARK, 0, wall_seconds() + seconds)
