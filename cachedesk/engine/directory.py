"""The data directory: its files, and the lock that gives it to one process at a time."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import psutil

from cachedesk.engine.errors import DataDirectoryError, InUse

_LAST_BREATH_SECONDS = 1.0
_LOOK_SECONDS = 0.005


class DataDirectory:
    """A locked data directory. Two processes on one log would deliver each event twice, so the
    lock is taken before anything is opened; the kernel drops it when its process dies."""

    def __init__(self, path: Path | str, *, create: bool = True) -> None:
        """Lock the directory at ``path``.

        Args:
            path: the directory.
            create: make it if it does not exist.

        Raises:
            DataDirectoryError: it is missing, a file, or not writable; nothing was changed.
            InUse: another process has it; the message names its pid.
        """
        self.path = Path(path)
        try:
            self._prepare(create)
        except (OSError, ValueError) as error:
            raise DataDirectoryError(
                f"the data directory {os.fspath(path)!r} cannot be used: {error}"
            ) from error
        self._lock = self._take_lock()

    def _prepare(self, create: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise DataDirectoryError(f"the data directory {self.path} is a file; name a directory")
        if not self.path.exists():
            if not create:
                raise DataDirectoryError(f"there is no data directory {self.path}")
            self.path.mkdir(parents=True)
        elif not create and not self.database.exists():
            raise DataDirectoryError(f"{self.path} is not a data directory of cachedesk")

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
            owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
            if _is_dead(owner) and time.monotonic() < deadline:
                # What it was just starting still holds the lock, until it begins or ends itself.
                time.sleep(_LOOK_SECONDS)
                continue
            os.close(lock)
            raise InUse(
                f"the data directory {self.path} is in use by process {owner or 'unknown'}; stop"
                " it, or choose another directory"
            )
        os.ftruncate(lock, 0)
        os.write(lock, b"%d\n" % os.getpid())
        return lock


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_dead(owner: str) -> bool:
    try:
        return bool(psutil.Process(int(owner)).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False
