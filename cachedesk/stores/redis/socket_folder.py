"""The private folder that holds the server's socket.

Its name cannot be guessed, and only its user can open it. It may still vanish: a cleaner of
temporary files may remove it, and another user may then create one of that name. So it is checked
before each start of a server, and replaced by a new folder if it is not the same.

The process keeps the file ``owner`` in it locked; the kernel releases the lock when the process
ends. By the lock a later start recognizes the folders of killed processes, and removes them.
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
# A folder that is being created may not be locked yet.
_SETTLED_SECONDS = 60.0
_ANSWER_SECONDS = 0.5


class SocketFolder:
    """One private folder, of mode 0700."""

    def __init__(self, note: Callable[[Path], None]) -> None:
        """Create the folder.

        Args:
            note: called with its path before it exists, so that the next process can find the
                folder of a killed one.

        Raises:
            DataDirectoryError: it cannot be created anywhere.
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
                self._identity = self._stat()
                return
        raise DataDirectoryError("no short temporary folder for Redis's socket; set TMPDIR=/tmp")

    @property
    def socket_path(self) -> str:
        """The path of the server's unix socket."""
        return str(self.path / SOCKET_NAME)

    @property
    def is_ours(self) -> bool:
        """Whether the folder is the one created, and open to its user only."""
        with suppress(OSError):
            return self._stat() == self._identity
        return False

    def remove(self) -> None:
        """Remove the folder and its files, but not another folder that has its name now."""
        if self.is_ours:
            remove_private(self.path)
        self.forked()

    def forked(self) -> None:
        """Release the lock in a forked child, where it would outlive the parent."""
        owner, self._owner = self._owner, None
        if owner is not None:
            os.close(owner)

    def _stat(self) -> tuple[int, int, int, int]:
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
    """Remove the folder of an earlier server, but no other files than a server's, because the state
    file may name any folder."""
    with suppress(OSError, ValueError):
        for path in (folder / SOCKET_NAME, *folder.glob("*.rdb"), folder / _OWNER):
            path.unlink(missing_ok=True)
        folder.rmdir()


def remove_abandoned(ours: SocketFolder) -> None:
    """Remove the folders of killed processes, where that is certain.

    Args:
        ours: a folder just created; its modification time is the time by the file system's clock.
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
    """Yield where to create the folder, first a place that is private to this user, if any."""
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
