"""The watermarks file ``log/witness``: a few bytes that distinguish an empty file from a lost one.

SQLite silently opens a 0-byte file, or one whose ``-wal`` was deleted, as an empty or an older
database. This file holds the log's epoch, the newest seq that was appended to the log, the newest
that was written through to a row, the newest that was acked in the log, and whether the files are
open (so an unclean shutdown is detected at the next open). Recording a seq is a write to the page
cache, needs no fsync, and survives the death of the process. (It is not a memory-mapped file: if
that is truncated, the next store kills the process.) After a power cut it may be older than the
other files, never newer, because a seq is recorded after its commit.

It also counts how often the files were opened, and so does the database. That distinguishes a log
that was restored from a backup together with its watermarks from the log of the database.
"""

from __future__ import annotations

import os
import secrets
import struct
from pathlib import Path
from typing import NamedTuple

from cachedesk.core.errors import Damaged, OtherVersion
from cachedesk.stores.files.data_directory import new_private
from cachedesk.stores.files.read_only import ADVICE, MADE_EARLY, OR_RECOVER

_MAGIC = b"cdwitns1"
_FORM = struct.Struct("<8sQQQQQQ")
_NUMBER = struct.Struct("<Q")
_LOG_SEQ, _ROW_SEQ, _OPEN, _ACKED_SEQ, _OPENINGS = 16, 24, 32, 40, 48

# Without the last two numbers, as the first version wrote it; they start at 0.
_OLD_BYTES = 40
# Written by two commits before the first version.
_EARLY_BYTES = (24, 32)


class WatermarkRecord(NamedTuple):
    """The contents of a watermarks file; ``Watermarks`` has them as properties."""

    epoch: int
    log_seq: int
    row_seq: int
    was_open: bool
    acked_seq: int
    openings: int


def read_watermarks(path: Path) -> WatermarkRecord:
    """Return the contents of the watermarks file at ``path``; the file is only read.

    Raises:
        Damaged: it is not a watermarks file.
    """
    with path.open("rb") as file:
        data = file.read(_FORM.size + 1)
    _check_version(path, data)
    if len(data) not in (_OLD_BYTES, _FORM.size):
        raise Damaged(
            f"the watermarks file {path} is damaged ({path.stat().st_size} bytes instead of"
            f" {_FORM.size}); {ADVICE}{OR_RECOVER}"
        )
    magic, epoch, log_seq, row_seq, was_open, acked_seq, openings = _FORM.unpack(
        data.ljust(_FORM.size, b"\0")
    )
    if magic != _MAGIC:
        raise Damaged(
            f"the watermarks file {path} is damaged (it is another kind of file);"
            f" {ADVICE}{OR_RECOVER}"
        )
    return WatermarkRecord(epoch, log_seq, row_seq, bool(was_open), acked_seq, openings)


def _check_version(path: Path, data: bytes) -> None:
    kind, version = data[: len(_MAGIC) - 1], data[len(_MAGIC) - 1 : len(_MAGIC)]
    if kind != _MAGIC[:-1]:
        return
    if version > _MAGIC[-1:]:
        raise OtherVersion(f"the watermarks file {path} is of a newer version; upgrade cachedesk")
    if len(data) in _EARLY_BYTES:
        raise OtherVersion(f"the watermarks file {path} {MADE_EARLY}")


class Watermarks:
    """The watermarks file of one data directory."""

    def __init__(self, path: Path) -> None:
        """Open the file at ``path``, or create it with a new epoch.

        Raises:
            Damaged: it is not a watermarks file.
        """
        if not path.exists():
            create_watermarks(path, WatermarkRecord(secrets.randbits(63), 0, 0, False, 0, 0))
        marks = read_watermarks(path)
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._numbers = bytearray(_FORM.pack(_MAGIC, *marks))
        os.ftruncate(self._file, _FORM.size)
        self.epoch, self.was_open = marks.epoch, marks.was_open
        self._clean = not marks.was_open
        self.failure = ""
        """Why the file could not be written; empty if it could."""

    def opened(self) -> None:
        """Record that the files are open; ``close`` clears it."""
        self._put(_OPEN, 1)
        self._clean = True

    @property
    def log_seq(self) -> int:
        """The newest seq that was appended to the log."""
        return self._get(_LOG_SEQ)

    @property
    def row_seq(self) -> int:
        """The newest seq that was written through to a row."""
        return self._get(_ROW_SEQ)

    @property
    def acked_seq(self) -> int:
        """The newest seq that was acked in the log because its event is part of a row."""
        return self._get(_ACKED_SEQ)

    @property
    def openings(self) -> int:
        """How often the files were opened."""
        return self._get(_OPENINGS)

    def note_log(self, seq: int) -> None:
        """Record that the event ``seq`` is in the log."""
        self._put(_LOG_SEQ, seq)

    def note_row(self, seq: int) -> None:
        """Record that the write ``seq`` is in its row."""
        self._put(_ROW_SEQ, seq)

    def note_acked(self, seq: int) -> None:
        """Record that every event up to ``seq`` is removed from the log and in the database."""
        # A redelivery may ack an older seq.
        self._put(_ACKED_SEQ, max(seq, self.acked_seq))

    def note_opening(self, number: int) -> None:
        """Record durably, even over a power cut, that the files are opened for the ``number``-th
        time. The database records it afterwards, so it may be one behind, never ahead."""
        self._put(_OPENINGS, number)
        self._sync()

    def close(self) -> None:
        """Record a clean shutdown, and close the file. An earlier unclean shutdown stays recorded
        until the files are opened again."""
        if self._file is None:
            return
        if self._clean:
            self.closed_in_order()
        os.close(self._file)
        self._file = None

    def closed_in_order(self) -> None:
        """Record that the files are closed."""
        self._put(_OPEN, 0)

    def _get(self, place: int) -> int:
        return int(_NUMBER.unpack_from(self._numbers, place)[0])

    def _put(self, place: int, number: int) -> None:
        _NUMBER.pack_into(self._numbers, place, number)
        try:
            self._write(place)
        except OSError as error:
            self.failure = f"the watermarks file cannot be written: {error.strerror}"
        else:
            self.failure = ""

    def _write(self, place: int) -> None:
        if self._file is not None:
            os.pwrite(self._file, self._numbers[place : place + _NUMBER.size], place)

    def _sync(self) -> None:
        if self._file is not None:
            os.fsync(self._file)


def create_watermarks(path: Path, marks: WatermarkRecord) -> None:
    """Create the file atomically and durably: what is recorded in it later is useful only if the
    file itself survives a power cut."""
    new = path.with_name(path.name + ".new")
    with new_private(new) as file:
        file.write(_FORM.pack(_MAGIC, *marks))
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
