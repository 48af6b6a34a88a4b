"""Connections to SQLite: why one could not be opened, and how one is left to a parent process."""

from __future__ import annotations

import ctypes
import sqlite3
from collections.abc import Iterable

from cachedesk.core.errors import Damaged, DataDirectoryError


def not_opened(what: str, error: Exception) -> DataDirectoryError:
    """Return what to raise when SQLite could not open ``what``: only a file whose content is wrong
    is damaged; one that is locked, or on a disk that fails, is whole and may open later."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return DataDirectoryError(
            f"{what} is locked by another program; close it there and try again"
        )
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY} | {
        sqlite3.SQLITE_CANTOPEN
    } or isinstance(error, OSError):
        return DataDirectoryError(f"{what} cannot be opened now: {error}; check the disk")
    return Damaged(f"{what} cannot be opened: {error}")


def leave_open(connections: Iterable[sqlite3.Connection | None]) -> None:
    """Keep SQLite connections of the parent from ever being closed in this process: closing one
    moves data between the parent's files and drops locks on them."""
    for connection in connections:
        if connection is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
