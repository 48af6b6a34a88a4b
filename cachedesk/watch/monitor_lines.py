"""One line of MONITOR, taken apart: when, in which database, and the words of the command."""

from __future__ import annotations

import re
from typing import NamedTuple

_HEAD = re.compile(rb"(\d{1,12}\.\d{1,9}) \[(\d{1,6}) (.*?)\] (?=\")")
_WORD = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}

MOST_WORDS = 200
"""Of a longer command only so many words are looked at."""


class Seen(NamedTuple):
    """A command as MONITOR shows it. ``at``: in seconds since 1970, by the server's clock."""

    at: float
    database: int
    client: bytes
    words: list[bytes]


def seen(line: bytes) -> Seen | None:
    """Return what ``line`` shows; ``None`` if it is no line of MONITOR."""
    head = _HEAD.match(line)
    if head is None:
        return None
    at, database, client = head.groups()
    words = []
    for found in _WORD.finditer(line, head.end()):
        words.append(_unescaped(found[1]))
        if len(words) >= MOST_WORDS:
            break
    return Seen(float(at), int(database), client, words) if words else None


def _unescaped(text: bytes) -> bytes:
    return text if b"\\" not in text else _ESCAPE.sub(_character, text)


def _character(found: re.Match[bytes]) -> bytes:
    sign = found[1]
    if len(sign) == 3:
        return bytes.fromhex(sign[1:].decode())
    return _PLAIN.get(sign, sign)
