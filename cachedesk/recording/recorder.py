"""The recorder: writes a snapshot twice a second, on a separate thread."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cachedesk import __version__
from cachedesk.console.new_file import reason, why_not_beside, why_not_here, why_not_into
from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CachedeskError
from cachedesk.core.snapshot import Snapshot
from cachedesk.recording.delta import Packer
from cachedesk.recording.frames import MAGIC, Kind, RecordingError, frame_bytes

RECORDS_PER_SECOND = 2.0

_SHORTEST_STEP_SECONDS = 1e-6


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The header of a recording. ``started_at``: wall-clock seconds since 1970."""

    cachedesk: str
    started_at: float
    tick_seconds: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """The figures of a recording; ``trouble`` says why it ended early, if it did."""

    file: str
    records: int
    seconds: float
    bytes: int
    trouble: str = ""

    def __str__(self) -> str:
        ended = f"; it ENDED EARLY: {self.trouble}" if self.trouble else ""
        return (
            f"{self.file}: {self.seconds:.1f} s in {self.records:,} records,"
            f" {self.bytes:,} bytes{ended}"
        )


def shown(path: Path) -> str:
    """Return ``path`` as valid text, whatever bytes its name has."""
    return os.fsencode(path).decode(errors="replace")


def check_free(path: Path) -> None:
    """Check that a recording can be created at ``path``; nothing is changed.

    Raises:
        RecordingError: a file exists already, or cannot be created there.
    """
    _refuse(why_not_here(path, "record"))


def check_apart(path: Path, data: Path) -> None:
    """Check that ``path`` is not in the data directory.

    Raises:
        RecordingError: it is.
    """
    _refuse(why_not_beside(path, data, "record"))


def _refuse(complaint: str) -> None:
    if complaint:
        raise RecordingError(complaint)


def _create(path: Path) -> tuple[int, bool]:
    """Open ``path`` exclusively for one recorder; return the file, and whether it is new."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        try:
            file, is_new = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644), True
        except FileExistsError:
            file, is_new = os.open(path, flags), False
    except (OSError, ValueError) as error:
        raise RecordingError(f"cannot create {path}: {reason(error)}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Checked under the lock, because another recorder may have started meanwhile.
        _refuse(why_not_into(path, os.fstat(file), "record"))
    except OSError as error:
        os.close(file)
        raise RecordingError(f"another process is recording to {path}") from error
    except RecordingError:
        os.close(file)
        raise
    return file, is_new


class Recorder:
    """One recording. It starts when it is created and ends with ``stop``, or with an error."""

    def __init__(
        self,
        path: Path,
        source: Callable[[], Snapshot],
        on_trouble: Callable[[str], None],
        *,
        every_seconds: float = 1 / RECORDS_PER_SECOND,
    ) -> None:
        """Create the file and write the first record.

        Args:
            path: a file that does not exist yet, or is empty.
            source: returns a snapshot for each record; called on the recorder's thread.
            on_trouble: called with the reason if the recording ends by itself.
            every_seconds: the interval between records.

        Raises:
            RecordingError: the file exists, or cannot be created or written.
        """
        self.path = path
        self._source = source
        self._on_trouble = on_trouble
        self._every_seconds = every_seconds
        self._packer = Packer()
        self._stopping = threading.Event()
        self._trouble = ""
        self._records = self._bytes = 0
        self._seconds = -_SHORTEST_STEP_SECONDS
        first = source()
        self._file, is_new = _create(path)
        self._began = time.monotonic()
        try:
            self._introduce(first)
            self._record(first)
        except BaseException as error:
            self._undo(is_new)
            if isinstance(error, OSError):
                raise RecordingError(f"{path} cannot be written: {reason(error)}") from error
            raise
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether nothing more will be written."""
        return self._ended

    def stop(self) -> None:
        """Write a last record and close the file. A second call does nothing."""
        self._stopping.set()
        self._thread.join()

    def recorded(self) -> Recorded:
        """Return the figures of what was written so far."""
        return Recorded(
            shown(self.path), self._records, max(0.0, self._seconds), self._bytes, self._trouble
        )

    def _run(self) -> None:
        try:
            self._follow()
            os.fsync(self._file)
        except Exception as error:  # noqa: BLE001 - the recorded stack must not be affected
            known = isinstance(error, OSError | CachedeskError)
            self._trouble = reason(error) if known else f"{type(error).__name__}: {error}"
        finally:
            self._ended = True
            os.close(self._file)
        if self._trouble:
            self._on_trouble(self._trouble)

    def _follow(self) -> None:
        due = self._began
        last = False
        while not last:
            # Records that a slow source delayed are skipped, not caught up.
            due = max(due + self._every_seconds, time.monotonic())
            last = self._stopping.wait(max(0.0, due - time.monotonic()))
            self._record(self._source())

    def _undo(self, is_new: bool) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)
        if is_new:
            self.path.unlink(missing_ok=True)

    def _introduce(self, first: Snapshot) -> None:
        header = Header(__version__, wall_seconds(), first.tick_seconds)
        frame = frame_bytes(Kind.HEADER, 0.0, msgspec.json.encode(header))
        self._write(MAGIC + frame)

    def _record(self, snapshot: Snapshot) -> None:
        passed = time.monotonic() - self._began
        self._seconds = max(passed, self._seconds + _SHORTEST_STEP_SECONDS)
        kind, body = self._packer.pack(snapshot)
        self._write(frame_bytes(kind, self._seconds, body))
        self._records += 1

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._bytes += len(data)
