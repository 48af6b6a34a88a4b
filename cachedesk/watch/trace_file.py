"""The sampled MONITOR as a trace file, for ``cachedesk run --trace`` and ``compare --trace``.

It is what ``redis-cli MONITOR`` prints, without our own commands. Values are in it, so only the
user may read the file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from cachedesk.console.new_file import reason, why_not_here
from cachedesk.core.errors import CachedeskError
from cachedesk.core.watched_server import MonitorWindow
from cachedesk.watch.snapshot import RecordingState


class TraceFileError(CachedeskError):
    """The file cannot be made or written."""


def check_trace_file(path: Path) -> None:
    """See that a trace can be recorded to ``path``; nothing is changed.

    Raises:
        TraceFileError: it cannot.
    """
    if why := why_not_here(path, "record"):
        raise TraceFileError(why)


class TraceFile:
    """A file that grows by the lines of each window.

    Args:
        path: a new file.

    Raises:
        TraceFileError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        check_trace_file(path)
        self._path = path
        self._lines = self._size = 0
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TraceFileError(f"cannot create {path}: {reason(error)}") from None
        self._file = os.fdopen(number, "ab")
        try:
            # Two watches that start to record at the same moment choose the same name.
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            check_trace_file(path)
        except OSError:
            self._file.close()
            raise TraceFileError(f"another process is recording to {path}") from None
        except TraceFileError:
            self._file.close()
            raise

    @property
    def state(self) -> RecordingState:
        """Where it is, and how much is in it."""
        return RecordingState(str(self._path), self._lines, self._size)

    def add(self, lines: Iterable[bytes]) -> None:
        """Append lines.

        Raises:
            TraceFileError: they cannot be written.
        """
        kept = list(lines)
        text = b"".join(line + b"\n" for line in kept)
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise TraceFileError(f"cannot write {self._path}: {reason(error)}") from None
        self._lines += len(kept)
        self._size += len(text)

    def close(self) -> None:
        """Close it; one without a line is removed.

        Raises:
            TraceFileError: what is left cannot be written.
        """
        try:
            self._file.close()
            if not self._lines:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise TraceFileError(f"cannot write {self._path}: {reason(error)}") from None


def lines_of_others(window: MonitorWindow) -> list[bytes]:
    """Return the lines of a window that are not our own."""
    own = window.asking, window.probing
    return [line for line in window.lines if not any(sign in line for sign in own)]
