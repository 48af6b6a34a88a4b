"""The vault: what of a stack is on disk, opened, checked and recovered."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress

from cachedesk.core.errors import DatabaseError, DataDirectoryError
from cachedesk.core.events import ABSENT, WriteEvent
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.settings import LogSettings
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.stores.embedded.preflight import check_directory
from cachedesk.stores.files.data_directory import DataDirectory
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase

_LOCK_SECONDS = 5.0
_COUNT_SECONDS = 0.2


class DurableState:
    """What is on disk: the database, the log and the pending events rebuilt from it. Enough to
    tell the truth; ``Stack`` adds Redis and the worker."""

    def __init__(
        self,
        directory: DataDirectory,
        settings: LogSettings | None = None,
        failpoints: Failpoints | None = None,
    ) -> None:
        """Open both files and see that they belong together.

        Args:
            directory: where they are.
            settings: the limits of the log.
            failpoints: of the stack; by default nothing can be armed.

        Raises:
            Damaged: a file is damaged, lost events, or is from another backup than the other.
            DataDirectoryError: a file is locked by another program, or cannot be opened.
        """
        self._failpoints = failpoints or Failpoints()
        self._settings = settings or LogSettings()
        self._reach = self._failpoints.reach
        began = time.monotonic()
        check_directory(directory)
        try:
            self._open(directory)
        except DatabaseError as error:
            raise DataDirectoryError(f"{directory.database} cannot be used: {error}") from error
        self.recovery_seconds = time.monotonic() - began

    def _open(self, directory: DataDirectory) -> None:
        self.database = SqliteDatabase(directory.database)
        try:
            self._reach("boot.database.after")
            self.log = QueueLog(directory.log, self._failpoints)
        except BaseException:
            self.database.close()
            raise
        try:
            self._reach("boot.log.after")
            self.watermarks = self.log.watermarks
            numbers = self.database.numbers()
            self._introduce(numbers["log_epoch"])
            records = self.log.recover(numbers["log_seq"])
            undecided = self._undecided([event for events, _ in records for event in events])
            self._catch_up(numbers["newest_seq"])
            self.backlog = Backlog(self.log, self._settings, self.database.count()[1])
            self.pending = self.backlog.pending
            pending = {event.seq for event in undecided}
            for events, age_seconds in records:
                waiting = [event for event in events if event.seq in pending]
                self.backlog.recover(events, age_seconds, pending=waiting)
            self._count_opening(numbers.get("openings", 0) + 1)
            self.watermarks.opened()
        except BaseException:
            self.close()
            raise
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
        """Count the opening in both files, so that neither can be put back without the other."""
        if self.database.bytes[1]:
            # Somebody reads, so the -wal file goes on: what counts is how many there were.
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
        """Close both files."""
        self.log.close()
        self.database.close()
