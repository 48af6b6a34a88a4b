"""Replies: values that commands answer with, and their bytes in RESP2 and RESP3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Union

_LINE_BREAKS = str.maketrans("\r\n", "  ")


@dataclass(frozen=True, slots=True)
class Status:
    """A short text, like ``OK``."""

    text: str


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error; the first word of ``text`` is its code, like ``ERR``."""

    text: str


class Nothing(Enum):
    """What RESP2 has two forms for; the other is ``None``."""

    ARRAY = "array"


Reply = Union[  # noqa: UP007 - it refers to itself
    Status,
    ErrorReply,
    Nothing,
    int,
    float,
    str,
    bytes,
    None,
    Sequence["Reply"],
    Mapping[str, "Reply"],
]
"""A str or bytes is a bulk string; a mapping is an array of its items in RESP2."""

OK = Status("OK")
NULL_ARRAY = Nothing.ARRAY
INTERNAL = ErrorReply("ERR internal error; see the log of the server")
_NULL = {2: b"$-1\r\n", 3: b"_\r\n"}
_NULL_ARRAY = {2: b"*-1\r\n", 3: b"_\r\n"}
_OK = b"+OK\r\n"


def encode(reply: Reply, version: int) -> bytes:
    """Return the bytes of ``reply``; ``version``: of the protocol, 2 or 3."""
    if type(reply) is bytes:
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    if reply is OK:
        return _OK
    parts: list[bytes] = []
    _add(reply, version, parts)
    return b"".join(parts)


def _add(reply: Reply, version: int, parts: list[bytes]) -> None:
    match reply:
        case None:
            parts.append(_NULL[version])
        case bytes():
            parts.append(b"$%d\r\n%b\r\n" % (len(reply), reply))
        case str():
            text = reply.encode(errors="surrogateescape")
            parts.append(b"$%d\r\n%b\r\n" % (len(text), text))
        case int():
            parts.append(b":%d\r\n" % reply)
        case float():
            text = repr(reply).encode()
            parts.append(
                b",%b\r\n" % text if version == 3 else b"$%d\r\n%b\r\n" % (len(text), text)
            )
        case Status(text=line):
            parts.append(b"+%b\r\n" % _line(line))
        case ErrorReply(text=line):
            parts.append(b"-%b\r\n" % _line(line))
        case Nothing():
            parts.append(_NULL_ARRAY[version])
        case Mapping():
            parts.append(
                b"%%%d\r\n" % len(reply) if version == 3 else b"*%d\r\n" % (2 * len(reply))
            )
            for key, value in reply.items():
                _add(key, version, parts)
                _add(value, version, parts)
        case _:
            parts.append(b"*%d\r\n" % len(reply))
            for each in reply:
                _add(each, version, parts)


def size_of(reply: Reply) -> int:
    """Return about how many bytes ``reply`` takes."""
    match reply:
        case bytes() | str():
            return len(reply) + 16
        case Mapping():
            return sum(size_of(key) + size_of(value) for key, value in reply.items())
        case list() | tuple():
            return 16 + sum(map(size_of, reply))
    return 32


def _line(text: str) -> bytes:
    return text.translate(_LINE_BREAKS).encode(errors="surrogateescape")
