"""Makes untrusted text (keys, values, names) safe to print on a terminal."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TypeVar

T = TypeVar("T")

_MOST_LETTERS = 2_000
_WITHOUT_TEXT = {"int", "float", "bool", "bytes", "None", "tuple"}


def safe(raw: bytes | str, most: int = 80) -> str:
    """Return ``raw`` as text that is safe on a terminal: characters that are not printable are
    escaped (``\\x1b``, ``\\n``, ``\\u202e``).

    Args:
        raw: a key, a value, a name; bytes that are not UTF-8 are escaped too.
        most: the maximum number of characters; a longer text is cut and ends in ``…``.
    """
    text = raw[: 4 * most].decode(errors="backslashreplace") if isinstance(raw, bytes) else raw
    escaped = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in text[: most + 1]
    )
    return escaped if len(escaped) <= most else f"{escaped[:most]}…"


def printable(value: T) -> T:
    """Return ``value`` (a frozen dataclass, a tuple or a str) with every text in it safe for a
    terminal; the same object if all are.

    In a text that is not safe, runs of white space become one space, and the rest is escaped.
    """
    if isinstance(value, str):
        fit = type(value) is not str or value.isprintable()
        return value if fit else safe(" ".join(value.split()), _MOST_LETTERS)  # type: ignore[return-value]
    if isinstance(value, tuple):
        return _tuple(value) if _may_hold_text(value) else value  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        before = {name: getattr(value, name) for name in _fields_with_text(type(value))}
        after = {name: printable(part) for name, part in before.items()}
        changed = {name: part for name, part in after.items() if part is not before[name]}
        return replace(value, **changed) if changed else value
    return value


def _tuple(values: tuple[object, ...]) -> tuple[object, ...]:
    parts = tuple(printable(each) for each in values)
    return values if all(one is other for one, other in zip(parts, values, strict=True)) else parts


def _may_hold_text(values: tuple[object, ...]) -> bool:
    """Return whether ``values`` can hold text. All elements of a tuple have one type, so hundreds
    of ticks need not be checked."""
    kind = type(values[0]) if values else None
    return not (is_dataclass(kind) and isinstance(kind, type) and not _fields_with_text(kind))


@cache
def _fields_with_text(kind: type) -> tuple[str, ...]:
    annotated = {field.name: set(re.findall(r"\w+", str(field.type))) for field in fields(kind)}
    return tuple(name for name, words in annotated.items() if words - _WITHOUT_TEXT)
