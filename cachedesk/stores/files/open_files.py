"""Presence: whether the files that are open are still the ones at their paths.

What is open works on although its file was deleted, moved or replaced: everything that is then
committed is gone when the process ends. The kernel tells no one, so the paths are looked at: after
each commit before it is acknowledged, which costs a few microseconds, and every half second.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cachedesk.stores.files.read_only import wal_of


class OpenFiles:
    """The files of one store. ``trouble`` says what was wrong with them when they were last looked
    at, in half a sentence; it is empty while they are in place."""

    def __init__(self, main: Path, others: Sequence[Path] = ()) -> None:
        """Take the files as they are now.

        Args:
            main: an SQLite file that is open.
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
        """Take SQLite's side files as they are now: it makes them anew when none was open."""
        self._side_files = {path: _identity(path.stat()) for path in self._sides if path.exists()}

    def look(self) -> str:
        """Look at all of them now; return the trouble."""
        self.trouble = self._look()
        return self.trouble

    def _look(self) -> str:
        for files in (self._kept, self._side_files):
            for path, identity in files.items():
                try:
                    status = os.stat(path)
                except FileNotFoundError:
                    return f"{path} was removed or moved while it was in use"
                except OSError as error:
                    return f"{path} cannot be looked at: {error.strerror}"
                if (status.st_dev, status.st_ino) != identity:
                    return f"{path} was replaced while it was in use"
                if status.st_size < self._sizes.get(path, 0):
                    return f"{path} was cut short while it was in use"
        return ""


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
