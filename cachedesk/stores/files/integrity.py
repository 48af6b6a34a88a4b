"""SQLite's integrity check of a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def integrity(path: Path) -> list[str]:
    """Return the first problem that SQLite's ``integrity_check`` finds in the file at ``path``;
    an empty list if there is none."""
    with closing(sqlite3.connect(path)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return [] if answer == "ok" else [f"{path.name}: {answer}"]
