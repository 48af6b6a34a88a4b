"""The queue of persist-queue, made durable: the storage of the write-behind log."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from persistqueue import SQLiteQueue

from cachedesk.core.errors import Damaged
from cachedesk.core.forking import owns
from cachedesk.core.wakeup import Wakeup
from cachedesk.stores.files.connections import leave_open
from cachedesk.stores.files.data_directory import make_private
from cachedesk.stores.files.durability import settle, settle_at_open
from cachedesk.stores.files.impairment import FillerRow, fill_disk, free_disk

_FULL = 2
_FILLER = FillerRow("queue_events", "data, timestamp", ":blob, -1", "timestamp = -1")

MARKS = "cachedesk_marks"
"""The table with the seq up to which the log was acked, and the number of acks."""

_FREE_BYTES = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size"
_MUCH_FREE_BYTES = 1024 * 1024

_MAKE_MARKS = (
    f"CREATE TABLE IF NOT EXISTS {MARKS} (name TEXT PRIMARY KEY, number INTEGER NOT NULL)",
    f"INSERT OR IGNORE INTO {MARKS} (name, number) VALUES ('acked_seq', 0), ('acks', 0)",
)
_MARK = (
    f"UPDATE {MARKS} SET number = CASE name WHEN 'acked_seq' THEN max(number, ?)"
    " ELSE number + 1 END WHERE name IN ('acked_seq', 'acks')"
)


class Verbatim:
    """A serializer that stores records unchanged: they are encoded and checked in ``record``."""

    @staticmethod
    def dumps(data: bytes, sort_keys: bool = False) -> bytes:
        return data

    @staticmethod
    def loads(data: bytes) -> bytes:
        return data


class DurableQueue(SQLiteQueue):  # type: ignore[misc]
    """The queue of persist-queue, made safe against a power cut; persist-queue only sets WAL."""

    _getter: sqlite3.Connection
    _putter: sqlite3.Connection
    disk_is_full = False

    def _init(self) -> None:
        make_private(Path(self.path, self.db_file_name))
        super()._init()
        owns(self)
        settle_at_open(self._conn)
        with self._conn:
            for statement in _MAKE_MARKS:
                self._conn.execute(statement)
        # Set by every put; with an Event, a Ctrl-C inside ``set`` would block all puts forever.
        self.put_event = Wakeup()

    def _new_db_connection(
        self, path: str, multithreading: bool, timeout: float
    ) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._new_db_connection(path, multithreading, timeout)
        connection.execute("PRAGMA synchronous=FULL")
        if connection.execute("PRAGMA synchronous").fetchone()[0] < _FULL:
            raise Damaged("SQLite refuses synchronous=FULL; the log would not be safe")
        if self.disk_is_full:
            fill_disk(connection, _FILLER)
        return connection

    def ack(self, number: int, seq: int) -> None:
        """Delete the items up to ``number``, and record in the same transaction that they reach up
        to ``seq``, so that a mismatched copy of log and database is detected."""
        with self.tran_lock, self._putter as transaction:
            transaction.execute(f"DELETE FROM {self._table_name} WHERE _id <= ?", (number,))
            transaction.execute(_MARK, (seq,))

    def set_disk_full(self, full: bool) -> None:
        """See ``QueueLog.set_disk_full``."""
        with self.tran_lock:
            self.disk_is_full = full
            # A failed ``reopen`` may have closed the connection; then there is nothing to change.
            with suppress(sqlite3.ProgrammingError):
                if full:
                    fill_disk(self._putter, _FILLER)
                else:
                    free_disk(self._putter)

    def reopen(self) -> None:
        """Close and reopen the files; what they show is then on the disk.

        Raises:
            sqlite3.Error: that is not certain. Reading and acking still work if the files can be
                opened.
        """
        with self.action_lock, self.tran_lock:
            self._getter.close()
            self._putter.close()
            for role in ("_getter", "_putter"):
                connection = self._new_db_connection(self.path, self.multithreading, self.timeout)
                setattr(self, role, connection)
            self._conn = self._getter
            settle(self._getter)

    def forked(self) -> None:
        """Leave the connections, which belong to the parent process, open."""
        leave_open((self._getter, self._putter))

    def shrink(self) -> None:
        """Return the unused space of an empty queue to the disk. (SQLite keeps the pages of deleted
        items; it rewrites the file through the ``-wal`` file, so a kill in the middle leaves the
        old file or the new one.)"""
        with self.action_lock, self.tran_lock:
            connection = self._putter
            (free,) = connection.execute(_FREE_BYTES).fetchone()
            if free < _MUCH_FREE_BYTES or self._select() is not None:
                return
            # On a full or failing disk the file keeps its size.
            with suppress(sqlite3.Error):
                connection.execute("VACUUM")

    def head(self) -> int | None:
        """Return the number of the oldest item, ``None`` if there is none."""
        with self.action_lock:
            found = self._select()
        return None if found is None else int(found[0])
