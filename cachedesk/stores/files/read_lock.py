"""A data directory locked for reading: nothing in it is opened for writing, and no byte changes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cachedesk.core.errors import DataDirectoryError
from cachedesk.stores.files.data_directory import check_kinds, in_use


@dataclass(frozen=True, slots=True)
class DirectoryFiles:
    """Where the files of a data directory are."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "cachedesk.db"

    @property
    def log(self) -> Path:
        """The folder of the write-behind log."""
        return self.path / "log"


def find_directory(path: Path) -> DirectoryFiles:
    """Return the files of the data directory at ``path``.

    Raises:
        DataDirectoryError: there is none.
    """
    path = path.absolute()
    try:
        if not path.is_dir():
            what = "is a file; name a directory" if path.exists() else "does not exist"
            raise DataDirectoryError(f"the data directory {path} {what}")
    except (OSError, ValueError) as error:
        raise DataDirectoryError(f"the data directory {path} cannot be read: {error}") from error
    files = DirectoryFiles(path)
    if not (os.path.lexists(files.database) or os.path.lexists(files.log)):
        raise DataDirectoryError(f"{path} is not a data directory of cachedesk")
    return files


@contextmanager
def locked_for_reading(files: DirectoryFiles) -> Iterator[None]:
    """Keep other processes from opening the directory for as long as it is read. Several may read
    it at once.

    Raises:
        InUse: a process has it open; the message names its pid.
        DataDirectoryError: it cannot be read, or something else has the name of one of its files.
    """
    with ExitStack() as opened:
        try:
            check_kinds(files.path)
            for path, flags in ((files.path / "lock", 0), (files.path, os.O_DIRECTORY)):
                if path.exists():
                    _lock(files.path, path, flags, opened)
        except OSError as error:
            raise DataDirectoryError(
                f"the data directory {files.path} cannot be read: {error.strerror}"
            ) from error
        yield


def _lock(directory: Path, path: Path, flags: int, opened: ExitStack) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    opened.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise in_use(directory) from None
    except OSError:
        if not flags:
            raise
        # Some network file systems cannot lock a directory; the file is locked all the same.
