"""Opening the database: the two kinds of connection that it needs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cachedesk.core.errors import Damaged
from cachedesk.stores.files.impairment import FillerRow, Hindrance, fill_disk

_FULL = 2
_BALLAST = FillerRow("rows", "key, value, seq, updated_at", "x'', :blob, 0, 0", "key = x''")


def open_writer(path: Path, mode: str, hindrance: Hindrance) -> sqlite3.Connection:
    """Return a connection whose commits survive a power cut.

    Args:
        path: the database.
        mode: ``"rwc"`` makes it if it is not there, ``"rw"`` does not.
        hindrance: what is in the way.

    Raises:
        Damaged: SQLite does not take the settings that this needs.
        sqlite3.Error: it cannot be opened.
    """
    connection = sqlite3.connect(
        hindrance.uri(path, mode),
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    if connection.execute("PRAGMA synchronous").fetchone()[0] < _FULL:
        raise Damaged("SQLite refuses synchronous=FULL; the database would not be safe")
    if hindrance.full:
        fill_disk(connection, _BALLAST)
    return connection


def open_reader(path: Path, hindrance: Hindrance) -> sqlite3.Connection:
    """Return a connection that only reads; ``sqlite3.Error``: it cannot be opened."""
    return sqlite3.connect(
        hindrance.uri(path, "ro"),
        uri=True,
        timeout=0.05,
        isolation_level=None,
        check_same_thread=False,
    )
