"""The plan: what the n-th write of each key is. A pure function of the seed, so the process under
test and the judge agree on it without talking, and a cycle can be repeated."""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import NamedTuple

CLIENTS = 6
KEYS_PER_CLIENT = 8
KEYS = CLIENTS * KEYS_PER_CLIENT
COUNTERS = 4

_MAX, _MIN = 2**63 - 1, -(2**63)


class Kind(StrEnum):
    """What a write does."""

    SET = "set"
    INCR = "incr"
    DELETE = "delete"


class Write(NamedTuple):
    """One planned write: ``arg`` is a value, an amount, or ``None``; ``policy`` its path."""

    kind: Kind
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
    """Return the write that makes the key number ``index`` of ``version - 1`` one of ``version``.

    Set values carry their key, version and checksum; some are numbers, so that increments meet
    numbers and other things alike.
    """
    rng = zlib.crc32(b"%d/%d/%d" % (seed, index, version))
    key = key_name(index)
    path = "write-behind" if rng & 1 else "write-through"
    policy = ("write-through", "write-behind", path, path)[index % 4]
    roll = (rng >> 8) % 100
    if roll < 50:
        return Write(Kind.INCR, key, (rng >> 16) % 40 - 10, policy)
    if roll < 70:
        return Write(Kind.SET, key, b"%d" % (rng >> 12), policy)
    if roll < 88:
        body = b"%s@%d" % (key, version)
        filler = b"x" * ((rng >> 16) % 2000) if roll > 84 else b""
        return Write(Kind.SET, key, body + b"#%08x" % zlib.crc32(body) + filler, policy)
    return Write(Kind.DELETE, key, None, policy)


def after(value: bytes | None, planned: Write) -> tuple[bytes | None, bool]:
    """Return what ``value`` becomes by a planned write, and whether the write is accepted: an
    increment of something that is no number is refused and changes nothing."""
    if planned.kind is Kind.DELETE:
        return None, True
    if planned.kind is Kind.SET:
        assert isinstance(planned.arg, bytes)
        return planned.arg, True
    assert isinstance(planned.arg, int)
    try:
        total = int(value or b"0") + planned.arg
    except ValueError:
        return value, False
    return (b"%d" % total, True) if _MIN <= total <= _MAX else (value, False)
