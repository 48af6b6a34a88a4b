"""Errors of SQLite after which it has certainly written nothing."""

from __future__ import annotations

import sqlite3

DISK_FULL = "disk full"

_WORDS = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_CANTOPEN: "not writable",
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_TOOBIG: "",
}


def is_certain(error: sqlite3.Error) -> bool:
    """Return whether ``error`` means that SQLite has certainly written nothing."""
    return _code(error) in _WORDS


def word_of(error: sqlite3.Error) -> str:
    """Return what is wrong with the file in a word or two; empty if nothing is."""
    return _WORDS[_code(error)]


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
