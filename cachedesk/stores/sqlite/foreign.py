"""Access to the database as another program would have it, on a separate connection."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cachedesk.core.capabilities import ForeignWrite
from cachedesk.core.errors import Unavailable

_LOCK_SECONDS = 5.0
_LOCK_POLL_SECONDS = 0.0002


def locked(path: Path) -> sqlite3.Connection:
    """Return a separate connection that holds the write lock of the database at ``path``.

    Raises:
        Unavailable: the lock could not be taken.
    """
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if _is_busy(error) and time.monotonic() < deadline:
                # SQLite's own waits grow to 100 ms, and a busy writer gets the lock first.
                time.sleep(_LOCK_POLL_SECONDS)
                continue
            connection.close()
            raise Unavailable(f"the database's lock could not be taken: {error}") from error
        else:
            return connection


@contextmanager
def foreign_write(path: Path) -> Iterator[ForeignWrite]:
    """Hold the write lock of the database at ``path``, as another program might. The block gets a
    function that sets the value of a row; the end of the block commits.

    Raises:
        Unavailable: the lock could not be taken, or the write failed.
    """
    other = locked(path)

    def write(key: bytes, value: bytes) -> None:
        other.execute("UPDATE rows SET value=? WHERE key=?", (value, key))

    try:
        yield write
        other.execute("COMMIT")
    except sqlite3.Error as error:
        raise Unavailable(f"the database does not take the write: {error}") from error
    finally:
        other.close()


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
