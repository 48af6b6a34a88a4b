"""Without the log: a fast write goes to Redis, and that its key is dirty is all that is remembered.

Now and then what Redis holds of the dirty keys is copied to the database. A key that Redis has
lost meanwhile (evicted, killed) cannot be copied: what was written to it since the last copy is
lost, though it was acknowledged. Truth is derived from the cache, which is the mistake.

Beside the keys it keeps the ids of the writes that hang on the next copy. Nothing is saved by
them; they are for the books, so that what is lost can be told by its id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import CachedeskError, CacheError, DatabaseError, Unavailable
from cachedesk.core.events import ABSENT, Entry, Op, WriteEvent, change, entries_of
from cachedesk.core.ports import CACHEABLE_BYTES, CacheStore, SystemOfRecord
from cachedesk.core.recorder import Announce, Recorder
from cachedesk.core.wakeup import Wakeup
from cachedesk.core.watermarks import Watermarks
from cachedesk.core.writes import Change, Level, Observer, Receipt, Switched
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.worker_controls import WorkerControls

_MOST_CHANGES = 1_000
_LOOK_SECONDS = 0.02
_IDLE_SECONDS = 60.0
_LOCK_SECONDS = 1.0
_MOST_TOLD = 5


@dataclass(slots=True)
class _Dirty:
    """A dirty key: what Redis was given last, and the writes that the next copy would save."""

    value: bytes | None = None
    events: list[WriteEvent] = field(default_factory=list)


class DirtyKeys:
    """The path of fast data without a log; takes the place of ``WriteBehind``. Thread-safe."""

    def __init__(
        self,
        *,
        reader: ReadPath,
        pending: PendingEvents,
        database: SystemOfRecord,
        cache: CacheStore,
        locks: KeyLocks,
        versions: KeyVersions,
        controls: WorkerControls,
        seqs: Iterator[int],
        watermarks: Watermarks,
        observer: Observer,
        recorder: Recorder,
        announce: Announce,
    ) -> None:
        """Prepare; ``start`` begins to copy.

        Args:
            reader: reads what an increment is added to: the truth, because what was logged before
                is not to be lost with the log.
            pending: the books.
            database: where dirty keys are copied to.
            cache: takes the writes.
            locks: hold the keys alone meanwhile.
            versions: tell readers that a key was written.
            controls: pauses and batches of the worker hold for the copying too.
            seqs: number the writes.
            watermarks: remember, outside the database, which write is in it.
            observer: told which events became part of their rows.
            recorder: takes note of each copy.
            announce: told in one sentence what was lost.
        """
        self._reader = reader
        self._locks = locks
        self._cache = cache
        self._pending = pending
        self._database = database
        self._versions = versions
        self._seqs = seqs
        self._watermarks = watermarks
        self._recorder = recorder
        self._observer = observer
        self._announce = announce
        self._controls = controls
        self._dirty: dict[bytes, _Dirty] = {}
        self._since = 0.0
        self._lock = threading.Lock()
        self._over = False
        self._closing = False
        self._bell = Wakeup()
        self._thread: threading.Thread | None = None

    def parts(self, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
        """Split ``changes`` into parts that ``write`` takes."""
        for start in range(0, len(changes), _MOST_CHANGES):
            yield changes[start : start + _MOST_CHANGES]

    def write(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        """Have Redis take ``changes``, and remember that their keys are dirty.

        Raises:
            Switched: the log is on again; nothing changed.
            Unavailable: Redis did not take them, or a counter could not be loaded.
            NotACounter, CounterOverflow: an increment met a value it cannot change.
        """
        keys = list(dict.fromkeys(change.key for change in changes))
        with self._locks.exclusive(keys, deadline):
            if self._over:
                raise Switched
            before = self._values(keys)
            after = dict(before)
            events: list[WriteEvent] = []
            receipts: list[Receipt] = []
            at = wall_seconds()
            for op, key, arg in changes:
                after[key] = value = change(after[key], op, arg)
                if value is not None and len(value) > CACHEABLE_BYTES:
                    raise Unavailable("the value is too long for Redis, and the log is off")
                events.append(WriteEvent(next(self._seqs), op, key, arg, at))
                receipts.append(Receipt(events[-1].seq, Level.CACHED, value))
            self._versions.bump(keys)
            if self._cache.put(entries_of(after)):
                raise Unavailable("Redis did not take the write, and the log is off")
            self._versions.bump(keys)
            self._remember(events, before, after)
        self._bell.set()
        return receipts

    def start(self) -> None:
        """Take writes, and copy now and then, until ``close``."""
        self._over = False
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name="copier", daemon=True)
            self._thread.start()

    def end(self, deadline: float) -> None:
        """Take no more writes, and copy what is dirty.

        Raises:
            Unavailable: it could not be copied by ``deadline``; writes are taken as before.
        """
        self._over = True
        try:
            while self._dirty and time.monotonic() < deadline:
                self.copy()
                time.sleep(_LOOK_SECONDS if self._dirty else 0.0)
        finally:
            self._over = not self._dirty
        if self._dirty:
            raise Unavailable(f"{len(self._dirty):,} dirty keys could not be copied yet")

    def close(self) -> None:
        """Copy what can be copied, and end."""
        self._closing = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join()
            self.copy()

    def copy(self) -> None:
        """Copy what Redis holds of the dirty keys to the database, if both answer."""
        with self._lock:
            keys = list(self._dirty)
        began = time.monotonic()
        try:
            with self._locks.exclusive(keys, began + _LOCK_SECONDS):
                values = dict(zip(keys, self._cache.get_many(keys), strict=True))
                with self._lock:
                    taken = {key: self._dirty.pop(key) for key in keys if key in self._dirty}
        except (CacheError, Unavailable):
            return
        saved = {key: dirty for key, dirty in taken.items() if dirty.value == values[key]}
        try:
            self._save(saved)
        except DatabaseError:
            self._take_back(taken)
            return
        applied = [event for dirty in saved.values() for event in dirty.events]
        self._recorder.flushed(time.monotonic() - began, applied, len(saved))
        self._observer.applied(applied)
        self._pending.settle_unlogged(applied)
        self._lose([it for key in taken if key not in saved for it in taken[key].events])

    def _values(self, keys: Sequence[bytes]) -> dict[bytes, bytes | None]:
        """Return what ``keys`` are worth: in Redis, or where it has no copy in truth."""
        try:
            values = dict(zip(keys, self._cache.get_many(keys), strict=True))
            missing = [key for key, value in values.items() if value is None]
            return values | (self._reader.truths(missing) if missing else {})
        except CacheError as error:
            raise Unavailable(f"Redis does not answer ({error}), and the log is off") from error
        except DatabaseError as error:
            raise Unavailable(f"the key cannot be loaded: {error}") from error

    def _remember(
        self,
        events: Collection[WriteEvent],
        before: dict[bytes, bytes | None],
        after: dict[bytes, bytes | None],
    ) -> None:
        lost: list[WriteEvent] = []
        self._pending.accept_unlogged(events)
        with self._lock:
            if not self._dirty:
                self._since = time.monotonic()
            for event in events:
                dirty = self._dirty.get(event.key)
                if dirty is None:
                    dirty = self._dirty[event.key] = _Dirty(before[event.key])
                elif event.op is Op.INCR and dirty.value != before[event.key]:
                    # Redis had lost what the key was worth: this adds to something older.
                    lost += dirty.events
                    dirty.events = []
                dirty.events.append(event)
                dirty.value = before[event.key] = after[event.key]
        self._lose(lost)

    def _save(self, dirty: dict[bytes, _Dirty]) -> None:
        if not dirty:
            return
        newest = max(it.events[-1].seq for it in dirty.values())
        with self._database.transaction(time.monotonic() + _LOCK_SECONDS) as transaction:
            rows = transaction.rows(list(dirty))
            transaction.write(
                {
                    key: Entry(it.value, max(it.events[-1].seq, rows.get(key, ABSENT).seq))
                    for key, it in dirty.items()
                }
            )
            transaction.note("newest_seq", newest)
        self._watermarks.note_row(newest)
        self._versions.bump(dirty)

    def _take_back(self, taken: dict[bytes, _Dirty]) -> None:
        """Remember again what could not be saved, before what was written meanwhile."""
        with self._lock:
            for key, old in taken.items():
                new = self._dirty.setdefault(key, old)
                if new is not old:
                    new.events = old.events + new.events

    def _lose(self, events: Sequence[WriteEvent]) -> None:
        if not events:
            return
        self._pending.lose_unlogged(events)
        self._announce(
            EventCode.UNLOGGED_WRITES_LOST,
            count=len(events),
            seqs=tuple(event.seq for event in events[:_MOST_TOLD]),
        )

    def _live(self) -> None:
        while not self._closing:
            self._bell.wait(_LOOK_SECONDS if self._dirty else _IDLE_SECONDS)
            self._bell.clear()
            if self._dirty and self._is_due():
                try:
                    self.copy()
                except CachedeskError as error:
                    self._announce(EventCode.UNLOGGED_WRITES_CANNOT_COPY, error=str(error))

    def _is_due(self) -> bool:
        controls = self._controls
        if controls.expedited:
            return True
        age = time.monotonic() - self._since
        return not controls.paused and (
            len(self._dirty) >= controls.batch_events or age >= controls.batch_age_seconds
        )
