"""Reads the contents of a ``-wal`` file of SQLite without SQLite.

SQLite reveals neither which pages a ``-wal`` file has, nor earlier versions of a page. Both are
needed to check that it continues the database file beside it. (The format is described in
"WAL-mode File Format", https://www.sqlite.org/walformat.html.)
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

_HEADER = struct.Struct(">IIII8s8s")
_FRAME = struct.Struct(">II8s8s")
_MAGIC = (0x377F0682, 0x377F0683)
_LEAF_OF_A_TABLE = 13
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FIRST_TEXT = 13


class WalFile(NamedTuple):
    """The committed part of a ``-wal`` file. ``pages``: the number of pages of the database after
    the last commit. ``places``: the offset of the oldest version of each page."""

    path: Path
    page_bytes: int
    pages: int
    places: dict[int, int]

    def oldest(self, number: int) -> bytes | None:
        """Return the oldest version of a page, ``None`` if the file has none."""
        if number not in self.places:
            return None
        with self.path.open("rb") as file:
            file.seek(self.places[number])
            return file.read(self.page_bytes)

    def lacks(self, file_bytes: int) -> bool:
        """Return whether pages are neither here nor in a database file of ``file_bytes`` bytes."""
        first = file_bytes // self.page_bytes + 1
        return any(number not in self.places for number in range(first, self.pages + 1))


def read_wal(path: Path) -> WalFile | None:
    """Return the committed part of the ``-wal`` file at ``path``, ``None`` if there is none.
    Checksums of frames are not checked: SQLite does that, and never uses more than this part."""
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return None
        magic, _, page_bytes, _, salts, _ = _HEADER.unpack(header)
        if magic not in _MAGIC or page_bytes < 512 or page_bytes & (page_bytes - 1):
            return None
        end = os.fstat(file.fileno()).st_size - _FRAME.size - page_bytes
        places: dict[int, int] = {}
        since: dict[int, int] = {}
        pages, at = 0, _HEADER.size
        while at <= end:
            number, pages_after, its_salts, _ = _FRAME.unpack(
                os.pread(file.fileno(), _FRAME.size, at)
            )
            if its_salts != salts:
                # It is left over from before SQLite restarted at the beginning of the file.
                break
            at += _FRAME.size
            since.setdefault(number, at)
            at += page_bytes
            if pages_after:
                pages, places = pages_after, since | places
                since = {}
    return WalFile(path, page_bytes, pages, places) if places else None


def numbers_in(page: bytes) -> dict[str, int] | None:
    """Return the rows ``(text, integer)`` of a small table from its only page, ``None`` if the page
    is of another kind."""
    try:
        if page[0] != _LEAF_OF_A_TABLE:
            return None
        (cells,) = struct.unpack_from(">H", page, 3)
        return dict(_row(page, at) for (at,) in struct.iter_unpack(">H", page[8 : 8 + 2 * cells]))
    except (IndexError, KeyError, ValueError, struct.error):
        return None


def _row(page: bytes, at: int) -> tuple[str, int]:
    _, at = _varint(page, at)
    _, at = _varint(page, at)
    start = at
    header_bytes, at = _varint(page, at)
    text_kind, at = _varint(page, at)
    integer_kind, at = _varint(page, at)
    at = start + header_bytes
    text_end = at + (text_kind - _FIRST_TEXT) // 2
    text = page[at:text_end].decode()
    if integer_kind in (8, 9):
        return text, integer_kind - 8
    integer = page[text_end : text_end + _INTEGER_BYTES[integer_kind]]
    return text, int.from_bytes(integer, "big", signed=True)


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, at + 9):
        value = value << 7 | page[place] & 0x7F
        if page[place] < 0x80:
            return value, place + 1
    raise ValueError("varint is too long")
