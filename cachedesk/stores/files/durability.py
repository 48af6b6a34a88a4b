"""Settling: finding out what became of a commit that failed, before anything is built on it.

A failed sync must not be tried again: the kernel may have dropped what it could not write and
called it clean, so the next sync would succeed without it, and whatever is appended to SQLite's
write-ahead log behind the hole is lost with it at a power cut. So the connection is closed; a new
one reads from the files what happened, and moves all of it into the database file with a sync of
its own, after which the write-ahead log begins anew. (Rebello et al., "Can Applications Recover
from fsync Failures?", USENIX ATC 2020.)
"""

from __future__ import annotations

import sqlite3

from cachedesk.core.errors import DatabaseUncertain


def settle(connection: sqlite3.Connection) -> None:
    """Make durable what a newly opened ``connection`` reads.

    Raises:
        sqlite3.Error: it still fails, or (``SQLITE_BUSY``) others are still reading.
    """
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        error = sqlite3.OperationalError("a commit failed, and the file is still being read")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error


def settle_at_open(connection: sqlite3.Connection) -> None:
    """As ``settle``, for files whose last user may have seen a commit fail and died of it; if
    others are reading, the first write will have to do."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def commit(connection: sqlite3.Connection) -> None:
    """Commit.

    Raises:
        DatabaseUncertain: the disk failed: it happened, or it did not.
        sqlite3.Error: it did not happen.
    """
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            raise DatabaseUncertain(f"the database failed in a commit: {error}") from error
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Take back what the transaction did, if there is one."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
