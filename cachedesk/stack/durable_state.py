"""What of a stack survives its process: the log and the database, opened, checked, recovered."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress

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
    """Open the database and the log in ``place``, and see that they belong together.

    Args:
        stores: what opens them.
        place: where they are; the caller holds it.
        context: of the stack; by default that of none.

    Raises:
        Damaged: something is damaged, has lost events, or is from another backup than the rest.
        DataDirectoryError: it is locked by another program, or cannot be opened.
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
    """The database, the log and the pending events rebuilt from it. Enough to tell the truth;
    ``Stack`` adds the cache and the worker."""

    def __init__(
        self,
        database: SystemOfRecord,
        log: EventLog,
        settings: LogSettings,
        reach: Reach,
        began: float,
    ) -> None:
        """Recover what is in two open stores; if that fails, close both.

        Args:
            database: the system of record.
            log: the write-behind log.
            settings: its limits.
            reach: of the failpoints.
            began: ``time.monotonic()`` seconds at which they were beginning to be opened.
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
        self._introduce(numbers["log_epoch"])
        records = self.log.recover(numbers["log_seq"])
        undecided = self._undecided([event for events, _ in records for event in events])
        self._catch_up(numbers["newest_seq"])
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
        """Leave out what was not acked any more and is a dead letter or part of its row: to fold
        it into a newer value would be wrong, should the row be unreadable then."""
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

    def _introduce(self, known: int) -> None:
        """Tell a new database which log is its own."""
        if known != self.log.epoch:
            with self.database.transaction(time.monotonic() + _LOCK_SECONDS) as transaction:
                self._reach("boot.epoch.before")
                transaction.note("log_epoch", self.log.epoch)

    def _catch_up(self, newest_seq: int) -> None:
        """Note what the process died of noting: it died between the commit and the note."""
        if newest_seq > self.watermarks.row_seq:
            self.watermarks.note_row(newest_seq)

    def _count_opening(self, number: int) -> None:
        """Count the opening in both places, so that neither can be put back without the other."""
        if not self.database.opening_counts:
            return
        with suppress(OSError):
            self.watermarks.note_opening(number)
        # A database that cannot be written now is served from all the same; it counts next time.
        with (
            suppress(DatabaseError),
            self.database.transaction(time.monotonic() + _COUNT_SECONDS) as transaction,
        ):
            transaction.note("openings", number)

    def close(self) -> None:
        """Close both."""
        self.log.close()
        self.database.close()
