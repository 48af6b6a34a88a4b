"""Reads: Redis first; a miss is repaired from the truth, once per key at a time.

The truth of a key is its row with its pending events folded in. The pending events are read
first and the row second: the other way round, a flush between the two would hide an event from
both. What was found goes into Redis only if no write came meanwhile (``freshness``).

Single flight: of many readers that miss one key, one goes to the database and the others take
its result, but only if it set out after the last write that was acknowledged before they began.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cachedesk.core.errors import CacheError, DatabaseError, Unavailable
from cachedesk.core.events import ABSENT, Entry, WriteEvent, fold
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import CacheStore, SystemOfRecord
from cachedesk.core.recorder import CallPath, Recorder
from cachedesk.engine.key_versions import KeyVersions

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
    """

    value: bytes | None
    source: ReadSource
    pending: int
    seq: int | None


class Overlay(Protocol):
    """What a reader asks of the pending events; as ``PendingEvents``."""

    def events(self, key: bytes) -> tuple[WriteEvent, ...]:
        """Return the pending events of ``key``, oldest first."""
        ...

    def first_seq(self, key: bytes) -> int | None:
        """Return the seq of the oldest of them, ``None`` when there is none."""
        ...

    def decides(self, key: bytes, events: Sequence[WriteEvent]) -> bool:
        """Return whether ``events`` say what ``key`` is worth whatever its row is."""
        ...

    def count(self, key: bytes) -> int:
        """Return how many there are of ``key``."""
        ...


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
        pending: Overlay,
        database: SystemOfRecord,
        versions: KeyVersions,
        recorder: Recorder,
        reach: Reach,
    ) -> None:
        self._cache = cache
        self._pending = pending
        self._database = database
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
        """Return the row of ``key`` with its pending events folded in, past the cache.

        Raises:
            DatabaseError: the row cannot be read and the pending events do not determine it.
        """
        while True:
            events = self._pending.events(key)
            self._reach("repair.overlay.after")
            try:
                row = self._database.read(key)
            except DatabaseError:
                if not self._pending.decides(key, events):
                    raise
                return fold(ABSENT, events)
            if not self._has_moved({key: events}, {key: row}):
                return fold(row, events)

    def truths(self, keys: Sequence[bytes]) -> dict[bytes, bytes | None]:
        """Return the truth of each of ``keys``, past the cache; errors as for ``truth``."""
        overlays = {key: self._pending.events(key) for key in keys}
        rows = self._database.read_many(keys)
        return {
            key: self.truth(key).value
            if self._has_moved({key: events}, rows)
            else fold(rows.get(key, ABSENT), events).value
            for key, events in overlays.items()
        }

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

    def _has_moved(
        self, overlays: Mapping[bytes, tuple[WriteEvent, ...]], rows: Mapping[bytes, Entry]
    ) -> bool:
        """Whether events may belong to a row that was deleted and trimmed since they were read:
        without the row's seq nothing tells that they are part of it."""
        return any(
            events
            and rows.get(key, ABSENT).seq == 0
            and self._pending.first_seq(key) != events[0].seq
            for key, events in overlays.items()
        )

    def _load(self, keys: Sequence[bytes]) -> dict[bytes, Read]:
        while (reads := self._try_to_load(keys)) is None:
            pass
        return reads

    def _try_to_load(self, keys: Sequence[bytes]) -> dict[bytes, Read] | None:
        versions = {key: self._versions.of(key) for key in keys}
        self._reach("repair.miss.after")
        overlays = {key: self._pending.events(key) for key in keys}
        self._reach("repair.overlay.after")
        self._recorder.count("loads")
        rows = self._rows(overlays)
        self._reach("repair.row.after")
        if self._has_moved(overlays, rows):
            return None
        reads = {key: _read(rows.get(key, ABSENT), events) for key, events in overlays.items()}
        found = {key: versions[key] for key, read in reads.items() if read.value is not None}
        if found and self._cache.trusted:
            self._reach("repair.fill.before")
            self._versions.fill(
                found, lambda fresh: self._cache.put({key: reads[key].value for key in fresh})
            )
            self._reach("repair.fill.after")
        return reads

    def _rows(self, overlays: dict[bytes, tuple[WriteEvent, ...]]) -> dict[bytes, Entry]:
        try:
            if len(overlays) == 1:
                (key,) = overlays
                return {key: self._database.read(key)}
            return self._database.read_many(list(overlays))
        except DatabaseError as error:
            if all(self._pending.decides(key, events) for key, events in overlays.items()):
                return {}
            raise Unavailable(f"Redis has no copy and {error}") from error


def _landed(flight: _InFlight) -> Read:
    if flight.read is None:
        raise flight.error or Unavailable("the read that this one waited for was interrupted")
    return flight.read


def _read(row: Entry, events: tuple[WriteEvent, ...]) -> Read:
    truth = fold(row, events)
    source = ReadSource.OVERLAY if truth.seq > row.seq else ReadSource.DATABASE
    return Read(truth.value, source, sum(event.seq > row.seq for event in events), truth.seq)
