"""The read path: Redis first; a miss is repaired from the truth, once per key at a time.

The truth of a key is its row with its pending events folded in (see ``overlay``). A lease permits
the reader to put it into Redis (see ``leased_cache``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.errors import CacheError, DatabaseError, Unavailable
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import SystemOfRecord
from cachedesk.core.reads import Read, ReadSource
from cachedesk.core.recorder import CallPath, Recorder
from cachedesk.engine.leased_cache import Lease, LeasedCache
from cachedesk.engine.overlay import Overlaid, OverlayReader, PendingView, rows_of


class ReadPath:
    """The read path. Thread-safe."""

    def __init__(
        self,
        *,
        cache: LeasedCache,
        pending: PendingView,
        database: SystemOfRecord,
        recorder: Recorder,
        reach: Reach,
    ) -> None:
        self._cache = cache
        # Whether a policy asks for more than the value of a hit.
        self._looks = cache.caches_absence or cache.last_known is not None
        self._pending = pending
        self._overlay = OverlayReader(pending, rows_of(database), reach)
        self._recorder = recorder
        self._reach = reach

    def hit(self, key: bytes, began: float) -> Read | None:
        """Return the value of ``key`` from Redis without waiting, or ``None`` on a miss, which the
        caller passes to ``repair``. Safe where a signal handler may raise.

        Args:
            key: the key.
            began: when the call began, in ``time.perf_counter()`` seconds.

        Raises:
            CacheError: there is no reliable answer without waiting; call ``read``.
        """
        (value,) = self._cache.get_at_once(key)
        return None if value is None else self._hit(key, value, began)

    def hits(self, keys: Sequence[bytes], began: float) -> tuple[list[bytes | None], bool]:
        """Return the values of ``keys`` from Redis, and whether it has all; arguments and errors as
        for ``hit``. If it has not, the caller passes the values, ``None`` for each miss, to
        ``repair_many``."""
        values = self._cache.get_at_once(*keys)
        if None in values:
            return values, False
        absent = self._looks and self._looked_at(keys, values)
        self._recorder.hit(time.perf_counter() - began, keys, absent)
        return _without_marks(values) if absent else values, True

    def read(self, key: bytes) -> Read:
        """Return the value of ``key``, at least as new as the last acknowledged write.

        Raises:
            Unavailable: Redis has no copy and the database cannot be read.
        """
        began = time.perf_counter()
        try:
            value = self._cache.get(key)
        except CacheError:
            value = None
        return self.repair(key, began) if value is None else self._hit(key, value, began)

    def repair(self, key: bytes, began: float) -> Read:
        """Return the truth of ``key``, which Redis does not have, and put it into Redis; arguments
        as for ``hit``, errors as for ``read``."""
        try:
            found = self._repair(key)
        except Unavailable:
            if (stale := self._stale(key)) is not None:
                return stale
            self._recorder.unreadable((key,))
            raise
        self._recorder.call(CallPath(found.source.value), time.perf_counter() - began, (key,))
        return found

    def read_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of ``keys`` in their order; errors as for ``read``."""
        began = time.perf_counter()
        try:
            values = self._cache.get_many(keys)
        except CacheError:
            values = [None] * len(keys)
        return self.repair_many(keys, values, began)

    def repair_many(
        self, keys: Sequence[bytes], values: Sequence[bytes | None], began: float
    ) -> list[bytes | None]:
        """Return ``values`` with each miss (``None``) replaced by the truth, and put that into
        Redis; ``began`` and errors as for ``repair``."""
        hit = [key for key, value in zip(keys, values, strict=True) if value is not None]
        missed = [key for key, value in zip(keys, values, strict=True) if value is None]
        if hit:
            absent = self._looked_at(keys, values)
            self._recorder.hit(time.perf_counter() - began, hit, absent)
        found = self._repair_all(missed, began) if missed else {}
        cached = _without_marks(values) if self._looks else values
        return [
            found[key] if value is None else copy
            for key, value, copy in zip(keys, values, cached, strict=True)
        ]

    def _repair_all(self, missed: Sequence[bytes], began: float) -> dict[bytes, bytes | None]:
        missing = list(set(missed))
        try:
            found = self._load(self._cache.unshared_leases(missing))
        except Unavailable:
            known = self._cache.last_known
            if known is not None and known.may_serve(missing):
                # One by one, because some may be known and some not.
                return {key: self.repair(key, began).value for key in missing}
            self._recorder.unreadable(missed)
            raise
        for source in {found[key].source for key in missing}:
            its = [key for key in missed if found[key].source is source]
            self._recorder.call(CallPath(source.value), time.perf_counter() - began, its, len(its))
        return {key: read.value for key, read in found.items()}

    def _looked_at(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> int:
        """Confirm the values that Redis has; return how many of them are marks of absence."""
        if self._cache.last_known is not None:
            self._cache.last_known.confirm(keys, values)
        return values.count(ABSENT_MARK) if self._cache.caches_absence else 0

    def _stale(self, key: bytes) -> Read | None:
        """Return the last known value, if the policy of ``key`` allows that."""
        known = self._cache.last_known
        entry = None if known is None else known.get(key)
        if entry is None:
            return None
        self._recorder.count("stale_on_error")
        pending = self._pending.count(key)
        return Read(entry.value, ReadSource.STALE, pending, entry.seq, entry.expires_at)

    def _hit(self, key: bytes, value: bytes, began: float) -> Read:
        found = Read(value, ReadSource.REDIS, self._pending.count(key), None)
        absent = self._looks and self._looked_at((key,), (value,))
        if absent:
            found = Read(None, ReadSource.NEGATIVE, found.pending, None)
        self._recorder.hit(time.perf_counter() - began, (key,), absent)
        return found

    def base(self, key: bytes) -> Entry:
        """Return the entry of ``key`` that the next write is applied to, without the cache. It is
        returned even if it has expired: the time at which the write is accepted decides that.

        Raises:
            DatabaseError: the row cannot be read and the pending events do not determine it.
        """
        return _checked(self._overlay.read((key,))[key]).stored

    def bases(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Like ``base``, for many keys."""
        return {key: _checked(it).stored for key, it in self._overlay.read(keys).items()}

    def truths(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the true entry of each of ``keys``, without the cache; errors as for ``base``."""
        return {key: _checked(it).entry for key, it in self._overlay.read(keys).items()}

    def _repair(self, key: bytes) -> Read:
        cache = self._cache
        version = cache.version(key)
        while True:
            lease, ours = cache.lease(key)
            if ours:
                try:
                    lease.read = self._load((lease,))[key]
                except Unavailable as error:
                    lease.error = error
                    raise
                finally:
                    cache.release(lease)
                return lease.read
            if not lease.wait():
                cache.revoke(lease)
                return self._load(cache.unshared_leases((key,)))[key]
            if lease.version >= version:
                return lease.result()

    def _load(self, leases: Sequence[Lease]) -> dict[bytes, Read]:
        """Read the truth of the leased keys and fill the cache with it."""
        self._reach("repair.miss.after")
        self._recorder.count("loads")
        reads: dict[bytes, Read] = {}
        truths = self._overlay.read([lease.key for lease in leases])
        for key, overlaid in truths.items():
            if not overlaid.known:
                raise Unavailable(f"Redis has no copy and {overlaid.error}") from overlaid.error
            reads[key] = as_read(overlaid)
        self._cache.fill(leases, {key: overlaid.entry for key, overlaid in truths.items()})
        return reads


def _without_marks(values: Iterable[bytes | None]) -> list[bytes | None]:
    return [None if value == ABSENT_MARK else value for value in values]


def _checked(overlaid: Overlaid) -> Overlaid:
    if not overlaid.known:
        raise overlaid.error or DatabaseError("the row cannot be read")
    return overlaid


def as_read(overlaid: Overlaid) -> Read:
    """Return the result of a read of a key whose value is known."""
    entry = overlaid.entry
    source = ReadSource.OVERLAY if entry.seq > (overlaid.row or ABSENT).seq else ReadSource.DATABASE
    return Read(entry.value, source, len(overlaid.ahead), entry.seq, entry.expires_at)
