"""Checks whether the open files are still the ones at their paths.

An open file still works after it was deleted, moved or replaced: everything that is committed then
is gone when the process ends. The kernel does not report this, so the paths are checked: after
each commit before it is acknowledged, which takes a few microseconds, and every half second.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cachedesk.stores.files.read_only import wal_of


class OpenFiles:
    """The files of one store. ``trouble`` says in a few words what was wrong with them at the last
    check; it is empty if nothing was."""

    def __init__(self, main: Path, others: Sequence[Path] = ()) -> None:
        """Record the identity of the files as they are now.

        Args:
            main: an open SQLite file.
            others: files beside it that never change in size.
        """
        wal = wal_of(main)
        self._sides = (wal, wal.with_name(f"{main.resolve().name}-shm"))
        self._kept = {main: _identity(os.stat(main))}
        self._sizes: dict[Path, int] = {}
        for path in others:
            status = os.stat(path)
            self._kept[path], self._sizes[path] = _identity(status), status.st_size
        self._side_files: dict[Path, tuple[int, int]] = {}
        self.trouble = ""
        self.reopened()

    def reopened(self) -> None:
        """Record SQLite's side files as they are now: SQLite recreates them if no connection was
        open."""
        self._side_files = {path: _identity(path.stat()) for path in self._sides if path.exists()}

    def look(self) -> str:
        """Check all of them now; return ``trouble``."""
        self.trouble = self._check()
        return self.trouble

    def _check(self) -> str:
        for files in (self._kept, self._side_files):
            for path, identity in files.items():
                try:
                    status = os.stat(path)
                except FileNotFoundError:
                    return f"{path} was removed or moved while it was in use"
                except OSError as error:
                    return f"{path} cannot be checked: {error.strerror}"
                if (status.st_dev, status.st_ino) != identity:
                    return f"{path} was replaced while it was in use"
                if status.st_size < self._sizes.get(path, 0):
                    return f"{path} was truncated while it was in use"
        return ""


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
