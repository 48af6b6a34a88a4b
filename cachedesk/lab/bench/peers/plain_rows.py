"""A table of keys and values in SQLite, written by hand: a commit for every write."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

_SET = (
    "INSERT INTO rows (key, value) VALUES (?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value=excluded.value"
)
_INCR = "INSERT INTO rows (key, value) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET value=value+1"


class PlainRows:
    """A table behind one connection and one lock. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE rows (key BLOB PRIMARY KEY, value)")

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``."""
        with self._lock:
            found = self._connection.execute(
                "SELECT value FROM rows WHERE key=?", (key,)
            ).fetchone()
        return None if found is None else found[0]

    def set(self, key: bytes, value: bytes) -> None:
        """Set ``key``, durably."""
        with self._lock:
            self._connection.execute(_SET, (key, value))

    def set_all(self, keys: Sequence[bytes], value: bytes) -> None:
        """Set all ``keys`` in one commit, to prepare a lap."""
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.executemany(_SET, [(key, value) for key in keys])
            self._connection.execute("COMMIT")

    def incr(self, key: bytes) -> None:
        """Add one to ``key``, durably."""
        with self._lock:
            self._connection.execute(_INCR, (key,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
