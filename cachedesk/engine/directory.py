"""The data directory: its files, and the lock that gives it to one process at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from pathlib import Path

import psutil

from cachedesk.engine.errors import DataDirectoryError, InUse

_FILES = (
    "lock",
    "redis.state",
    *("cachedesk.db", "cachedesk.db-wal", "cachedesk.db-shm"),
    *("log/log.db", "log/log.db-wal", "log/log.db-shm", "log/witness"),
)
# SQLite takes 512 bytes, of which it needs some for the names of its own files.
_MOST_PATH_BYTES = 512 - len("/cachedesk.db") - len("-journal")
_LAST_BREATH_SECONDS = 1.0
_LOOK_SECONDS = 0.005


class DataDirectory:
    """A locked data directory. Two processes on one log would deliver each event twice, so the
    lock is taken before anything is opened; the kernel drops it when its process dies."""

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        """Lock the directory at ``path``.

        Args:
            path: the directory.
            create: make it if it does not exist.

        Raises:
            DataDirectoryError: it is missing, a file, or not writable, or something else has
                the name of one of our files; nothing was changed.
            InUse: another process has it; the message names its pid.
        """
        if not os.fspath(path):
            # As a path it would be the current directory, which nobody named.
            raise DataDirectoryError("the name of the data directory is empty; name a directory")
        try:
            # Absolute: the process may go to another directory while it is open.
            self.path = Path(path).absolute()
            self._prepare(create)
        except (OSError, ValueError) as error:
            raise DataDirectoryError(
                f"the data directory {os.fspath(path)!r} cannot be used: {_reason(error)}"
            ) from error
        self._lock = self._take_lock()

    def _prepare(self, create: bool) -> None:
        if len(os.fsencode(os.path.realpath(self.path))) > _MOST_PATH_BYTES:
            raise DataDirectoryError(
                f"the data directory {str(self.path)[:40]}... has a path of over"
                f" {_MOST_PATH_BYTES} bytes, which is too long for SQLite"
            )
        if self.path.exists() and not self.path.is_dir():
            raise DataDirectoryError(f"the data directory {self.path} is a file; name a directory")
        if not self.path.exists():
            if self.path.is_symlink():
                raise DataDirectoryError(f"the data directory {self.path} is a link to nowhere")
            if not create:
                raise DataDirectoryError(f"there is no data directory {self.path}")
            self.path.mkdir(parents=True)
        elif not create and not self.database.exists():
            raise DataDirectoryError(f"{self.path} is not a data directory of cachedesk")
        for folder in (self.log, self.path / "redis"):
            if os.path.lexists(folder) and not folder.is_dir():
                raise DataDirectoryError(f"{folder} is no folder; move it away")
        for name in _FILES:
            _see_that_it_is_a_file(self.path / name)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "cachedesk.db"

    @property
    def log(self) -> Path:
        """The folder of the write-behind log."""
        return self.path / "log"

    def close(self) -> None:
        """Let the next process have the directory."""
        os.close(self._lock)

    def _take_lock(self) -> int:
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirectoryError(
                f"the data directory {self.path} cannot be written: {error.strerror}"
            ) from error
        deadline = time.monotonic() + _LAST_BREATH_SECONDS
        while not _flock(lock):
            owner = "".join(filter(str.isdigit, os.pread(lock, 32, 0).decode("ascii", "ignore")))
            if _is_dead(owner) and time.monotonic() < deadline:
                # What it was just starting still holds the lock, until it begins or ends itself.
                time.sleep(_LOOK_SECONDS)
                continue
            os.close(lock)
            raise InUse(
                f"the data directory {self.path} is in use by process {owner or 'unknown'}; stop"
                " it, or choose another directory"
            )
        try:
            os.ftruncate(lock, 0)
            os.write(lock, b"%d\n" % os.getpid())
        except OSError as error:
            os.close(lock)
            raise DataDirectoryError(
                f"the data directory {self.path} cannot be written: {error.strerror}"
            ) from error
        return lock


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _see_that_it_is_a_file(path: Path) -> None:
    """Opening a pipe or a device would wait for ever, or do what nobody meant."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise DataDirectoryError(f"{path} is a link to nowhere") from None
        return
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a pipe or a device"
        raise DataDirectoryError(f"{path} is {what}; it must be a file")


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _is_dead(owner: str) -> bool:
    try:
        return bool(psutil.Process(int(owner)).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (ValueError, OverflowError, psutil.Error):
        return False
