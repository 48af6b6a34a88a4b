"""The data directory: its files, and the locks that give it to one process at a time.

Two locks are taken: on the file ``lock``, which names the owner but which a user may delete, and
on the directory itself, which cannot be deleted by mistake."""

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
from cachedesk.stores.files.layout import DirectoryLayout
from cachedesk.stores.files.read_only import wal_of

_FILES = (
    "lock",
    "redis.state",
    *("cachedesk.db", "cachedesk.db-wal", "cachedesk.db-shm"),
    *("log/log.db", "log/log.db-wal", "log/log.db-shm", "log/witness"),
)
# SQLite limits a path to 512 bytes, and appends the names of its own files.
_MOST_PATH_BYTES = 512 - len("/cachedesk.db") - len("-journal")
_EFFECTIVE = os.access in os.supports_effective_ids
# Device and inode of each directory that this process has open.
_open_here: set[tuple[int, int]] = set()
_DYING_OWNER_SECONDS = 1.0
_POLL_SECONDS = 0.005


class DataDirectory(DirectoryLayout):
    """A locked data directory. Two processes on one log would deliver each event twice, so the
    lock is taken before anything is opened; the kernel releases it when the process dies."""

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        """Lock the directory at ``path``.

        Args:
            path: the directory.
            create: create it if it does not exist.

        Raises:
            DataDirectoryError: it is missing, a file, or not writable, or an entry with the name
                of one of its files is not a file; nothing was changed.
            InUse: another process has locked it; the message names its pid.
            Forked: it was open when this process was forked.
        """
        if not os.fspath(path):
            # An empty path would mean the current directory, which the user did not name.
            raise DataDirectoryError("the name of the data directory is empty; name a directory")
        try:
            # Absolute: the process may change its working directory while it is open.
            self.path = Path(path).absolute()
            self._prepare(create)
        except (OSError, ValueError) as error:
            raise DataDirectoryError(
                f"the data directory {os.fspath(path)!r} cannot be used: {_reason(error)}"
            ) from error
        forking.check(self.path)
        self._locks: tuple[int, ...] = ()
        # Before the locks are taken: a child forked in between would keep them.
        forking.owns(self)
        self._locks = self._take_locks()
        _open_here.add(_identity(os.fstat(self._locks[1])))

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
                raise DataDirectoryError(f"the data directory {self.path} is a broken symlink")
            if not create:
                raise DataDirectoryError(f"there is no data directory {self.path}")
            self.path.mkdir(mode=0o700, parents=True)
        elif not create and not self.database.exists():
            raise DataDirectoryError(f"{self.path} is not a data directory of cachedesk")
        check_kinds(self.path)
        self._check_writable()

    def _check_writable(self) -> None:
        """Check the permissions of all files. SQLite would open read-only files too, and leave side
        files that other users cannot write."""
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

    def close(self) -> None:
        """Unlock the directory for the next process."""
        for lock in self._locks:
            # A child forked just now may not have closed its copy yet, and closing releases a lock
            # only with the last copy.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_UN)
        self._close_locks()

    def forked(self) -> None:
        """Close the locks, which belong to the parent and would outlive it here."""
        if self._locks:
            forking.inherit(_identity(os.fstat(self._locks[1])))
        self._close_locks()

    def _close_locks(self) -> None:
        locks, self._locks = self._locks, ()
        if locks:
            _open_here.discard(_identity(os.fstat(locks[1])))
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
        deadline = time.monotonic() + _DYING_OWNER_SECONDS
        while not (_flock(lock) and _flock(home)):
            if not (_is_dead(_owner(self.path)) and time.monotonic() < deadline):
                raise in_use(self.path)
            # A process that the dead owner was just starting holds the locks until it calls exec
            # or ends.
            time.sleep(_POLL_SECONDS)


def check_kinds(path: Path) -> None:
    """Check that each entry of the data directory ``path`` is a file, or a directory where one
    belongs.

    Raises:
        DataDirectoryError: an entry is something else; nothing was changed.
    """
    for folder in (path / "log", path / "redis"):
        if os.path.lexists(folder) and not folder.is_dir():
            raise DataDirectoryError(f"{folder} is not a directory; move it away")
    for name in _FILES:
        _check_regular(path / name)
    if (path / "lock").is_symlink():
        raise DataDirectoryError(f"{path / 'lock'} is a symlink; it must be a file")


def in_use(path: Path) -> InUse:
    """Return the error that names the process that uses the directory ``path``."""
    with suppress(OSError):
        # Not by the pid in the lock file: in a container every program may be process 1.
        if _identity(os.stat(path)) in _open_here:
            return InUse(
                f"the data directory {path} is open already in this process, process"
                f" {os.getpid()}; use that cache, or call its close() first"
            )
    return InUse(
        f"the data directory {path} is in use by process {_owner(path) or 'unknown'};"
        ' stop it, choose another directory, or serve one to several processes with "cachedesk up"'
    )


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _owner(path: Path) -> str:
    """Return the pid in the lock file as text; empty if there is none."""
    try:
        with (path / "lock").open("rb") as lock:
            pid = lock.read(32)
    except OSError:
        return ""
    return "".join(filter(str.isdigit, pid.decode("ascii", "ignore")))


def make_private(path: Path) -> None:
    """Create an empty file that only this user can read, unless it exists. SQLite would create it
    readable for all users, and gives its side files the same mode."""
    with suppress(FileExistsError):
        os.close(_opened(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))


def new_private(path: Path) -> BinaryIO:
    """Return a new file, open for writing, that only this user can read; it replaces an existing
    one. A symlink of that name is replaced, not followed."""
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
        # Some network file systems cannot lock a directory; the lock on the file still holds.
    return True


def _check_regular(path: Path) -> None:
    """Check that ``path``, if it exists, is a regular file: opening a pipe or a device could block
    forever or have side effects."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise DataDirectoryError(f"{path} is a broken symlink") from None
        return
    if not stat.S_ISREG(kind):
        what = "a directory" if stat.S_ISDIR(kind) else "a pipe or a device"
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
