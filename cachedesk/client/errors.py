"""Errors of the server, as the library raises them."""

from __future__ import annotations

from cachedesk.core.errors import (
    CachedeskError,
    CounterOverflow,
    InvalidKey,
    InvalidValue,
    LogFull,
    NotACounter,
    OutcomeUnknown,
    Unavailable,
    WriteRefused,
)

_BY_BEGINNING: tuple[tuple[str, type[CachedeskError]], ...] = (
    ("unavailable: the write-behind log is full", LogFull),
    ("unavailable: ", Unavailable),
    ("outcome unknown: ", OutcomeUnknown),
    ("refused: ", WriteRefused),
    ("invalid key: ", InvalidKey),
    ("invalid value: ", InvalidValue),
    ("increment or decrement would overflow", CounterOverflow),
    ("value is not an integer or out of range", NotACounter),
)


def raised(text: str) -> CachedeskError:
    """Return the error that the server means by ``text``, with or without its code."""
    text = text.removeprefix("ERR ")
    for beginning, error in _BY_BEGINNING:
        if text.startswith(beginning):
            _, colon, rest = beginning.partition(": ")
            return error(text.removeprefix(beginning) if colon and not rest else text)
    return Unavailable(f"the server refuses the command: {text}")
