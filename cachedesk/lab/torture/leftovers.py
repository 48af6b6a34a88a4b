"""Finds files and processes that a process under test must not leave behind."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from cachedesk.lab.torture.job import TorturePaths

_GONE_SECONDS = 5.0
_POLL_SECONDS = 0.002

_KNOWN = {"cachedesk.db", "lock", "log/log.db", "log/witness", "redis/snapshot.rdb"}
_UNDER_WAY = re.compile(
    r"(cachedesk|log/log)\.db-(wal|shm|journal)|redis\.(state|new)|log/witness\.new"
    r"|redis/temp-.*\.rdb"
)


def left_behind(place: TorturePaths, *, killed: bool, disk_failed: bool = False) -> list[str]:
    """Return a sentence for everything that a dead process under test must not have left: a
    process, an unknown file, a socket folder that no process uses; and, unless it was killed,
    everything that closing should have removed. (On a failing disk, closing can neither checkpoint
    a write-ahead log nor remove the folder.)"""
    return [
        *_processes(place),
        *files(place.data, unfinished=killed or disk_failed),
        *_folders(place, killed or disk_failed),
    ]


def files(data: Path, *, unfinished: bool) -> list[str]:
    """Return a sentence for every file that must not be in a data directory: after a clean close,
    or ``unfinished``."""
    found = (str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())
    return [
        f"the file {name} was left in the data directory"
        for name in sorted(found)
        if name not in _KNOWN and not (unfinished and _UNDER_WAY.fullmatch(name))
    ]


def descriptors() -> int:
    """Return the number of open file descriptors of this process."""
    return psutil.Process().num_fds()


def _processes(place: TorturePaths) -> list[str]:
    """Wait until no server of this place runs any more."""
    deadline = time.monotonic() + _GONE_SECONDS
    while orphans := _servers(place):
        if time.monotonic() > deadline:
            return [f"process {pid} outlived its parent" for pid in orphans]
        time.sleep(_POLL_SECONDS)
    return []


def _servers(place: TorturePaths) -> list[int]:
    # By their command line: the parent of an orphaned server is not known.
    sockets = os.fsencode(place.sockets)
    return [pid for pid, line in _command_lines() if sockets in line and pid != os.getpid()]


def _command_lines() -> Iterator[tuple[int, bytes]]:
    """Yield the pid and the command line of each process. (psutil would read three files of each
    process, and this is called after every cycle.)"""
    for pid in psutil.pids():
        try:
            yield pid, Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            # It has just ended, or this is not Linux.
            with suppress(psutil.Error):
                yield pid, os.fsencode(" ".join(psutil.Process(pid).cmdline()))


def _folders(place: TorturePaths, unfinished: bool) -> list[str]:
    found = {str(path) for path in place.sockets.iterdir()}
    if unfinished:
        # The next process finds it, and removes it.
        found.discard(_folder_in_state(place.data))
    return [f"{path} was left behind" for path in sorted(found)]


def _folder_in_state(data: Path) -> str:
    try:
        return str(msgspec.json.decode((data / "redis.state").read_bytes())["folder"])
    except (OSError, msgspec.MsgspecError, KeyError):
        return ""
