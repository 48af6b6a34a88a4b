"""The database: SQLite, the system of record, through sqlite-utils.

A row holds a key, its value and the seq of the last event that is part of it. The rows and the
record of what was applied change in one transaction, so a batch that is delivered twice finds its
events in the rows already (promise 2). A deleted key leaves a tombstone (value NULL) that keeps
its seq.

sqlite-utils creates the schema; everything else uses the connection directly.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from cachedesk.core.capabilities import ForeignWrite
from cachedesk.core.clock import wall_seconds
from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import (
    Damaged,
    DatabaseBusy,
    DatabaseError,
    DatabaseUncertain,
)
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.failpoints import ComponentCrash
from cachedesk.core.fault import Fault
from cachedesk.core.forking import owns
from cachedesk.core.rehearsals import Rehearsals
from cachedesk.core.settings import DatabaseSettings
from cachedesk.core.snapshot import DatabaseState, Health
from cachedesk.stores.files.connections import leave_open, not_opened
from cachedesk.stores.files.data_directory import make_private
from cachedesk.stores.files.durability import commit, roll_back, settle, settle_at_open
from cachedesk.stores.files.impairment import UNIMPAIRED
from cachedesk.stores.files.open_files import OpenFiles
from cachedesk.stores.sqlite import dead_letters
from cachedesk.stores.sqlite.database_faults import faults_of
from cachedesk.stores.sqlite.foreign import foreign_write
from cachedesk.stores.sqlite.opening import open_reader, open_writer
from cachedesk.stores.sqlite.refusal import explained
from cachedesk.stores.sqlite.schema import check_owner, prepare
from cachedesk.stores.sqlite.transaction import OLD_TOMBSTONES, Transaction, selected

_BUSY_POLL_SECONDS = 0.004
_ROWS_PER_PAGE = 2_000
_EXPIRING = "SELECT key, expires_at FROM rows WHERE expires_at > ? ORDER BY expires_at LIMIT ?"
_ROW = "SELECT value, seq, expires_at FROM rows WHERE key=?"
_LOCKED = "the database is locked by another connection"
_BUSY_WRITING = "the database is busy with another write"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# Distinguishes a -wal file that continues the database file from one that does not (see
# ``files.continuity``). The time of the newest commit: see ``clock.not_before``.
_COUNT_COMMIT = (
    "INSERT INTO meta (name, number) VALUES ('commits', 1), ('clock_ms', ?)"
    " ON CONFLICT (name) DO UPDATE"
    " SET number=iif(name='commits', number+1, max(number, excluded.number))"
)


class SqliteDatabase(Rehearsals[Transaction]):
    """The SQLite file of one data directory. Thread-safe: many readers, one writer at a time."""

    name = "SQLite"

    def __init__(
        self, path: Path, patience_seconds: float = DatabaseSettings().write_seconds
    ) -> None:
        """Open the database at ``path``, or create it.

        Args:
            path: the file.
            patience_seconds: how long a write waits for a slow database.

        Raises:
            Damaged: the file is not an SQLite database, not cachedesk's, or of a newer version.
            DataDirectoryError: the file is locked or cannot be opened.
        """
        self.path = path
        self._patience_seconds = patience_seconds
        self.impairment = self._writer_impairment = UNIMPAIRED
        self._mode = "rwc"
        self._writing = threading.Lock()
        self._readers: deque[sqlite3.Connection] = deque()
        self._writer: sqlite3.Connection | None = None
        self._uncertain = self._locked_out = False
        self._closed = threading.Event()
        owns(self)
        try:
            make_private(path)
            check_owner(path)
            self._writer = self._open_writer()
            settle_at_open(self._writer)
            prepare(self._writer, path)
            self.files = OpenFiles(path)
            # From now on a file that disappears must not be replaced by an empty one.
            self._mode = "rw"
        except (sqlite3.DatabaseError, OSError) as error:
            self.close()
            raise not_opened(f"the database {path}", error) from error
        except Damaged:
            self.close()
            raise

    def read(self, key: bytes) -> Entry:
        """Return the row of ``key`` (``ABSENT`` if there is none).

        Raises:
            DatabaseError: SQLite does not answer.
        """
        self._wait_for_answer()
        with self._reader() as connection:
            found = connection.execute(_ROW, (key,)).fetchone()
        return Entry(*found) if found is not None else ABSENT

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; keys without a row are left out. Errors as for ``read``."""
        self._wait_for_answer()
        return self.peek(keys)

    def peek(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Like ``read_many``, for observation: an injected fault does not slow it down."""
        with self._reader() as connection:
            return selected(connection, keys)

    def scan(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield all rows as of one moment, including tombstones, sorted by the keys' bytes.

        Raises:
            DatabaseError: SQLite does not answer.
        """
        with self._reader() as connection:
            connection.execute("BEGIN")
            cursor = connection.execute("SELECT key, value, seq, expires_at FROM rows ORDER BY key")
            while page := cursor.fetchmany(_ROWS_PER_PAGE):
                for key, *entry in page:
                    yield key, Entry(*entry)
            connection.execute("COMMIT")

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """Return up to ``most`` keys of rows above ``key``, in order; errors as for ``read``."""
        with self._reader() as connection:
            page = "SELECT key FROM rows WHERE key>? ORDER BY key LIMIT ?"
            return [found for (found,) in connection.execute(page, (key, most))]

    def expiring(self, most: int, after: float = 0.0) -> list[tuple[bytes, float]]:
        """Return up to ``most`` keys and deadlines, the earliest first; errors as for ``read``."""
        with self._reader() as connection:
            return connection.execute(_EXPIRING, (after, most)).fetchall()

    def state(self) -> DatabaseState:
        """Return the state of the database and the sizes of its files, for a snapshot."""
        gone = "file gone" if self.files.trouble else ""
        try:
            rows, _ = self.count()
            size, wal = self.bytes
        except (DatabaseError, OSError):
            return DatabaseState(Health.DOWN, gone or "not readable")
        if gone:
            return DatabaseState(Health.DOWN, gone, rows, size, wal)
        return DatabaseState(Health.UP, "up", rows, size, wal)

    @property
    def location(self) -> str:
        """The path of the file."""
        return str(self.path)

    @property
    def opening_counts(self) -> bool:
        """Whether its ``-wal`` file was empty when it was opened: it is not while another program
        reads it, nor if the file was created just now."""
        return self.bytes[1] == 0

    def foreign_write(self) -> AbstractContextManager[ForeignWrite]:
        """See ``foreign.foreign_write``."""
        return foreign_write(self.path)

    def faults(self) -> Sequence[Fault]:
        """Return one fault of each of its kinds."""
        return faults_of(self, self._patience_seconds)

    def forked(self) -> None:
        """Leave the connections, which belong to the parent process, open."""
        leave_open((self._writer, *self._readers))

    def numbers(self) -> dict[str, int]:
        """Return the numbers stored by ``Transaction.note``; errors as for ``read``."""
        with self._reader() as connection:
            return dict(connection.execute("SELECT name, number FROM meta"))

    def count(self) -> tuple[int, int]:
        """Return the numbers of live rows and of dead letters, without a scan of the rows."""
        with self._reader() as connection:
            rows = connection.execute("SELECT number FROM meta WHERE name='live_rows'").fetchone()
            dead_letters = connection.execute("SELECT count(*) FROM dead").fetchone()
        return rows[0], dead_letters[0]

    def letters(self, limit: int, after_seq: int = 0) -> list[DeadLetter]:
        """Return the oldest dead letters above ``after_seq``; errors as for ``read``."""
        with self._reader() as connection:
            return dead_letters.letters(connection, limit, after_seq)

    def letters_of(self, key: bytes, most: int) -> list[DeadLetter]:
        """Return the newest dead letters of ``key``, oldest first; errors as for ``read``."""
        with self._reader() as connection:
            return dead_letters.letters_of(connection, key, most)

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters in a range; errors as for ``read``."""
        with self._reader() as connection:
            return dead_letters.between(connection, first_seq, last_seq)

    def dead_among(self, seqs: Sequence[int]) -> set[int]:
        """Return which of ``seqs`` are dead letters; errors as for ``read``."""
        with self._reader() as connection:
            return dead_letters.among(connection, seqs)

    def trim(self, through_seq: int, deadline: float) -> int:
        """Delete up to 1,000 tombstones whose seq is not above ``through_seq``; return how many.

        Safe once no event of those keys can be delivered again: every event up to
        ``through_seq`` was acked, and a later one has a higher seq than any tombstone.
        """
        with self._reader() as connection:
            if connection.execute(OLD_TOMBSTONES, (through_seq, 1)).fetchone() is None:
                return 0
        with self.transaction(deadline) as transaction:
            return transaction.drop_tombstones(through_seq)

    @property
    def bytes(self) -> tuple[int, int]:
        """The sizes of the database file and of its write-ahead log in bytes."""
        wal = self.path.with_name(self.path.name + "-wal")
        return self.path.stat().st_size, wal.stat().st_size if wal.exists() else 0

    @contextmanager
    def transaction(self, deadline: float) -> Iterator[Transaction]:
        """Run a write transaction; it is committed, durably, when the block ends.

        Args:
            deadline: ``time.monotonic()`` seconds by which the lock must be acquired.

        Raises:
            DatabaseBusy: the lock was not acquired until the deadline; nothing was changed.
            DatabaseUncertain: the commit met an I/O error, or a file is not at its path any more;
                it is unknown whether the commit took effect.
            DatabaseRefused: a constraint or trigger refuses the data; nothing was changed.
            DatabaseError: the disk is full, or SQLite failed; nothing was changed.
        """
        self._wait_for_answer(deadline)
        left = deadline - time.monotonic()
        if not self._writing.acquire(timeout=max(0.0, left)):
            # If another program holds the lock, one writer waits for it and all others wait for
            # that writer: the reason is the same for all of them.
            raise DatabaseBusy(_LOCKED if self._locked_out else _BUSY_WRITING)
        try:
            self._drop_writer_if_impairment_changed()
            connection = self._begin(deadline)
            try:
                changes = connection.total_changes
                yield Transaction(connection)
                if connection.total_changes != changes:
                    connection.execute(_COUNT_COMMIT, (int(wall_seconds() * 1000),))
                commit(connection)
            except ComponentCrash:
                # As the death of the process would: close the files, neither commit nor roll back.
                self._release(connection)
                raise
            except DatabaseUncertain:
                self._uncertain = True
                self._release(connection)
                raise
            except sqlite3.Error as error:
                roll_back(connection)
                raise explained(error, connection) from error
            except BaseException:
                roll_back(connection)
                raise
            if self.files.look():
                # The commit may be in a file that was moved away or deleted.
                raise DatabaseUncertain(self.files.trouble)
        finally:
            self._writing.release()

    def close(self) -> None:
        """Close all connections; a writer that waits for the lock gives up."""
        self._closed.set()
        while self._readers:
            self._readers.pop().close()
        # The writer last: the last connection to close runs a checkpoint.
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _begin(self, deadline: float) -> sqlite3.Connection:
        while True:
            try:
                if self._closed.is_set():
                    raise DatabaseError("the database is closed")
                if self.files.trouble and self.files.look():
                    raise DatabaseError(self.files.trouble)
                if self._writer is None:
                    self._writer = self._settled() if self._uncertain else self._open_writer()
                    self.files.reopened()
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY
                if not busy:
                    raise DatabaseError(f"the database does not answer: {error}") from error
                if time.monotonic() >= deadline:
                    raise DatabaseBusy(_LOCKED) from error
                self._locked_out = True
                self._closed.wait(_BUSY_POLL_SECONDS)
            else:
                self._locked_out = False
                return self._writer

    def _settled(self) -> sqlite3.Connection:
        connection = self._open_writer()
        try:
            settle(connection)
        except BaseException:
            connection.close()
            raise
        self._uncertain = False
        return connection

    def _wait_for_answer(self, deadline: float | None = None) -> None:
        slow = self.impairment
        if not slow.latency_seconds:
            return
        if deadline is None:
            deadline = time.monotonic() + slow.patience_seconds
        if not slow.wait(lambda: self.impairment, deadline):
            raise DatabaseBusy("the database is slow and did not answer in time")

    def _drop_writer_if_impairment_changed(self) -> None:
        if self._writer is not None and self._writer_impairment is not self.impairment:
            self._release(self._writer)

    def _release(self, writer: sqlite3.Connection) -> None:
        self._writer = None
        writer.close()
        if not self.files.trouble:
            # Closing the last connection removes SQLite's side files.
            self.files.reopened()

    def _open_writer(self) -> sqlite3.Connection:
        self._writer_impairment = self.impairment
        return open_writer(self.path, self._mode, self._writer_impairment)

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        connection = self._idle_reader() or self._open_reader()
        sound = False
        try:
            yield connection
            sound = not self._closed.is_set()
        except sqlite3.Error as error:
            raise DatabaseError(f"the database cannot be read: {error}") from error
        finally:
            if sound:
                self._readers.append(connection)
            else:
                connection.close()

    def _idle_reader(self) -> sqlite3.Connection | None:
        if self.impairment.gone:
            # The fault must affect connections that are open already, too.
            return None
        try:
            return self._readers.pop()
        except IndexError:
            return None

    def _open_reader(self) -> sqlite3.Connection:
        if self._closed.is_set():
            raise DatabaseError("the database is closed")
        if self.files.look():
            # The file at its path may be another database now.
            raise DatabaseError(self.files.trouble)
        try:
            return open_reader(self.path, self.impairment)
        except sqlite3.Error as error:
            raise DatabaseError(f"the database cannot be opened: {error}") from error
