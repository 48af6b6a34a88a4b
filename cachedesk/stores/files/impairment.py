"""Hindrance: what a fault puts in the way of our own connections to SQLite.

Nothing is acted and nothing is changed on the disk, so a process that is killed meanwhile leaves
nothing to repair. Each hindrance makes SQLite itself give the true error:

* full: a page limit, and a trigger (of this connection only) that makes each write ask for more
  pages than are free. The limit alone would let through what fits into free pages, but on a full
  disk even that fails, because the ``-wal`` file cannot grow: SQLITE_FULL.
* read-only: the file is opened as one that may not be written, SQLITE_READONLY. (To change the
  file's mode does nothing to what is open, nor to root, and would outlive us.)
* gone: it is looked for where nothing can be, SQLITE_CANTOPEN. (To rename it would hardly be
  noticed by what is open, and after a kill it would be missing.)
* slow: each answer is waited for, as for that of a remote or an overloaded database, by those who
  wait up to their own deadline.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MOST_PAGES = 1_073_741_823  # SQLite's own default
_MOST_BALLAST_BYTES = 64 * 1024 * 1024
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What is in the way of the database. ``latency_seconds``: how long each answer takes;
    ``patience_seconds``: how long a read waits for it (a write has a deadline of its own)."""

    full: bool = False
    readonly: bool = False
    gone: bool = False
    latency_seconds: float = 0.0
    patience_seconds: float = 0.0

    def uri(self, path: Path, mode: str) -> str:
        """Return the URI by which to open the database at ``path`` in SQLite's ``mode``."""
        if self.gone:
            # Below a file there can be nothing, so nothing can be created either.
            path = path / "gone"
        if self.readonly:
            mode = "ro"
        return f"{path.absolute().as_uri()}?mode={mode}"

    def waits(self, current: Callable[[], Hindrance], deadline: float) -> bool:
        """Wait for a slow answer; return whether it came before ``deadline``.

        Args:
            current: what is in the way now; once that is another, nobody waits any more.
            deadline: ``time.monotonic()`` seconds.
        """
        due = time.monotonic() + self.latency_seconds
        while current() is self:
            now = time.monotonic()
            if now >= due:
                return True
            if now >= deadline:
                return False
            time.sleep(min(_LOOK_SECONDS, due - now, deadline - now))
        return True


NOTHING = Hindrance()


@dataclass(frozen=True, slots=True)
class FillerRow:
    """A row of ``table`` that is put on with each write, and is too much: ``columns`` of
    ``values``, with ``:blob`` for a blob as large as it takes. ``is_ballast`` finds it again."""

    table: str
    columns: str
    values: str
    is_ballast: str


def fill_disk(connection: sqlite3.Connection, ballast: FillerRow) -> None:
    """Have SQLite refuse what ``connection`` inserts because the disk is full."""
    blob = (
        f"zeroblob(min({_MOST_BALLAST_BYTES}, (SELECT freelist_count + 2 FROM"
        " pragma_freelist_count) * (SELECT page_size FROM pragma_page_size)))"
    )
    values = ballast.values.replace(":blob", blob)
    connection.execute("PRAGMA max_page_count=1")  # SQLite takes it for the pages there are.
    connection.execute(
        f"CREATE TEMP TRIGGER IF NOT EXISTS disk_full BEFORE INSERT ON main.{ballast.table} BEGIN"
        f" INSERT INTO {ballast.table} ({ballast.columns}) VALUES ({values});"
        # Reached only where there was room for even the most.
        f" DELETE FROM {ballast.table} WHERE {ballast.is_ballast}; END"
    )


def free_disk(connection: sqlite3.Connection) -> None:
    """End ``fill_disk``."""
    connection.execute("DROP TRIGGER IF EXISTS temp.disk_full")
    connection.execute(f"PRAGMA max_page_count={_MOST_PAGES}")
