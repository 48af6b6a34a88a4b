"""The plan: the n-th write of each key, as a pure function of the seed, so the process under test
and the judge agree on it without communication, and a cycle can be repeated."""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import NamedTuple

CLIENTS = 6
KEYS_PER_CLIENT = 8
KEYS = CLIENTS * KEYS_PER_CLIENT
COUNTERS = 4
SESSIONS = CLIENTS * 2

_MAX, _MIN = 2**63 - 1, -(2**63)


class WriteKind(StrEnum):
    """What a write does."""

    SET = "set"
    INCR = "incr"
    DELETE = "delete"


class Write(NamedTuple):
    """One planned write: ``arg`` is a value, an amount, or ``None``; ``policy`` its path."""

    kind: WriteKind
    key: bytes
    arg: bytes | int | None
    policy: str


def key_name(index: int) -> bytes:
    """Return the key number ``index``: some are written through, some behind, most are mixed."""
    return (b"order:%d", b"views:%d", b"mixed:%d", b"mixed/\xff\x00:%d")[index % 4] % index


def counter_name(index: int) -> bytes:
    """Return the shared counter number ``index``."""
    return b"likes:shared:%d" % index


def write(seed: int, index: int, version: int) -> Write:
    """Return the write that brings the key number ``index`` from ``version - 1`` to ``version``.

    Set values carry their key, version and checksum; some are numbers, so that increments meet
    numbers and other things alike.
    """
    rng = zlib.crc32(b"%d/%d/%d" % (seed, index, version))
    key = key_name(index)
    path = "write-behind" if rng & 1 else "write-through"
    policy = ("write-through", "write-behind", path, path)[index % 4]
    roll = (rng >> 8) % 100
    if roll < 50:
        return Write(WriteKind.INCR, key, (rng >> 16) % 40 - 10, policy)
    if roll < 70:
        return Write(WriteKind.SET, key, b"%d" % (rng >> 12), policy)
    if roll < 88:
        body = b"%s@%d" % (key, version)
        filler = b"x" * ((rng >> 16) % 2000) if roll > 84 else b""
        return Write(WriteKind.SET, key, body + b"#%08x" % zlib.crc32(body) + filler, policy)
    return Write(WriteKind.DELETE, key, None, policy)


def after(value: bytes | None, planned: Write) -> tuple[bytes | None, bool]:
    """Return ``value`` after a planned write, and whether the write is accepted: an increment of a
    value that is not a number is refused and changes nothing."""
    if planned.kind is WriteKind.DELETE:
        return None, True
    if planned.kind is WriteKind.SET:
        assert isinstance(planned.arg, bytes)
        return planned.arg, True
    assert isinstance(planned.arg, int)
    try:
        total = int(value or b"0") + planned.arg
    except ValueError:
        return value, False
    return (b"%d" % total, True) if _MIN <= total <= _MAX else (value, False)
