"""The record of one line of a trace: its operations and time, or why it has none."""

from __future__ import annotations

import binascii
from typing import NamedTuple

from cachedesk.core.errors import CachedeskError
from cachedesk.core.events import MAX_KEY_BYTES, MAX_VALUE_BYTES
from cachedesk.lab.load.operations import Operation, Verb


class TraceError(CachedeskError, ValueError):
    """A trace cannot be read; the message names the file, the line and what is wrong."""


class Malformed(Exception):
    """One line is malformed; the message gives the reason."""


class TooLong(Malformed):
    """A line is longer than the limit."""


class TraceRecord(NamedTuple):
    """One line. ``at``: its time, in seconds of any clock (``None``: it has none).

    ``skipped``: the name of what was left out (usually a command), empty if nothing was; ``times``:
    how often. ``differs``: the end state differs from the source's because of it. ``expiry``: the
    name of a command that gave an expiry, empty if it gave none. ``changed``: what was changed,
    in words. The ttl of an operation is in the time of the trace.
    """

    operations: tuple[Operation, ...] = ()
    at: float | None = None
    skipped: str = ""
    times: int = 1
    differs: bool = False
    expiry: str = ""
    changed: str = ""


NOTHING = TraceRecord()

KEPT = -1.0
"""The ttl of a set that keeps the expiry of its key."""

UNUSABLE = "(a key that is empty or over 1,024 bytes)"
TOO_LONG = "(a line that is too long)"


def record(at: float | None, *operations: Operation, expiry: str = "") -> TraceRecord:
    """Return a record of another program's operations, without those whose key is invalid here."""
    good = tuple(each for each in operations if 1 <= len(each.key) <= MAX_KEY_BYTES)
    if len(good) == len(operations):
        return TraceRecord(operations, at, expiry=expiry)
    return TraceRecord(good, at, UNUSABLE, len(operations) - len(good), expiry=expiry)


def made_up(key: bytes, size: int) -> bytes:
    """Return a value of ``size`` bytes for ``key``, the same each time: traces only have sizes."""
    size = min(size, MAX_VALUE_BYTES)
    pattern = b"%08x" % binascii.crc32(key)
    return (pattern * (size // len(pattern) + 1))[:size]


def get(key: bytes) -> Operation:
    """Return a read."""
    return Operation(Verb.GET, key)


def put(key: bytes, value: bytes, ttl: float | None = None) -> Operation:
    """Return a write of a value that expires after ``ttl`` seconds; ``None``: never; ``KEPT``: when
    the value before would have."""
    return Operation(Verb.SET, key, value, ttl)


def add(key: bytes, amount: int) -> Operation:
    """Return an increment."""
    return Operation(Verb.INCR, key, amount)


def expire(key: bytes, ttl: float) -> Operation:
    """Return a change of the expiry to ``ttl`` seconds from then on."""
    return Operation(Verb.EXPIRE, key, None, ttl)


def persist(key: bytes) -> Operation:
    """Return a removal of the expiry."""
    return Operation(Verb.PERSIST, key)


def delete(key: bytes) -> Operation:
    """Return a delete."""
    return Operation(Verb.DELETE, key)


def shown(value: object) -> str:
    """Return ``value`` short enough for an error."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = repr(value) if not isinstance(value, int) else str(value)[:60]
    return text if len(text) <= 60 else f"{text[:57]}..."
