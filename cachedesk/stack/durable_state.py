"""The durable state of a stack, which survives its process: log and database are opened, checked
and recovered."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress

from cachedesk.core import clock
from cachedesk.core.errors import DatabaseError, DataDirectoryError
from cachedesk.core.events import ABSENT, WriteEvent
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import EventLog, SystemOfRecord
from cachedesk.core.settings import LogSettings
from cachedesk.core.stores import P, StoreContext, Stores
from cachedesk.engine.backlog.backlog import Backlog

_LOCK_SECONDS = 5.0
_COUNT_SECONDS = 0.2


def open_state(stores: Stores[P], place: P, context: StoreContext | None = None) -> DurableState:
    """Open the database and the log in ``place``, and check that they belong together.

    Args:
        stores: the factories of the stores.
        place: their location, which the caller has locked.
        context: of the stack; by default one without a stack.

    Raises:
        Damaged: a file is damaged, lacks events, or is from another backup than the others.
        DataDirectoryError: a file is locked by another program, or cannot be opened.
    """
    context = context or StoreContext()
    reach = context.failpoints.reach
    began = time.monotonic()
    stores.check(place)
    database = stores.database(place, context)
    try:
        reach("boot.database.after")
        log = stores.log(place, context)
    except BaseException:
        database.close()
        raise
    try:
        return DurableState(database, log, context.settings.log, reach, began)
    except DatabaseError as error:
        raise DataDirectoryError(f"{database.location} cannot be used: {error}") from error


class DurableState:
    """The database, the log, and the backlog rebuilt from it. That is enough to read the truth;
    ``Stack`` adds the cache and the worker.

    ``recovered``: how many pending events were recovered. ``was_open``: whether the last process
    did not close the log. ``seqs``: the numbers of new writes. ``recovery_seconds``: how long the
    opening took. ``clock_behind_seconds``: how far the clock was behind the newest time in the
    files; it begins there.
    """

    def __init__(
        self,
        database: SystemOfRecord,
        log: EventLog,
        settings: LogSettings,
        reach: Reach,
        began: float,
    ) -> None:
        """Recover the state from two open stores; if that fails, close both.

        Args:
            database: the system of record.
            log: the write-behind log.
            settings: its limits.
            reach: reports that a failpoint is reached.
            began: when their opening began, in ``time.monotonic()`` seconds.
        """
        self.database, self.log, self.watermarks = database, log, log.watermarks
        self._reach = reach
        try:
            reach("boot.log.after")
            self._recover(settings)
        except BaseException:
            self.close()
            raise
        self.recovery_seconds = time.monotonic() - began

    def _recover(self, settings: LogSettings) -> None:
        numbers = self.database.numbers()
        self._store_epoch(numbers["log_epoch"])
        records = self.log.recover(numbers["log_seq"])
        known = [events[-1].at for events, _ in records] + [numbers.get("clock_ms", 0) / 1000]
        self.clock_behind_seconds = clock.not_before(max(known))
        undecided = self._undecided([event for events, _ in records for event in events])
        self._update_watermark(numbers["newest_seq"])
        self.backlog = Backlog(self.log, settings, self.database.count()[1])
        self.pending = self.backlog.pending
        pending = {event.seq for event in undecided}
        for events, age_seconds in records:
            waiting = [event for event in events if event.seq in pending]
            self.backlog.recover(events, age_seconds, pending=waiting)
        self._count_opening(numbers.get("openings", 0) + 1)
        self.watermarks.opened()
        self.recovered = len(undecided)
        self.was_open = self.watermarks.was_open
        newest = max(numbers["newest_seq"], numbers["log_seq"], self.watermarks.log_seq)
        self.seqs = itertools.count(newest + 1)

    def _undecided(self, events: list[WriteEvent]) -> list[WriteEvent]:
        """Return ``events`` without those that were decided but not acked: they are dead letters or
        part of their rows. If they were pending, they would stand for the value of a key while its
        row cannot be read, although the row is newer."""
        if not events:
            return events
        dead = self.database.dead_between(events[0].seq, events[-1].seq)
        rows = self.database.read_many(list({event.key for event in events}))
        if not rows and not dead:
            return events
        return [
            event
            for event in events
            if event.seq not in dead and event.seq > rows.get(event.key, ABSENT).seq
        ]

    def _store_epoch(self, known: int) -> None:
        """Store the epoch of the log in a new database, which identifies its log from now on."""
        if known != self.log.epoch:
            with self.database.transaction(time.monotonic() + _LOCK_SECONDS) as transaction:
                self._reach("boot.epoch.before")
                transaction.note("log_epoch", self.log.epoch)

    def _update_watermark(self, newest_seq: int) -> None:
        """Raise the watermark of the rows if the process died between a commit and its update."""
        if newest_seq > self.watermarks.row_seq:
            self.watermarks.note_row(newest_seq)

    def _count_opening(self, number: int) -> None:
        """Count the opening in both stores, so that a restored backup of only one of them is
        detected."""
        if not self.database.opening_counts:
            return
        with suppress(OSError):
            self.watermarks.note_opening(number)
        # A database that cannot be written now can still be read; the next opening counts.
        with (
            suppress(DatabaseError),
            self.database.transaction(time.monotonic() + _COUNT_SECONDS) as transaction,
        ):
            transaction.note("openings", number)

    def close(self) -> None:
        """Close both."""
        self.log.close()
        self.database.close()
