"""The database: SQLite, the system of record, through sqlite-utils.

A row holds a key, its value and the seq of the last event that is part of it. Rows and what was
applied are one fact in one transaction, so a batch that is delivered twice finds its events in
the rows already (promise 2). A deleted key leaves a tombstone (value NULL) that keeps its seq.

sqlite-utils makes the schema and opens the file; the hot path uses its connection directly.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlite_utils

from cachedesk.engine.errors import Damaged, DatabaseBusy, DatabaseError, DatabaseUncertain
from cachedesk.engine.events import NO_ROW, Refusal, Row
from cachedesk.engine.failpoints import ComponentCrash

APPLICATION_ID = 0x63646B31
SCHEMA_VERSION = 1

_FULL = 2
_BUSY_LOOK_SECONDS = 0.004
_KEYS_PER_SELECT = 500
_ROWS_PER_PAGE = 2_000
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_ROWS_PER_TRIM = 1_000
_OLD_TOMBSTONES = "SELECT rowid FROM rows WHERE value IS NULL AND seq <= ? LIMIT ?"

_READABLE_VIEW = """
SELECT CAST(key AS TEXT) AS key, CAST(value AS TEXT) AS value, seq,
       strftime('%Y-%m-%d %H:%M:%S', updated_at, 'unixepoch') AS updated_utc
FROM rows WHERE value IS NOT NULL ORDER BY rows.key
"""


class Transaction:
    """What may be done inside one write transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._live: set[bytes] = set()

    def rows(self, keys: Sequence[bytes]) -> dict[bytes, Row]:
        """Return the rows of ``keys``; a key without a row is not in the result."""
        rows = _select(self._connection, keys)
        self._live.update(key for key, row in rows.items() if row.value is not None)
        return rows

    def write(self, rows: Mapping[bytes, Row]) -> None:
        """Insert or replace ``rows``, of keys that were read by ``rows`` before: that is how the
        number of live rows stays exact without counting them."""
        now = time.time()
        change = sum((row.value is not None) - (key in self._live) for key, row in rows.items())
        if change:
            self._connection.execute(
                "UPDATE meta SET number=number+? WHERE name='live_rows'", (change,)
            )
        self._connection.executemany(
            "INSERT INTO rows (key, value, seq, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT (key)"
            " DO UPDATE SET value=excluded.value, seq=excluded.seq, updated_at=excluded.updated_at",
            ((key, row.value, row.seq, now) for key, row in rows.items()),
        )

    def bury(self, refusals: Iterable[Refusal]) -> None:
        """Keep events that no value can take as dead letters, with the reason."""
        self._connection.executemany(
            "INSERT INTO dead (seq, op, key, arg, reason, at) VALUES (?, ?, ?, ?, ?, ?)",
            (
                (event.seq, event.op.name.lower(), event.key, _as_blob(event.arg), reason, event.at)
                for event, reason in refusals
            ),
        )

    def drop_tombstones(self, through_seq: int) -> int:
        """Delete up to 1,000 tombstones whose seq is not above ``through_seq``."""
        cursor = self._connection.execute(
            f"DELETE FROM rows WHERE rowid IN ({_OLD_TOMBSTONES})", (through_seq, _ROWS_PER_TRIM)
        )
        return cursor.rowcount

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters from ``first_seq`` to ``last_seq``."""
        found = self._connection.execute(
            "SELECT seq FROM dead WHERE seq BETWEEN ? AND ?", (first_seq, last_seq)
        )
        return {seq for (seq,) in found}

    def note(self, name: str, number: int) -> None:
        """Keep a number under ``name``, as part of this transaction."""
        self._connection.execute("UPDATE meta SET number=? WHERE name=?", (number, name))


class Database:
    """The SQLite file of one data directory. Thread-safe: many readers, one writer at a time."""

    def __init__(self, path: Path) -> None:
        """Open the database at ``path``, or create it.

        Raises:
            Damaged: the file is no SQLite database, not ours, or of a newer version.
        """
        self.path = path
        self._writing = threading.Lock()
        self._readers: deque[sqlite3.Connection] = deque()
        self._writer: sqlite3.Connection | None = None
        self._closed = threading.Event()
        try:
            _check_owner(path)
            self._writer = self._open_writer()
            _prepare(self._writer, path)
        except sqlite3.DatabaseError as error:
            self.close()
            raise Damaged(f"the database {path} cannot be opened: {error}") from error
        except Damaged:
            self.close()
            raise

    def read(self, key: bytes) -> Row:
        """Return the row of ``key`` (``NO_ROW`` when there is none).

        Raises:
            DatabaseError: SQLite does not answer.
        """
        with self._reader() as connection:
            found = connection.execute("SELECT value, seq FROM rows WHERE key=?", (key,)).fetchone()
        return Row(*found) if found is not None else NO_ROW

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, Row]:
        """Return the rows of ``keys``, without those that have none; errors as for ``read``."""
        with self._reader() as connection:
            return _select(connection, keys)

    def scan(self) -> Iterator[tuple[bytes, Row]]:
        """Yield all rows of one instant, tombstones included, sorted by the keys' bytes.

        Raises:
            DatabaseError: SQLite does not answer.
        """
        with self._reader() as connection:
            connection.execute("BEGIN")
            cursor = connection.execute("SELECT key, value, seq FROM rows ORDER BY key")
            while page := cursor.fetchmany(_ROWS_PER_PAGE):
                for key, value, seq in page:
                    yield key, Row(value, seq)
            connection.execute("COMMIT")

    def numbers(self) -> dict[str, int]:
        """Return the numbers kept by ``Transaction.note``; errors as for ``read``."""
        with self._reader() as connection:
            return dict(connection.execute("SELECT name, number FROM meta"))

    def count(self) -> tuple[int, int]:
        """Return the numbers of live rows and of dead letters, without a scan of the rows."""
        with self._reader() as connection:
            rows = connection.execute("SELECT number FROM meta WHERE name='live_rows'").fetchone()
            dead = connection.execute("SELECT count(*) FROM dead").fetchone()
        return rows[0], dead[0]

    def trim(self, through_seq: int, deadline: float) -> int:
        """Drop up to 1,000 tombstones whose seq is not above ``through_seq``; return how many.

        Safe once no event of those keys can be delivered again: every event up to
        ``through_seq`` was acked, and a later one has a higher seq than any tombstone.
        """
        with self._reader() as connection:
            if connection.execute(_OLD_TOMBSTONES, (through_seq, 1)).fetchone() is None:
                return 0
        with self.transaction(deadline) as transaction:
            return transaction.drop_tombstones(through_seq)

    @property
    def bytes(self) -> tuple[int, int]:
        """The sizes of the database file and of its write-ahead log."""
        wal = self.path.with_name(self.path.name + "-wal")
        return self.path.stat().st_size, wal.stat().st_size if wal.exists() else 0

    @contextmanager
    def transaction(self, deadline: float) -> Iterator[Transaction]:
        """Run a write transaction; it is committed, durably, when the block ends.

        Args:
            deadline: ``time.monotonic()`` seconds by which the lock must have been had.

        Raises:
            DatabaseBusy: somebody else held the lock until the deadline; nothing was changed.
            DatabaseUncertain: the commit met an I/O error; it happened, or it did not.
            DatabaseError: the disk is full, or SQLite failed; nothing was changed.
        """
        left = deadline - time.monotonic()
        if not self._writing.acquire(timeout=max(0.0, left)):
            raise DatabaseBusy("the database is busy with another write")
        try:
            connection = self._begin(deadline)
            try:
                yield Transaction(connection)
                _commit(connection)
            except ComponentCrash:
                # As death would: the files are let go of, nothing is rolled back or committed.
                self._writer = None
                connection.close()
                raise
            except DatabaseUncertain:
                # Whoever comes next reads from the files what became of it.
                self._writer = None
                connection.close()
                raise
            except sqlite3.Error as error:
                _roll_back(connection)
                raise DatabaseError(f"the database refused a write: {error}") from error
            except BaseException:
                _roll_back(connection)
                raise
        finally:
            self._writing.release()

    def close(self) -> None:
        """Close all connections; a writer that waits for the lock gives up."""
        self._closed.set()
        while self._readers:
            self._readers.pop().close()
        # The writer last: the last to close moves the write-ahead log into the file.
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _begin(self, deadline: float) -> sqlite3.Connection:
        while True:
            try:
                if self._closed.is_set():
                    raise DatabaseError("the database is closed")
                if self._writer is None:
                    self._writer = self._open_writer()
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY
                if not busy:
                    raise DatabaseError(f"the database does not answer: {error}") from error
                if time.monotonic() >= deadline:
                    raise DatabaseBusy("the database is locked by another connection") from error
                self._closed.wait(_BUSY_LOOK_SECONDS)
            else:
                return self._writer

    def _open_writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        if connection.execute("PRAGMA synchronous").fetchone()[0] < _FULL:
            raise Damaged("SQLite refuses synchronous=FULL; the database would not be safe")
        return connection

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._open_reader()
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

    def _open_reader(self) -> sqlite3.Connection:
        if self._closed.is_set():
            raise DatabaseError("the database is closed")
        try:
            return sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=0.05,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise DatabaseError(f"the database cannot be opened: {error}") from error


def _check_owner(path: Path) -> None:
    """Refuse somebody else's file before it is opened for writing, which would change it."""
    if not path.exists() or path.stat().st_size == 0:
        return
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        connection.close()
    if tables and owner != APPLICATION_ID:
        raise Damaged(f"the database {path} was not made by cachedesk; choose another --data")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the schema in a new file; check it in an old one."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    database = sqlite_utils.Database(connection, execute_plugins=False)
    if version == 0 and not database.table_names():
        _create(database)
        return
    if version > SCHEMA_VERSION:
        raise Damaged(
            f"the database {path} is of version {version}, this cachedesk knows {SCHEMA_VERSION};"
            " upgrade cachedesk"
        )


def _create(database: sqlite_utils.Database) -> None:
    with database.atomic():
        database.table("rows").create(
            {"key": bytes, "value": bytes, "seq": int, "updated_at": float},
            pk="key",
            not_null={"key", "seq", "updated_at"},
            strict=True,
        )
        database.table("dead").create(
            {"seq": int, "op": str, "key": bytes, "arg": bytes, "reason": str, "at": float},
            pk="seq",
            not_null={"op", "key", "reason", "at"},
            strict=True,
        )
        database.table("meta").create(
            {"name": str, "number": int}, pk="name", not_null={"number"}, strict=True
        )
        database.table("meta").insert_all(
            {"name": name, "number": 0}
            for name in ("newest_seq", "log_seq", "log_epoch", "live_rows")
        )
        database.execute("CREATE INDEX tombstones ON rows (seq) WHERE value IS NULL")
        database.create_view("readable", _READABLE_VIEW)
        database.execute(f"PRAGMA application_id={APPLICATION_ID}")
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _select(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Row]:
    rows: dict[bytes, Row] = {}
    for start in range(0, len(keys), _KEYS_PER_SELECT):
        some = keys[start : start + _KEYS_PER_SELECT]
        marks = ",".join("?" * len(some))
        for key, value, seq in connection.execute(
            f"SELECT key, value, seq FROM rows WHERE key IN ({marks})", some
        ):
            rows[key] = Row(value, seq)
    return rows


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            raise DatabaseUncertain(f"the database failed in a commit: {error}") from error
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _as_blob(argument: bytes | int | None) -> bytes | None:
    return b"%d" % argument if isinstance(argument, int) else argument
