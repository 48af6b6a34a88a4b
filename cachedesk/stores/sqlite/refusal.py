"""Which errors of SQLite mean that the data itself cannot be written: see ``core.refusals``."""

from __future__ import annotations

import sqlite3

from cachedesk.core.errors import DatabaseError, DatabaseRefused

WRITE_ROW = (
    "INSERT INTO rows (key, value, seq, expires_at, updated_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value=excluded.value, seq=excluded.seq,"
    " expires_at=excluded.expires_at, updated_at=excluded.updated_at"
)

# sqlite3 raises these for SQLITE_CONSTRAINT (RAISE in a trigger, CHECK, a strict column's type),
# SQLITE_MISMATCH and SQLITE_TOOBIG, and for a value that it cannot bind.
_OF_THE_DATA = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)


def explained(error: sqlite3.Error, connection: sqlite3.Connection) -> DatabaseError:
    """Return the error that a transaction raises for ``error``, after it was rolled back."""
    if isinstance(error, _OF_THE_DATA) or _failed_while_running(error, connection):
        return DatabaseRefused(str(error))
    return DatabaseError(f"the database refused a write: {error}")


def _failed_while_running(error: sqlite3.Error, connection: sqlite3.Connection) -> bool:
    """Return whether a generic error came from running the write (a function in a trigger fails on
    a value). If the statement cannot even be compiled, a table or a trigger is broken and every
    write fails: then no event must become a dead letter, or all would."""
    if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
        return False
    try:
        connection.execute(f"EXPLAIN {WRITE_ROW}", (b"", None, 0, None, 0.0))
    except sqlite3.Error:
        return False
    return True
