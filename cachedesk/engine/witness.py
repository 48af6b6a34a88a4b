"""The witness: a few bytes beside the files that tell an empty file from a lost one.

SQLite opens a 0-byte file, or one whose ``-wal`` was deleted, silently as an empty or an older
database. The witness holds the log's epoch, the newest seq that was appended to the log, the
newest that was written through to a row, and whether the files are open (so a stop that was not
clean is known at the next open). It is a mapped file: noting a seq is a store to memory, costs no
fsync, and survives the death of the process. After a power cut it may be older than the files,
never newer: a seq is noted after its commit.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
from pathlib import Path

from cachedesk.engine.errors import Damaged

_MAGIC = b"cdwitns1"
_FORM = struct.Struct("<8sQQQQ")
_NUMBER = struct.Struct("<Q")
_LOG_SEQ, _ROW_SEQ, _OPEN = 16, 24, 32


class Witness:
    """The mapped witness file of one data directory."""

    def __init__(self, path: Path) -> None:
        """Open the witness at ``path``, or create it with a new epoch.

        Raises:
            Damaged: the file is not a witness.
        """
        if not path.exists():
            _create(path)
        with path.open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            if size != _FORM.size:
                raise Damaged(
                    f"the witness {path} is damaged ({size} bytes instead of {_FORM.size});"
                    " restore the whole data directory from one backup"
                )
            self._map = mmap.mmap(file.fileno(), _FORM.size)
        magic, self.epoch, _, _, was_open = _FORM.unpack_from(self._map)
        if magic != _MAGIC:
            self._map.close()
            raise Damaged(
                f"the witness {path} is damaged (it is another kind of file); restore the whole"
                " data directory from one backup"
            )
        self.was_open = bool(was_open)
        self._clean = not was_open

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

    def note_log(self, seq: int) -> None:
        """Remember that the event ``seq`` is in the log."""
        self._put(_LOG_SEQ, seq)

    def note_row(self, seq: int) -> None:
        """Remember that the write ``seq`` is in its row."""
        self._put(_ROW_SEQ, seq)

    def close(self) -> None:
        """Remember that the files were closed in order, and unmap the file. A stop that was not
        clean stays known until somebody has opened the files."""
        if self._clean:
            self._put(_OPEN, 0)
        self._map.close()

    def _get(self, place: int) -> int:
        return int(_NUMBER.unpack_from(self._map, place)[0])

    def _put(self, place: int, number: int) -> None:
        _NUMBER.pack_into(self._map, place, number)


def _create(path: Path) -> None:
    """Make the file appear whole and durable, or not at all: what is noted in it later is only
    worth something if the file itself survives a power cut."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(_FORM.pack(_MAGIC, secrets.randbits(63), 0, 0, 0))
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
