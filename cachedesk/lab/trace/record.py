"""What one line of a trace is: operations, when it was written, or why it has none."""

from __future__ import annotations

import binascii
from typing import NamedTuple

from cachedesk.engine.errors import CachedeskError
from cachedesk.engine.events import COUNTER_MAX, COUNTER_MIN, MAX_KEY_BYTES, MAX_VALUE_BYTES
from cachedesk.lab.operations import Operation, Verb


class TraceError(CachedeskError, ValueError):
    """A trace cannot be read; the message names the file, the line and what is wrong."""


class Wrong(Exception):
    """What is wrong with one line."""


class Record(NamedTuple):
    """One line. ``at``: when, in seconds of any clock (``None``: it does not say).

    ``skipped``: the name of what has no meaning here (a command, most often), empty if it has.
    """

    operations: tuple[Operation, ...]
    at: float | None = None
    skipped: str = ""


NOTHING = Record(())

_UNUSABLE = "(a key that is empty or over 1,024 bytes)"


def record(at: float | None, *operations: Operation) -> Record:
    """Return a record of somebody else's keys: those that cannot be used here are skipped."""
    if all(1 <= len(operation.key) <= MAX_KEY_BYTES for operation in operations):
        return Record(operations, at)
    return Record((), at, _UNUSABLE)


def amount_of(text: bytes) -> int:
    """Return the number that ``text`` is.

    Raises:
        Wrong: it is none of 64 bits.
    """
    try:
        number = int(text[:30])
    except ValueError:
        raise Wrong(f"{shown(text)} is not a whole number") from None
    if not COUNTER_MIN <= number <= COUNTER_MAX:
        raise Wrong(f"{shown(text)} is out of the range of 64 bits")
    return number


def made_up(key: bytes, size: int) -> bytes:
    """Return a value of ``size`` bytes for ``key``, the same each time: traces keep sizes only."""
    size = min(size, MAX_VALUE_BYTES)
    pattern = b"%08x" % binascii.crc32(key)
    return (pattern * (size // len(pattern) + 1))[:size]


def get(key: bytes) -> Operation:
    """Return a read."""
    return Operation(Verb.GET, key)


def put(key: bytes, value: bytes) -> Operation:
    """Return a write of a value."""
    return Operation(Verb.SET, key, value)


def add(key: bytes, amount: int) -> Operation:
    """Return an increment."""
    return Operation(Verb.INCR, key, amount)


def delete(key: bytes) -> Operation:
    """Return a delete."""
    return Operation(Verb.DELETE, key)


def shown(value: object) -> str:
    """Return ``value`` short enough for an error."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = repr(value) if not isinstance(value, int) else str(value)[:60]
    return text if len(text) <= 60 else f"{text[:57]}..."
