"""Helpers for SQLite connections: errors of opening, and leaving them to a parent process."""

from __future__ import annotations

import ctypes
import sqlite3
from collections.abc import Iterable

from cachedesk.core.errors import Damaged, DataDirectoryError


def not_opened(what: str, error: Exception) -> DataDirectoryError:
    """Return the error to raise if SQLite could not open ``what``. Only a file with wrong contents
    is damaged; a file that is locked, or on a failing disk, may open later."""
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
    """Prevent SQLite connections of the parent from being closed in this process: closing one
    moves data between the parent's files and drops locks on them."""
    for connection in connections:
        if connection is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
