"""A data directory locked for reading: no file is opened for writing, and no byte changes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cachedesk.core.errors import DataDirectoryError
from cachedesk.stores.files.data_directory import check_kinds, in_use
from cachedesk.stores.files.layout import DirectoryLayout


@dataclass(frozen=True, slots=True)
class DirectoryFiles(DirectoryLayout):
    """The files of a data directory that is not open."""

    path: Path


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
    """Prevent other processes from opening the directory while it is read. Several processes can
    read it at once.

    Raises:
        InUse: a process has it open; the message names its pid.
        DataDirectoryError: it cannot be read, or an entry is not a regular file.
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
        # Some network file systems cannot lock a directory; the lock on the file still holds.
