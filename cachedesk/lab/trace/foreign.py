"""Files that are not traces, recognized by their first bytes, with advice for each."""

from __future__ import annotations

import re
from collections.abc import Callable

START_BYTES = 512
"""The number of bytes that are examined."""


def named(start: bytes) -> str:
    """Return the kind of file that starts with ``start`` and advice; empty for a possible trace."""
    start = start[:START_BYTES]
    return next((says for fits, says in _KNOWN if fits(start)), "")


def _begins(*signs: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(signs)


def _wide(start: bytes) -> bool:
    """Return whether it is UTF-16 without a BOM: every second byte of the first line is NUL."""
    text = start[:64]
    halves = (text[::2], text[1::2])
    return len(text) >= 8 and any(
        not any(zeros) and all(byte in _PRINTABLE for byte in others)
        for zeros, others in (halves, halves[::-1])
    )


_PRINTABLE = frozenset((*range(32, 127), 9, 10, 13))


def _packed(what: str, command: str) -> str:
    return f"it is {what}; unpack it first: {command} FILE | cachedesk run --trace -"


def _matches(pattern: bytes) -> Callable[[bytes], bool]:
    return lambda start: re.match(pattern, start) is not None


_CAPTURE = "record traffic with redis-cli MONITOR"
_UTF16 = "it is UTF-16 text, as PowerShell writes it; convert it first: iconv -f UTF-16 -t UTF-8"
_UTF32 = "it is UTF-32 text; convert it first: iconv -f UTF-32 -t UTF-8"
_KNOWN: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (_begins(b"\x28\xb5\x2f\xfd"), _packed("packed with zstd", "zstd -dc")),
    (_matches(rb"[\x50-\x5f]\x2a\x4d\x18"), _packed("packed with zstd", "zstd -dc")),
    (_begins(b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"), _packed("packed with lz4", "lz4 -dc")),
    (_begins(b"\x1f\x9d", b"\x1f\xa0"), _packed("packed with compress", "zcat")),
    (_begins(b"\x89LZO\0"), _packed("packed with lzop", "lzop -dc")),
    (_begins(b"\xff\x06\0\0sNaPpY"), _packed("packed with snappy", "snzip -dc")),
    (_begins(b"PK\x03\x04", b"PK\x05\x06"), _packed("a zip archive", "unzip -p")),
    (_begins(b"7z\xbc\xaf\x27\x1c"), _packed("a 7z archive", "7z x -so")),
    (_begins(b"Rar!\x1a\x07"), _packed("a rar archive", "unrar p -inul")),
    (lambda start: start[257:262] == b"ustar", _packed("a tar archive", "tar -xOf")),
    (_begins(b"\xff\xfe\0\0", b"\0\0\xfe\xff"), _UTF32),
    (_begins(b"\xff\xfe", b"\xfe\xff"), _UTF16),
    (_wide, _UTF16),
    (_begins(b"REDIS00", b"VALKEY0"), f"it is a snapshot of Redis (RDB), not traffic; {_CAPTURE}"),
    (_matches(rb"\*\d+\r\n\$\d+\r\n"), f"it is an append-only file of Redis; {_CAPTURE}"),
    (_begins(b"SQLite format 3\0"), "it is an SQLite database, not a trace"),
    (
        _begins(b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x0a\x0d\x0d\x0a"),
        f"it is a capture of packets, not of commands; {_CAPTURE}",
    ),
    (_begins(b"%PDF-"), "it is a PDF, not a trace"),
    (_begins(b"\x7fELF"), "it is a program, not a trace"),
)
