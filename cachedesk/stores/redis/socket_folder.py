"""The private folder that holds the server's socket.

It has a name that cannot be guessed and is open to its user only. It may vanish all the same: a
cleaner of temporary files takes it, and then another user may make one of that name. So it is
looked at before each start of a server, and given up for a new one if it is another.

While its process lives, it keeps the file ``owner`` in it locked; the kernel drops the lock with
the process. That is how a later start knows which folders are left from processes that were killed
and removes them.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from cachedesk.core import forking
from cachedesk.core.errors import DataDirectoryError

SOCKET_NAME = "redis.sock"
PREFIX = "cachedesk-"

# A unix socket's path may have at most 107 bytes; TMPDIR can be longer than that by itself.
_SOCKET_PATH_BYTES = 107
_OWNER = "owner"
# A folder that is being made may not be locked yet.
_SETTLED_SECONDS = 60.0
_ANSWER_SECONDS = 0.5


class SocketFolder:
    """One private folder, of mode 0700."""

    def __init__(self, note: Callable[[Path], None]) -> None:
        """Make the folder.

        Args:
            note: told its path before it exists, so that a process that is killed leaves none
                that the next one cannot find.

        Raises:
            DataDirectoryError: there is no place for it.
        """
        self._owner: int | None = None
        forking.owns(self)
        for parent in _parents():
            self.path = parent / f"{PREFIX}{secrets.token_hex(8)}"
            if len(os.fsencode(self.path / SOCKET_NAME)) > _SOCKET_PATH_BYTES:
                continue
            note(self.path)
            with suppress(OSError):
                self.path.mkdir(mode=0o700)
                self._owner = _locked(self.path)
                self._identity = self._look()
                return
        raise DataDirectoryError("no short temporary folder for Redis's socket; set TMPDIR=/tmp")

    @property
    def socket_path(self) -> str:
        """Where the server listens."""
        return str(self.path / SOCKET_NAME)

    @property
    def is_ours(self) -> bool:
        """Whether the folder is the one that was made, and open to its user only."""
        with suppress(OSError):
            return self._look() == self._identity
        return False

    def remove(self) -> None:
        """Remove it with what is in it; another folder that has its name now is left alone."""
        if self.is_ours:
            remove_private(self.path)
        self.forked()

    def forked(self) -> None:
        """Let go of the lock: in a forked child, where it would outlive the parent."""
        owner, self._owner = self._owner, None
        if owner is not None:
            os.close(owner)

    def _look(self) -> tuple[int, int, int, int]:
        status = os.lstat(self.path)
        return status.st_dev, status.st_ino, status.st_uid, status.st_mode


def _locked(folder: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        owner = os.open(folder / _OWNER, flags, 0o600)
        fcntl.flock(owner, fcntl.LOCK_EX)
    except OSError:
        remove_private(folder)
        raise
    return owner


def remove_private(folder: Path) -> None:
    """Remove the folder of an earlier server, and nothing that is not a server's: the file that
    names it may say anything."""
    with suppress(OSError, ValueError):
        for path in (folder / SOCKET_NAME, *folder.glob("*.rdb"), folder / _OWNER):
            path.unlink(missing_ok=True)
        folder.rmdir()


def remove_abandoned(ours: SocketFolder) -> None:
    """Remove the folders whose process was killed, where that is certain.

    Args:
        ours: made just now, which tells the time by the file system's clock.
    """
    with suppress(OSError):
        now = ours.path.stat().st_mtime
        for parent in _parents():
            for folder in parent.glob(f"{PREFIX}*"):
                with suppress(OSError):
                    _remove_if_abandoned(folder, now)


def _remove_if_abandoned(folder: Path, now: float) -> None:
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
    settled = now - status.st_mtime > _SETTLED_SECONDS
    if not (private and settled and status.st_uid == os.geteuid()):
        return
    owner = os.open(folder / _OWNER, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_served(folder / SOCKET_NAME):
            remove_private(folder)
    finally:
        os.close(owner)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_ANSWER_SECONDS)
        try:
            client.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _parents() -> Iterator[Path]:
    """Yield where the folder may be: where only this user may look, if there is such a place."""
    private = os.environ.get("XDG_RUNTIME_DIR", "")
    with suppress(OSError, ValueError):
        status = os.lstat(private)
        if (
            os.path.isabs(private)
            and stat.S_ISDIR(status.st_mode)
            and status.st_uid == os.geteuid()
            and not stat.S_IMODE(status.st_mode) & 0o077
        ):
            yield Path(private)
    with suppress(OSError):
        yield Path(tempfile.gettempdir())
    yield from map(Path, ("/tmp", "/var/tmp", "/dev/shm"))
