"""Settling: determining the outcome of a failed commit before anything builds on it.

A failed sync must not be retried: the kernel may have dropped the dirty pages that it could not
write and marked them clean, so the next sync would succeed without them, and everything that is
appended to SQLite's write-ahead log after the hole is lost with it at a power cut. So the
connection is closed. A new one reads from the files what happened, and moves all of it into the
database file with its own sync, after which the write-ahead log starts anew. (Rebello et al., "Can
Applications Recover from fsync Failures?", USENIX ATC 2020.)
"""

from __future__ import annotations

import sqlite3

from cachedesk.core.errors import DatabaseUncertain


def settle(connection: sqlite3.Connection) -> None:
    """Make the contents that a newly opened ``connection`` reads durable.

    Raises:
        sqlite3.Error: it still fails, or (``SQLITE_BUSY``) other connections are still reading.
    """
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        error = sqlite3.OperationalError("a commit failed, and the file is still being read")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error


def settle_at_open(connection: sqlite3.Connection) -> None:
    """Like ``settle``, for files whose last process may have died after a failed commit. If other
    connections are reading, nothing is done until the first write."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def commit(connection: sqlite3.Connection) -> None:
    """Commit the transaction of ``connection``.

    Raises:
        DatabaseUncertain: the disk failed; it is unknown whether the commit took effect.
        sqlite3.Error: the commit did not take effect.
    """
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            raise DatabaseUncertain(f"the database failed in a commit: {error}") from error
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Roll back the transaction, if there is one."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
