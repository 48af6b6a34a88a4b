"""Purging: the values of expired rows are removed, a bounded number at a time.

An expired row is absent for every reader, so no call waits for a purge; it frees space. A purged
row becomes a tombstone with the same seq, as if it had been deleted: an event of the key that is
delivered again is still recognised as applied, and the trimmer drops the tombstone when no such
event can come.

A key with pending events is not purged, because an event that was accepted before the deadline is
applied to the value. The keys are locked exclusively, so that no such event is accepted during the
purge; an event that is accepted later finds the key absent either way.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import DatabaseRefused, DatabaseUndone, Unavailable
from cachedesk.core.events import Entry, WriteEvent
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import EventLog, RecordTransaction, SystemOfRecord
from cachedesk.core.recorder import Announce
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.leased_cache import LeasedCache
from cachedesk.engine.poison.decisions import LOCK_SECONDS

_KEYS_PER_PURGE = 200
_KEYS_SECONDS = 0.05
_MORE_SECONDS = 0.05
_AGAIN_SECONDS = 1.0
_EXPECTED_SECONDS = 0.05
# Deadlines that are written through are not expected.
_LOOK_SECONDS = 5.0


class Purger:
    """Makes tombstones of expired rows. Used by the worker's thread alone."""

    def __init__(
        self,
        *,
        log: EventLog,
        pending: PendingEvents,
        database: SystemOfRecord,
        cache: LeasedCache,
        locks: KeyLocks,
        announce: Announce,
        reach: Reach,
    ) -> None:
        """Prepare.

        Args:
            log: its ``failed`` tells that an append has an unknown outcome.
            pending: the pending events.
            database: the system of record.
            cache: drops the copies of purged keys.
            locks: the locks of the keys.
            announce: called when the database refuses a purge.
            reach: reports that a failpoint is reached.
        """
        self._log = log
        self._pending = pending
        self._database = database
        self._cache = cache
        self._locks = locks
        self._announce = announce
        self._reach = reach
        self._cannot_purge = ""
        self._due_at = 0.0
        # A full page of keys that could not be purged must not hide the others.
        self._after = 0.0

    def due_in(self) -> float:
        """Return in how many seconds there may be something to purge."""
        return max(0.0, self._due_at - time.monotonic())

    def expect(self, events: Iterable[WriteEvent]) -> None:
        """Make a purge due soon after the first deadline of ``events``, which were flushed."""
        deadlines = [it.expires_at for it in events if it.expires_at is not None]
        if deadlines:
            seconds = max(min(deadlines) - wall_seconds(), 0.0) + _EXPECTED_SECONDS
            self._due_at = min(self._due_at, time.monotonic() + seconds)

    def purge(self) -> int:
        """Purge a bounded number of expired rows, if it is due; return how many.

        Raises:
            DatabaseError: not now.
        """
        if self.due_in() > 0:
            return 0
        self._due_at = time.monotonic() + _AGAIN_SECONDS
        found = self._database.expiring(_KEYS_PER_PURGE, self._after)
        now = wall_seconds()
        expired = [key for key, at in found if at <= now]
        purged = 0
        if expired:
            self._reach("worker.purge.before")
            purged = self._purge(expired, now)
            self._reach("worker.purge.after")
        more = len(expired) == _KEYS_PER_PURGE
        self._after = found[-1][1] if more and purged < _KEYS_PER_PURGE else 0.0
        self._due_at = time.monotonic() + self._rest(found, bool(expired), more, now)
        return purged

    def _rest(
        self, found: list[tuple[bytes, float]], expired: bool, more: bool, now: float
    ) -> float:
        if expired:
            return _MORE_SECONDS if more else _AGAIN_SECONDS
        first = found[0][1] - now if found else _LOOK_SECONDS
        return min(max(first, _AGAIN_SECONDS), _LOOK_SECONDS)

    def _purge(self, keys: list[bytes], now: float) -> int:
        try:
            with self._locks.exclusive(keys, time.monotonic() + _KEYS_SECONDS):
                # An append of unknown outcome may become pending when the log is reopened.
                keys = [] if self._log.failed else [it for it in keys if not self._is_pending(it)]
                purged = self._make_tombstones(keys, now) if keys else []
                if purged:
                    # Redis has expired them already, unless the machine's clock was set back.
                    self._cache.drop(purged)
        except Unavailable:
            # A writer holds the lock of a key.
            return 0
        except DatabaseRefused as error:
            # A trigger that forbids it costs space; it must not stop the flushing.
            self._report(str(error))
            return 0
        return len(purged)

    def _is_pending(self, key: bytes) -> bool:
        return bool(self._pending.count(key) or self._pending.unlogged(key))

    def _make_tombstones(self, keys: list[bytes], now: float) -> list[bytes]:
        with self._database.transaction(time.monotonic() + LOCK_SECONDS) as transaction:
            rows = transaction.rows(keys)
            # Checked again: a key may have been written since it was listed.
            expired = {
                key: Entry(None, row.seq)
                for key, row in rows.items()
                if row.expires_at is not None and row.expires_at <= now
            }
            return self._written(transaction, expired)

    def _written(self, transaction: RecordTransaction, rows: Mapping[bytes, Entry]) -> list[bytes]:
        """Write ``rows``, except those that the database refuses; return the keys written."""
        written: list[bytes] = []
        for key, row in rows.items():
            try:
                transaction.write_one(key, row)
            except DatabaseUndone:
                raise
            except DatabaseRefused as error:
                self._report(str(error))
            else:
                written.append(key)
        return written

    def _report(self, error: str) -> None:
        if self._cannot_purge != error:
            self._announce(EventCode.DATABASE_CANNOT_PURGE, error=error)
        self._cannot_purge = error
