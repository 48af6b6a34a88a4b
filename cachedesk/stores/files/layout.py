"""The layout of a data directory: the names of its files."""

from __future__ import annotations

from pathlib import Path


class DirectoryLayout:
    """Paths of the files in the data directory ``path``."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "cachedesk.db"

    @property
    def log(self) -> Path:
        """The folder of the write-behind log."""
        return self.path / "log"
