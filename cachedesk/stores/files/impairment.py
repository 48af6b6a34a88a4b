"""Impairment: the faults that affect the process's own connections to SQLite.

Nothing changes on the disk, so a process that is killed meanwhile leaves nothing to repair. The
first three make SQLite itself return the real error; only the delay of the last is simulated:

* full: a page limit, and a trigger (of this connection only) that makes each write ask for more
  pages than are free. The limit alone would allow writes that fit into free pages, but on a full
  disk even they fail, because the ``-wal`` file cannot grow: SQLITE_FULL.
* read-only: the file is opened read-only, SQLITE_READONLY. (Changing the file's mode affects
  neither open connections nor root, and would outlive the process.)
* gone: the file is opened at a path where no file can be, SQLITE_CANTOPEN. (Renaming it would
  hardly affect open connections, and after a kill it would be missing.)
* slow: each answer is delayed, as with a remote or an overloaded database; callers wait up to
  their own deadline.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MOST_PAGES = 1_073_741_823  # SQLite's own default
_MAX_FILLER_BYTES = 64 * 1024 * 1024
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Impairment:
    """The active faults of the database. ``latency_seconds``: the delay of each answer;
    ``patience_seconds``: how long a read waits for it (a write has its own deadline)."""

    full: bool = False
    readonly: bool = False
    gone: bool = False
    latency_seconds: float = 0.0
    patience_seconds: float = 0.0

    def uri(self, path: Path, mode: str) -> str:
        """Return the URI to open the database at ``path`` in SQLite's ``mode``."""
        if self.gone:
            # A path below a file cannot exist, nor be created.
            path = path / "gone"
        if self.readonly:
            mode = "ro"
        return f"{path.absolute().as_uri()}?mode={mode}"

    def wait(self, current: Callable[[], Impairment], deadline: float) -> bool:
        """Wait for a slow answer; return whether it came before ``deadline``.

        Args:
            current: returns the impairment of now; the wait ends when that is another one.
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


UNIMPAIRED = Impairment()


@dataclass(frozen=True, slots=True)
class FillerRow:
    """A row of ``table`` that is inserted with each write and exceeds the page limit: ``columns``
    with ``values``, where ``:blob`` stands for a blob of the needed size. ``is_filler`` is the
    condition that selects it."""

    table: str
    columns: str
    values: str
    is_filler: str


def fill_disk(connection: sqlite3.Connection, filler: FillerRow) -> None:
    """Make SQLite refuse the inserts of ``connection`` because the disk is full."""
    blob = (
        f"zeroblob(min({_MAX_FILLER_BYTES}, (SELECT freelist_count + 2 FROM"
        " pragma_freelist_count) * (SELECT page_size FROM pragma_page_size)))"
    )
    values = filler.values.replace(":blob", blob)
    connection.execute("PRAGMA max_page_count=1")  # SQLite raises it to the current page count.
    connection.execute(
        f"CREATE TEMP TRIGGER IF NOT EXISTS disk_full BEFORE INSERT ON main.{filler.table} BEGIN"
        f" INSERT INTO {filler.table} ({filler.columns}) VALUES ({values});"
        # Reached only if there was room for even the largest blob.
        f" DELETE FROM {filler.table} WHERE {filler.is_filler}; END"
    )


def free_disk(connection: sqlite3.Connection) -> None:
    """End ``fill_disk``."""
    connection.execute("DROP TRIGGER IF EXISTS temp.disk_full")
    connection.execute(f"PRAGMA max_page_count={_MOST_PAGES}")
