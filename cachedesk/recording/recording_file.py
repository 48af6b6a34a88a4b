"""The file of a recording, with random access."""

from __future__ import annotations

import os
import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from cachedesk.core.snapshot import Snapshot
from cachedesk.recording.delta import Undecodable, Unpacker
from cachedesk.recording.frames import (
    Frame,
    Kind,
    RecordingError,
    damaged,
    open_file,
    read_format,
    scan,
)
from cachedesk.recording.recorder import Header


@dataclass(frozen=True, slots=True)
class _Known:
    """The snapshot that was read last, to which the next changes apply."""

    record: int
    snapshot: Snapshot


class RecordingFile:
    """An open recording. Thread-safe; records are counted from 0.

    It keeps 21 bytes per record in memory: position and time.
    """

    def __init__(self, path: Path) -> None:
        """Open the recording at ``path`` and check it to its end.

        Raises:
            RecordingError: it cannot be opened, is not a recording, or is damaged.
        """
        self.path = path
        self._file = open_file(path)
        self._lock = threading.Lock()
        self._seconds = array("d")
        self._at_bytes = array("Q")
        self._lengths = array("L")
        self._wholes = array("L")
        self._known: _Known | None = None
        try:
            self.format = read_format(path, self._file)
            self._unpacker = Unpacker(self.format)
            self.header = self._index()
            self.at(0)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RecordingFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """The number of records, at least one."""
        return len(self._seconds)

    @property
    def started_at(self) -> float:
        """When it began, in wall-clock seconds since 1970."""
        return self.header.started_at

    @property
    def begins_seconds(self) -> float:
        """The time of the oldest record: nothing of a file is ever dropped."""
        return 0.0

    @property
    def length_seconds(self) -> float:
        """The time of the last record, in seconds since the recording began."""
        return self._seconds[-1]

    def seconds(self, record: int) -> float:
        """Return the time of ``record``, in seconds since the recording began."""
        return self._seconds[record]

    def record_at(self, seconds: float) -> int:
        """Return the number of the last record at or before this second."""
        return max(0, bisect_right(self._seconds, seconds) - 1)

    def at(self, record: int) -> Snapshot:
        """Return the snapshot of this record.

        Raises:
            RecordingError: the file was changed or closed meanwhile, or is invalid.
        """
        with self._lock:
            known = self._known
            first = self._whole_until(record)
            if known is not None and first <= known.record <= record:
                first = known.record + 1
            for number in range(first, record + 1):
                # If this fails half way, the next read starts at a whole snapshot again.
                self._known = None
                self._known = known = _Known(number, self._unpack(number))
            assert known is not None
            return known.snapshot

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield every snapshot, from the first.

        Raises:
            RecordingError: as ``at``.
        """
        return (self.at(record) for record in range(len(self)))

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._file.close()

    def _index(self) -> Header:
        """Index the positions of all records; return the header."""
        header: Header | None = None
        for frame in scan(self.path, self._file):
            if (header is None) is not (frame.kind is Kind.HEADER):
                raise damaged(self.path, frame.at_byte, "the header is missing, or not alone")
            if header is None:
                header = self._header(frame)
            else:
                self._note(frame)
        if header is None or not self._seconds:
            raise RecordingError(f"{self.path} holds no snapshot: it ended before the first one")
        return header

    def _header(self, frame: Frame) -> Header:
        try:
            return msgspec.json.decode(self._body(frame), type=Header)
        except msgspec.MsgspecError as error:
            raise damaged(self.path, frame.at_byte, str(error)) from error

    def _note(self, frame: Frame) -> None:
        if self._seconds and frame.seconds <= self._seconds[-1]:
            raise damaged(self.path, frame.at_byte, "its time is before the previous record's")
        if frame.kind is Kind.WHOLE:
            self._wholes.append(len(self._seconds))
        elif not self._wholes:
            raise damaged(self.path, frame.at_byte, "it changes a snapshot that does not exist")
        self._seconds.append(frame.seconds)
        self._at_bytes.append(frame.at_byte)
        self._lengths.append(frame.length)

    def _unpack(self, record: int) -> Snapshot:
        kind = Kind.WHOLE if self._whole_until(record) == record else Kind.CHANGE
        frame = Frame(kind, self._seconds[record], self._at_bytes[record], self._lengths[record])
        try:
            return self._unpacker.unpack(kind, self._body(frame))
        except Undecodable as error:
            raise damaged(self.path, frame.at_byte, str(error)) from error

    def _whole_until(self, record: int) -> int:
        """Return the last record with a whole snapshot at or before this one."""
        return self._wholes[bisect_right(self._wholes, record) - 1]

    def _body(self, frame: Frame) -> bytes:
        try:
            body = os.pread(self._file.fileno(), frame.length, frame.body_at)
        except (OSError, ValueError) as error:
            raise RecordingError(f"{self.path} cannot be read to its end: {error}") from error
        if len(body) < frame.length:
            raise RecordingError(f"{self.path} was truncated while it was read")
        return body
