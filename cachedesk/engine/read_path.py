"""Reads: Redis first; a miss is repaired from the truth, once per key at a time.

The truth of a key is its row with its pending events folded in (see ``overlay``). What was found
goes into Redis only if no write came meanwhile (``key_versions``).

Single flight: of many readers that miss one key, one goes to the database and the others take
its result, but only if it set out after the last write that was acknowledged before they began.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cachedesk.core.errors import CacheError, DatabaseError, Unavailable
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import CacheStore, SystemOfRecord
from cachedesk.core.recorder import CallPath, Recorder
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.overlay import Overlaid, OverlayReader, PendingView, rows_of

_LONGEST_FLIGHT_SECONDS = 1.0


class ReadSource(StrEnum):
    """Where a value came from."""

    REDIS = "redis"
    OVERLAY = "overlay"
    DATABASE = "database"

    __repr__ = str.__repr__


@dataclass(frozen=True, slots=True)
class Read:
    """One read.

    ``value``: the value, ``None`` when the key is absent. ``source``: where it came from.
    ``pending``: how many events of the key were not in the database. ``seq``: the newest event
    that is part of the value; ``None`` when it came from Redis, which does not keep it.

    >>> receipt = cache.set("order:3", "paid")
    >>> cache.evict("order:3")
    1
    >>> read = cache.read("order:3")
    >>> read.value, read.source, read.seq == receipt.seq
    (b'paid', 'database', True)
    >>> cache.read("order:3").source
    'redis'
    """

    value: bytes | None
    source: ReadSource
    pending: int
    seq: int | None


class _InFlight:
    """One reader's way to the database, which others may wait for."""

    __slots__ = ("error", "landing", "passengers", "pilot", "read", "version")

    def __init__(self) -> None:
        # Held until it has landed. (Not an Event: see ``bell``.)
        self.landing = threading.Lock()
        self.landing.acquire()
        self.passengers = 0
        self.pilot = threading.get_ident()
        self.version = -1
        self.read: Read | None = None
        self.error: Unavailable | None = None


class ReadPath:
    """The read path. Thread-safe."""

    def __init__(
        self,
        *,
        cache: CacheStore,
        pending: PendingView,
        database: SystemOfRecord,
        versions: KeyVersions,
        recorder: Recorder,
        reach: Reach,
    ) -> None:
        self._cache = cache
        self._pending = pending
        self._overlay = OverlayReader(pending, rows_of(database), reach)
        self._versions = versions
        self._recorder = recorder
        self._reach = reach
        self._flights: dict[bytes, _InFlight] = {}
        self._boarding = threading.Lock()

    def hit(self, key: bytes, began: float) -> Read | None:
        """Return the value of ``key`` from Redis at once, or ``None`` on a certain miss, of which
        the rest is ``repair``'s. Safe where a signal handler may raise.

        Args:
            key: the key.
            began: when its caller began, in ``time.perf_counter()`` seconds.

        Raises:
            CacheError: there is no certain answer at once; ``read`` may have one.
        """
        (value,) = self._cache.get_at_once(key)
        return None if value is None else self._hit(key, value, began)

    def hits(self, keys: Sequence[bytes], began: float) -> list[bytes | None]:
        """Return the values of ``keys`` that are in Redis, ``None`` for a certain miss; arguments
        and errors as for ``hit``. With a miss among them, the rest is ``repair_many``'s."""
        values = self._cache.get_at_once(*keys)
        if None not in values:
            self._recorder.hit(time.perf_counter() - began, keys)
        return values

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
        """Return the truth of ``key``, which Redis does not have, and put it there; arguments as
        for ``hit``, errors as for ``read``."""
        try:
            found = self._repair(key)
        except Unavailable:
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
        if None not in values:
            self._recorder.call(CallPath.HIT, time.perf_counter() - began, keys, len(keys))
            return values
        return self.repair_many(keys, values, began)

    def repair_many(
        self, keys: Sequence[bytes], values: Sequence[bytes | None], began: float
    ) -> list[bytes | None]:
        """Return ``values`` with the truth in the place of each miss (``None``), and put that
        into Redis; ``began`` and errors as for ``repair``."""
        hit = [key for key, value in zip(keys, values, strict=True) if value is not None]
        missed = [key for key, value in zip(keys, values, strict=True) if value is None]
        missing = list(set(missed))
        if hit:
            self._recorder.call(CallPath.HIT, time.perf_counter() - began, hit, len(hit))
        try:
            found = self._load(missing)
        except Unavailable:
            self._recorder.unreadable(missed)
            raise
        for source in {found[key].source for key in missing}:
            its = [key for key in missed if found[key].source is source]
            self._recorder.call(CallPath(source.value), time.perf_counter() - began, its, len(its))
        return [
            found[key].value if value is None else value
            for key, value in zip(keys, values, strict=True)
        ]

    def _hit(self, key: bytes, value: bytes, began: float) -> Read:
        found = Read(value, ReadSource.REDIS, self._pending.count(key), None)
        self._recorder.hit(time.perf_counter() - began, (key,))
        return found

    def truth(self, key: bytes) -> Entry:
        """Return what ``key`` is worth in truth, past the cache.

        Raises:
            DatabaseError: the row cannot be read and the pending events do not determine it.
        """
        return self._truth(self._overlay.read((key,))[key])

    def truths(self, keys: Sequence[bytes]) -> dict[bytes, bytes | None]:
        """Return the true value of each of ``keys``, past the cache; errors as for ``truth``."""
        return {key: self._truth(it).value for key, it in self._overlay.read(keys).items()}

    def _truth(self, overlaid: Overlaid) -> Entry:
        if not overlaid.known:
            raise overlaid.error or DatabaseError("the row cannot be read")
        return overlaid.entry

    def _repair(self, key: bytes) -> Read:
        version = self._versions.of(key)
        own = _InFlight()
        while True:
            try:
                with self._boarding:
                    flight = self._flights.setdefault(key, own)
                    flight.passengers += flight is not own
                if flight is own:
                    own.version = self._versions.of(key)
                    own.read = self._load([key])[key]
                    return own.read
            except Unavailable as error:
                own.error = error
                raise
            finally:
                self._land(key, own)
            if flight.pilot == own.pilot:
                # An interrupt tore this thread out of a read before; nobody flies it any more.
                self._land(key, flight)
            elif not flight.landing.acquire(timeout=_LONGEST_FLIGHT_SECONDS):
                return self._load([key])[key]
            else:
                flight.landing.release()
                if flight.version >= version:
                    return _landed(flight)

    def _land(self, key: bytes, flight: _InFlight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
            flight.landing.release()

    def _load(self, keys: Sequence[bytes]) -> dict[bytes, Read]:
        # Before anything is read: what is newer than the version may be read, never older.
        versions = {key: self._versions.of(key) for key in keys}
        self._reach("repair.miss.after")
        self._recorder.count("loads")
        reads: dict[bytes, Read] = {}
        for key, overlaid in self._overlay.read(keys).items():
            if not overlaid.known:
                raise Unavailable(f"Redis has no copy and {overlaid.error}") from overlaid.error
            reads[key] = as_read(overlaid)
        found = {key: versions[key] for key, read in reads.items() if read.value is not None}
        if found and self._cache.trusted:
            self._reach("repair.fill.before")
            self._versions.fill(
                found, lambda fresh: self._cache.put({key: reads[key].value for key in fresh})
            )
            self._reach("repair.fill.after")
        return reads


def _landed(flight: _InFlight) -> Read:
    if flight.read is None:
        raise flight.error or Unavailable("the read that this one waited for was interrupted")
    return flight.read


def as_read(overlaid: Overlaid) -> Read:
    """Return what a reader gets of a key that is known."""
    entry = overlaid.entry
    source = ReadSource.OVERLAY if entry.seq > (overlaid.row or ABSENT).seq else ReadSource.DATABASE
    return Read(entry.value, source, len(overlaid.ahead), entry.seq)
