"""Without the log: a write-behind write goes to Redis only, and its key is recorded as dirty.

From time to time the values of the dirty keys are copied from Redis to the database. A key that
Redis has lost meanwhile (evicted, killed) cannot be copied: all writes to it since the last copy
are lost, although they were acknowledged. The mistake is to derive the truth from the cache.

The events of the writes that depend on the next copy are kept too. They do not save any data; they
are for the event balance, so that lost writes can be named by their ids.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import CachedeskError, CacheError, DatabaseError, Unavailable
from cachedesk.core.events import ABSENT, ABSOLUTE, Entry, WriteEvent, change, entries_of
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
_POLL_SECONDS = 0.02
_IDLE_SECONDS = 60.0
# Such copiers run every few seconds in production; a shorter gap hides what it can lose.
_LEAST_SECONDS = 2.0
_LOCK_SECONDS = 1.0
_MOST_ANNOUNCED = 5
_RECENT_SECONDS = 60.0


@dataclass(slots=True)
class _Dirty:
    """A dirty key. ``value``: the last value that was put into Redis; ``events``: the writes that
    the next copy makes durable."""

    value: bytes | None = None
    events: list[WriteEvent] = field(default_factory=list)


class DirtyKeys:
    """The write path for fast data without a log; replaces ``WriteBehind``. Thread-safe."""

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
            reader: reads the base values of increments from the truth, which includes writes that
                were logged before the log was switched off.
            pending: the event balance, and the count of writes that are in no log.
            database: the dirty keys are copied to it.
            cache: the writes are put into it.
            locks: the key locks; the keys of a call are held exclusively.
            versions: the versions of the keys; each write raises the version of its key.
            controls: pause, expedite and batch size of the worker; they apply to the copying too.
            seqs: the numbers of the writes.
            watermarks: keeps the seq of the newest write outside the database.
            observer: called with the events that became part of their rows.
            recorder: records each copy.
            announce: called when writes are lost, or cannot be copied.
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
        self._checked_trust = cache.trust_number
        self._restarts = 0
        self._timed_out: list[tuple[float, int]] = []
        self._ended = False
        self._closing = False
        self._grown = Wakeup()
        self._thread: threading.Thread | None = None

    def parts(self, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
        """Split ``changes`` into parts for ``write``."""
        for start in range(0, len(changes), _MOST_CHANGES):
            yield changes[start : start + _MOST_CHANGES]

    def write(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        """Put ``changes`` into Redis, and record that their keys are dirty.

        Args:
            changes: one of the ``parts``, in order.
            deadline: ``time.monotonic()`` seconds after which to give up waiting for the keys.

        Returns:
            One receipt per change, in order.

        Raises:
            Switched: the log is on again; nothing was changed.
            Unavailable: Redis did not store them, or a counter could not be loaded.
            NotACounter, CounterOverflow: an increment cannot be applied to the value.
        """
        keys = list(dict.fromkeys(change.key for change in changes))
        with self._locks.exclusive(keys, deadline):
            if self._ended:
                raise Switched
            before = self._values(keys)
            after = dict(before)
            events: list[WriteEvent] = []
            receipts: list[Receipt] = []
            at = wall_seconds()
            for op, key, arg, _, only_if in changes:
                if only_if is not None and not only_if(Entry(after[key])):
                    receipts.append(Receipt(0, Level.CACHED, after[key], changed=False))
                    continue
                # A value copied from Redis later has no expiry: without the log it is lost too.
                after[key] = value = change(Entry(after[key]), op, arg, at)[0]
                if value is not None and len(value) > CACHEABLE_BYTES:
                    raise Unavailable("the value is too long for Redis, and the log is off")
                events.append(WriteEvent(next(self._seqs), op, key, arg, at))
                receipts.append(Receipt(events[-1].seq, Level.CACHED, value))
            self._versions.bump(keys)
            if self._cache.put(entries_of(after)):
                raise Unavailable("Redis did not store the write, and the log is off")
            self._versions.bump(keys)
            self._record(events, before, after)
        self._grown.set()
        return receipts

    def start(self) -> None:
        """Accept writes, and copy from time to time until ``close``."""
        self._ended = False
        self._checked_trust, self._restarts = (
            self._cache.trust_number,
            self._cache.state().restarts,
        )
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="copier", daemon=True)
            self._thread.start()

    def end(self, deadline: float) -> None:
        """Accept no more writes, and copy all dirty keys.

        Args:
            deadline: ``time.monotonic()`` seconds after which to give up.

        Raises:
            Unavailable: not all could be copied by ``deadline``; writes are accepted as before.
        """
        self._ended = True
        try:
            while self._dirty and time.monotonic() < deadline:
                self.copy()
                time.sleep(_POLL_SECONDS if self._dirty else 0.0)
        finally:
            self._ended = not self._dirty
        if self._dirty:
            raise Unavailable(f"{len(self._dirty):,} dirty keys could not be copied yet")

    def close(self) -> None:
        """End the thread, and copy the dirty keys once more, if it was started."""
        self._closing = True
        self._grown.set()
        if self._thread is not None:
            self._thread.join()
            self.copy()

    def copy(self) -> None:
        """Copy the values of the dirty keys from Redis to the database, if both answer."""
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
            self._restore(taken)
            return
        applied = [event for dirty in saved.values() for event in dirty.events]
        self._recorder.flushed(time.monotonic() - began, applied, len(saved))
        self._observer.applied(applied)
        self._pending.settle_unlogged(applied)
        self._lose([it for key in taken if key not in saved for it in taken[key].events])

    def _find_losses(self) -> None:
        """Count what an interruption of Redis has lost as soon as Redis answers again: the books
        must not call it pending until the next copy."""
        trust_number = self._cache.trust_number
        if trust_number is None or trust_number == self._checked_trust:
            return
        with self._lock:
            keys = list(self._dirty)
        try:
            with self._locks.exclusive(keys, time.monotonic() + _LOCK_SECONDS):
                values = dict(zip(keys, self._cache.get_many(keys), strict=True))
                with self._lock:
                    lost = [key for key in keys if self._differs(key, values[key])]
                    events = [event for key in lost for event in self._dirty.pop(key).events]
        except (CacheError, Unavailable):
            return
        self._lose(events)
        self._checked_trust, self._restarts = trust_number, self._cache.state().restarts

    def _differs(self, key: bytes, value: bytes | None) -> bool:
        return key in self._dirty and self._dirty[key].value != value

    def _values(self, keys: Sequence[bytes]) -> dict[bytes, bytes | None]:
        """Return the values of ``keys`` in Redis, or their true values if Redis has no copy."""
        try:
            values = dict(zip(keys, self._cache.get_many(keys), strict=True))
            missing = [key for key, value in values.items() if value in (None, ABSENT_MARK)]
            truths = self._reader.truths(missing) if missing else {}
            return values | {key: truth.value for key, truth in truths.items()}
        except CacheError as error:
            raise Unavailable(f"Redis does not answer ({error}), and the log is off") from error
        except DatabaseError as error:
            raise Unavailable(f"the key cannot be loaded: {error}") from error

    def _record(
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
                elif event.op not in ABSOLUTE and dirty.value != before[event.key]:
                    # Redis had lost the last value: this event was applied to an older one.
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

    def _restore(self, taken: dict[bytes, _Dirty]) -> None:
        """Make the keys that could not be saved dirty again; their events come before those that
        were written meanwhile."""
        with self._lock:
            for key, old in taken.items():
                new = self._dirty.setdefault(key, old)
                if new is not old:
                    new.events = old.events + new.events

    def _lose(self, events: Sequence[WriteEvent]) -> None:
        if not events:
            return
        self._pending.lose_unlogged(events)
        seqs = tuple(event.seq for event in events)
        if self._was_late():
            now = time.monotonic()
            recent = [it for it in self._timed_out if now - it[0] < _RECENT_SECONDS]
            self._timed_out = recent + [(now, seq) for seq in seqs]
            self._announce(
                EventCode.UNLOGGED_WRITES_TIMED_OUT,
                count=len(seqs),
                recent=len(self._timed_out),
                seqs=tuple(seq for _, seq in self._timed_out[:_MOST_ANNOUNCED]),
            )
        else:
            count = len(seqs)
            self._announce(EventCode.UNLOGGED_WRITES_LOST, count=count, seqs=seqs[:_MOST_ANNOUNCED])

    def _was_late(self) -> bool:
        """Return whether the server has run all the time, and only an answer was late: then keys
        of uncertain outcome were dropped from it."""
        if self._cache.trust_number == self._checked_trust:
            return False
        return self._cache.state().restarts == self._restarts

    def _run(self) -> None:
        while not self._closing:
            self._grown.wait(_POLL_SECONDS if self._dirty else _IDLE_SECONDS)
            self._grown.clear()
            if not self._dirty:
                continue
            self._find_losses()
            if self._is_due():
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
            len(self._dirty) >= controls.batch_events
            or age >= max(controls.batch_age_seconds, _LEAST_SECONDS)
        )
