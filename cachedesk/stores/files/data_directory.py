"""The data directory: its files, and the locks that give it to one process at a time.

It is locked twice: the file ``lock`` says who has it, but a user may delete that; the directory
itself cannot be deleted by mistake."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import psutil

from cachedesk.core import forking
from cachedesk.core.errors import DataDirectoryError, InUse
from cachedesk.stores.files.read_only import wal_of

_FILES = (
    "lock",
    "redis.state",
    *("cachedesk.db", "cachedesk.db-wal", "cachedesk.db-shm"),
    *("log/log.db", "log/log.db-wal", "log/log.db-shm", "log/witness"),
)
# SQLite takes 512 bytes, of which it needs some for the names of its own files.
_MOST_PATH_BYTES = 512 - len("/cachedesk.db") - len("-journal")
_EFFECTIVE = os.access in os.supports_effective_ids
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
            Forked: it was open when this process was forked.
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
        forking.check(self.path)
        self._locks: tuple[int, ...] = ()
        # Before the locks are taken: the child of a fork in between would keep them.
        forking.owns(self)
        self._locks = self._take_locks()

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
            self.path.mkdir(mode=0o700, parents=True)
        elif not create and not self.database.exists():
            raise DataDirectoryError(f"{self.path} is not a data directory of cachedesk")
        check_kinds(self.path)
        self._see_that_it_can_be_written()

    def _see_that_it_can_be_written(self) -> None:
        """SQLite opens what it may only read, and leaves side files behind that others then may
        not write either."""
        folders = [self.path, self.log, self.path / "redis"]
        files = [self.path / name for name in _FILES]
        files += [wal_of(file) for file in (self.database, self.log / "log.db")]
        for path in (*folders, *files):
            needed = os.R_OK | os.W_OK | (os.X_OK if path in folders else 0)
            if path.exists() and not os.access(path, needed, effective_ids=_EFFECTIVE):
                raise DataDirectoryError(
                    f"{path} cannot be written by this user; change its owner or mode"
                )

    @property
    def name(self) -> str:
        """The path, for messages."""
        return str(self.path)

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
        for lock in self._locks:
            # A child that was forked just now may not have closed its copy yet, and it is the last
            # copy that gives a lock back.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_UN)
        self._close_locks()

    def forked(self) -> None:
        """Let go of the locks, which are the parent's and would outlive it here."""
        if self._locks:
            status = os.fstat(self._locks[1])
            forking.inherit((status.st_dev, status.st_ino))
        self._close_locks()

    def _close_locks(self) -> None:
        locks, self._locks = self._locks, ()
        for lock in locks:
            os.close(lock)

    def _take_locks(self) -> tuple[int, int]:
        lock = home = -1
        try:
            lock = _opened(self.path / "lock", os.O_RDWR | os.O_CREAT)
            home = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._wait_for_locks(lock, home)
            os.ftruncate(lock, 0)
            os.write(lock, b"%d\n" % os.getpid())
        except BaseException as error:
            for each in (lock, home):
                if each >= 0:
                    os.close(each)
            if isinstance(error, OSError):
                raise DataDirectoryError(
                    f"the data directory {self.path} cannot be written: {error.strerror}"
                ) from error
            raise
        return lock, home

    def _wait_for_locks(self, lock: int, home: int) -> None:
        deadline = time.monotonic() + _LAST_BREATH_SECONDS
        while not (_flock(lock) and _flock(home)):
            if not (_is_dead(_owner(self.path)) and time.monotonic() < deadline):
                raise in_use(self.path)
            # What it was just starting still holds the locks, until it begins or ends itself.
            time.sleep(_LOOK_SECONDS)


def check_kinds(path: Path) -> None:
    """Check that what has the name of one of our files in the directory ``path`` is a file, and a
    folder where a folder belongs.

    Raises:
        DataDirectoryError: it is something else; nothing was changed.
    """
    for folder in (path / "log", path / "redis"):
        if os.path.lexists(folder) and not folder.is_dir():
            raise DataDirectoryError(f"{folder} is no folder; move it away")
    for name in _FILES:
        _see_that_it_is_a_file(path / name)
    if (path / "lock").is_symlink():
        raise DataDirectoryError(f"{path / 'lock'} is a link; it must be a file")


def in_use(path: Path) -> InUse:
    """Return the error that says which process has the directory ``path``."""
    return InUse(
        f"the data directory {path} is in use by process {_owner(path) or 'unknown'};"
        " stop it, or choose another directory"
    )


def _owner(path: Path) -> str:
    """Return the pid that the lock file holds, as text; empty when it says none."""
    try:
        with (path / "lock").open("rb") as lock:
            said = lock.read(32)
    except OSError:
        return ""
    return "".join(filter(str.isdigit, said.decode("ascii", "ignore")))


def make_private(path: Path) -> None:
    """Make an empty file that only this user may read, unless there is one: SQLite would make it
    readable for everybody, and gives its side files the same mode."""
    with suppress(FileExistsError):
        os.close(_opened(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))


def new_private(path: Path) -> BinaryIO:
    """Return a new file, to be written, that only this user may read, in the place of any old one.
    A link of that name is replaced, not followed."""
    path.unlink(missing_ok=True)
    return os.fdopen(_opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")


def _opened(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise
        # Some network file systems cannot lock a directory; the file is locked all the same.
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
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    named = f" ({os.fspath(error.filename)})" if isinstance(error.filename, (str, Path)) else ""
    return error.strerror + named


def _is_dead(owner: str) -> bool:
    try:
        return bool(psutil.Process(int(owner)).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (ValueError, OverflowError, psutil.Error):
        return False
