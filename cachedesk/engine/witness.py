"""The witness: a few bytes beside the log that tell an empty log from a lost one.

SQLite opens a 0-byte file, or one whose ``-wal`` was deleted, silently as an empty database. The
witness holds the log's epoch, the newest seq that was appended, and whether the log is open (so a
stop that was not clean is known at the next open). It is a mapped file: noting a
seq is a store to memory, costs no fsync, and survives the death of the process.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from cachedesk.engine.errors import Damaged

_MAGIC = b"cdwitns1"
_EPOCH = struct.Struct("<8sQ")
_SEQ = struct.Struct("<Q")
_OPEN = struct.Struct("<Q")
_SIZE = 32


class Witness:
    """The mapped witness file of one log."""

    def __init__(self, path: Path, epoch: int) -> None:
        """Open the witness at ``path``, or create it for a log of this ``epoch``.

        Raises:
            Damaged: the file is not a witness.
        """
        fresh = not path.exists()
        self._file = path.open("x+b" if fresh else "r+b")
        if fresh:
            self._file.write(_EPOCH.pack(_MAGIC, epoch) + _SEQ.pack(0) + _OPEN.pack(0))
            self._file.flush()
        if path.stat().st_size != _SIZE:
            self._file.close()
            raise Damaged(f"the log's witness {path} is damaged (its size is not {_SIZE} bytes)")
        self._map = mmap.mmap(self._file.fileno(), _SIZE)
        magic, self.epoch = _EPOCH.unpack_from(self._map)
        if magic != _MAGIC:
            self.close()
            raise Damaged(f"the log's witness {path} is damaged (it is another kind of file)")

    @property
    def seq(self) -> int:
        """The newest seq that was appended to the log."""
        return int(_SEQ.unpack_from(self._map, _EPOCH.size)[0])

    @property
    def was_open(self) -> bool:
        """Whether the log is, or at the last death of its process was, open."""
        return bool(_OPEN.unpack_from(self._map, _SIZE - _OPEN.size)[0])

    def mark(self, *, open_now: bool) -> None:
        """Remember whether the log is open."""
        _OPEN.pack_into(self._map, _SIZE - _OPEN.size, open_now)

    def note(self, seq: int) -> None:
        """Remember that the event ``seq`` is in the log."""
        _SEQ.pack_into(self._map, _EPOCH.size, seq)

    def close(self) -> None:
        """Unmap and close the file."""
        self._map.close()
        self._file.close()
