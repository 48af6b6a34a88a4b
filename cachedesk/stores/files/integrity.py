"""What SQLite finds wrong with a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def integrity(path: Path) -> list[str]:
    """Return what SQLite's ``integrity_check`` finds wrong with the file at ``path``, in one
    sentence; nothing when it is whole."""
    with closing(sqlite3.connect(path)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return [] if answer == "ok" else [f"{path.name}: {answer}"]
