"""The witness: a few bytes beside the files that tell an empty file from a lost one.

SQLite opens a 0-byte file, or one whose ``-wal`` was deleted, silently as an empty or an older
database. The witness holds the log's epoch, the newest seq that was appended to the log, the
newest that was written through to a row, the newest that the log has let go of because a row holds
it, and whether the files are open (so a stop that was not clean is known at the next open). Noting
a seq is a write to the kernel's memory, costs no fsync, and survives the death of the process. (Not
a mapped file: if that is cut short, the next store kills the process.) After a power cut it may be
older than the files, never newer: a seq is noted after its commit.

It also counts how often the files were opened, and so does the database: that tells a log that was
put back from a backup, witness and all, from the one that the database belongs to.
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

# Without the last two numbers, as the first cachedesk wrote it; they begin at 0.
_OLD_BYTES = 40
# Of two commits before the first version.
_EARLY_BYTES = (24, 32)


class WatermarkRecord(NamedTuple):
    """What a witness file says; ``Watermarks`` has the same as properties."""

    epoch: int
    log_seq: int
    row_seq: int
    was_open: bool
    acked_seq: int
    openings: int


def read_watermarks(path: Path) -> WatermarkRecord:
    """Return what the witness at ``path`` says; the file is only read.

    Raises:
        Damaged: the file is not a witness.
    """
    with path.open("rb") as file:
        data = file.read(_FORM.size + 1)
    _check_version(path, data)
    if len(data) not in (_OLD_BYTES, _FORM.size):
        raise Damaged(
            f"the witness {path} is damaged ({path.stat().st_size} bytes instead of {_FORM.size});"
            f" {ADVICE}{OR_RECOVER}"
        )
    magic, epoch, log_seq, row_seq, was_open, acked_seq, openings = _FORM.unpack(
        data.ljust(_FORM.size, b"\0")
    )
    if magic != _MAGIC:
        raise Damaged(
            f"the witness {path} is damaged (it is another kind of file); {ADVICE}{OR_RECOVER}"
        )
    return WatermarkRecord(epoch, log_seq, row_seq, bool(was_open), acked_seq, openings)


def _check_version(path: Path, data: bytes) -> None:
    kind, version = data[: len(_MAGIC) - 1], data[len(_MAGIC) - 1 : len(_MAGIC)]
    if kind != _MAGIC[:-1]:
        return
    if version > _MAGIC[-1:]:
        raise OtherVersion(f"the witness {path} is of a newer version; upgrade cachedesk")
    if len(data) in _EARLY_BYTES:
        raise OtherVersion(f"the witness {path} {MADE_EARLY}")


class Watermarks:
    """The witness file of one data directory."""

    def __init__(self, path: Path) -> None:
        """Open the witness at ``path``, or create it with a new epoch.

        Raises:
            Damaged: the file is not a witness.
        """
        if not path.exists():
            make_witness(path, WatermarkRecord(secrets.randbits(63), 0, 0, False, 0, 0))
        said = read_watermarks(path)
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._numbers = bytearray(_FORM.pack(_MAGIC, *said))
        os.ftruncate(self._file, _FORM.size)
        self.epoch, self.was_open = said.epoch, said.was_open
        self._clean = not said.was_open
        self.failure = ""
        """Why the file could not be written; empty while it can."""

    def opened(self) -> None:
        """Remember that the files are open; ``close`` takes it back."""
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
        """The newest seq that the log let go of because its event is part of a row."""
        return self._get(_ACKED_SEQ)

    @property
    def openings(self) -> int:
        """How often the files were opened."""
        return self._get(_OPENINGS)

    def note_log(self, seq: int) -> None:
        """Remember that the event ``seq`` is in the log."""
        self._put(_LOG_SEQ, seq)

    def note_row(self, seq: int) -> None:
        """Remember that the write ``seq`` is in its row."""
        self._put(_ROW_SEQ, seq)

    def note_acked(self, seq: int) -> None:
        """Remember that every event up to ``seq`` is out of the log and in the database."""
        # What is delivered once more is older.
        self._put(_ACKED_SEQ, max(seq, self.acked_seq))

    def note_opening(self, number: int) -> None:
        """Remember, over a power cut too, that the files are opened for the ``number``-th time.
        The database notes it afterwards: it may be one behind, never ahead."""
        self._put(_OPENINGS, number)
        self._sync()

    def close(self) -> None:
        """Remember that the files were closed in order, and close the file. A stop that was not
        clean stays known until the files are opened again."""
        if self._file is None:
            return
        if self._clean:
            self.closed_in_order()
        os.close(self._file)
        self._file = None

    def closed_in_order(self) -> None:
        """Remember that the files are not open any more."""
        self._put(_OPEN, 0)

    def _get(self, place: int) -> int:
        return int(_NUMBER.unpack_from(self._numbers, place)[0])

    def _put(self, place: int, number: int) -> None:
        _NUMBER.pack_into(self._numbers, place, number)
        try:
            self._write(place)
        except OSError as error:
            self.failure = f"the witness cannot be written: {error.strerror}"
        else:
            self.failure = ""

    def _write(self, place: int) -> None:
        if self._file is not None:
            os.pwrite(self._file, self._numbers[place : place + _NUMBER.size], place)

    def _sync(self) -> None:
        if self._file is not None:
            os.fsync(self._file)


def make_witness(path: Path, said: WatermarkRecord) -> None:
    """Make the file appear whole and durable, or not at all: what is noted in it later is only
    worth something if the file itself survives a power cut."""
    new = path.with_name(path.name + ".new")
    with new_private(new) as file:
        file.write(_FORM.pack(_MAGIC, *said))
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
