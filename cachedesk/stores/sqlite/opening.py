"""Opening the database: connections that write, and connections that read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cachedesk.core.errors import Damaged
from cachedesk.stores.files.impairment import FillerRow, Impairment, fill_disk

_FULL = 2
_FILLER = FillerRow("rows", "key, value, seq, updated_at", "x'', :blob, 0, 0", "key = x''")


def open_writer(path: Path, mode: str, impairment: Impairment) -> sqlite3.Connection:
    """Return a connection whose commits survive a power cut.

    Args:
        path: the database.
        mode: ``"rwc"`` creates it if it does not exist, ``"rw"`` does not.
        impairment: the active faults.

    Raises:
        Damaged: SQLite does not accept the required settings.
        sqlite3.Error: it cannot be opened.
    """
    connection = sqlite3.connect(
        impairment.uri(path, mode),
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    if connection.execute("PRAGMA synchronous").fetchone()[0] < _FULL:
        raise Damaged("SQLite refuses synchronous=FULL; the database would not be safe")
    if impairment.full:
        fill_disk(connection, _FILLER)
    return connection


def open_reader(path: Path, impairment: Impairment) -> sqlite3.Connection:
    """Return a read-only connection; raises ``sqlite3.Error`` if it cannot be opened."""
    return sqlite3.connect(
        impairment.uri(path, "ro"),
        uri=True,
        timeout=0.05,
        isolation_level=None,
        check_same_thread=False,
    )
