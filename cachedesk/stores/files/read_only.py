"""Read-only access to an SQLite file that changes nothing on the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cachedesk.core.errors import Damaged, DataDirectoryError

ADVICE = "restore the whole data directory from one backup"
MADE_EARLY = (
    "was made by a cachedesk from before the first version, which this one does not read; choose"
    " another --data, or read it with the one that made it"
)
OR_RECOVER = ', or see "cachedesk recover --help" if only the log was lost'

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LOCKED_SECONDS = 0.5
_SMALLEST_PAGE_BYTES = 512


def wal_of(path: Path) -> Path:
    """Return the path of the ``-wal`` file of ``path``, which is beside the target of a symlink."""
    return path.resolve().with_name(f"{path.resolve().name}-wal")


def has_wal(path: Path) -> bool:
    """Return whether the newest contents of the file are in its ``-wal`` file."""
    wal = wal_of(path)
    return wal.exists() and wal.stat().st_size > 0


@contextmanager
def looking_at(path: Path, *, wal: bool = True) -> Iterator[sqlite3.Connection]:
    """Open ``path`` read-only, with or without the contents of its ``-wal`` file, without creating
    or removing any side file of SQLite."""
    immutable = ""
    if not (wal and has_wal(path)):
        immutable = "&immutable=1"
        if wal and path.stat().st_size % _SMALLEST_PAGE_BYTES:
            # SQLite would read zeros for the missing end of the last page.
            raise Damaged(f"{path} cannot be read: its end is missing; {ADVICE}")
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro{immutable}", uri=True, timeout=_LOCKED_SECONDS
        )
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _LOCKED:
            raise DataDirectoryError(
                f"{path} is locked by another program; close it there and try again"
            ) from error
        if code == sqlite3.SQLITE_CANTOPEN:
            raise DataDirectoryError(f"{path} cannot be opened: {error}") from error
        raise Damaged(f"{path} cannot be read: {error}; {ADVICE}") from error
