"""Quantities as users type them, like ``2,000``, ``200ms``, ``8 mb`` or ``25 %``, and steps."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

# A comma only as a thousands separator: "0,2" is not 2, and "1,5" is not 15.
_NUMBER = re.compile(r"\s*([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(\.[0-9]+)?\s*([a-zA-Zµ%/]*)\s*")
_LONGEST = 40
_COUNTS = {"": 1, "k": 1_000, "m": 1_000_000}
_RATES = {unit + per: times for unit, times in _COUNTS.items() for per in ("", "/s")}
_SECONDS = {
    "": 1.0,
    "µs": 1e-6,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
}
_BYTES = {
    "": 1,
    "b": 1,
    **{
        prefix + unit: 1024**power
        for power, prefix in enumerate("kmgt", start=1)
        for unit in ("", "b", "ib")
    },
}


class InvalidQuantity(ValueError):
    """The text is not a quantity of the expected kind; the message says what is expected."""


def count(text: str) -> int:
    """Return a whole number, typed like ``500``, ``2,000`` or ``2k``.

    Raises:
        InvalidQuantity: the text is not one.
    """
    number = _parsed(text, _COUNTS, "a whole number, like 500")
    if number != int(number):
        raise InvalidQuantity(f"type a whole number, like 500, not {text!r}")
    return int(number)


def rate(text: str) -> float:
    """Return operations a second, typed like ``2,000``, ``500/s`` or ``2k/s``.

    Raises:
        InvalidQuantity: the text is not one.
    """
    return _parsed(text, _RATES, "operations a second, like 500")


def seconds(text: str) -> float:
    """Return seconds, typed like ``0.2``, ``200ms``, ``2 s`` or ``1 min``.

    Raises:
        InvalidQuantity: the text is not one.
    """
    return _parsed(text, _SECONDS, "a time, like 0.2 s or 200ms")


def size(text: str) -> int:
    """Return bytes, typed like ``8mb``, ``1.5 GiB`` or ``67108864``.

    Raises:
        InvalidQuantity: the text is not one.
    """
    return round(_parsed(text, _BYTES, "a size, like 8mb"))


def share(text: str) -> float:
    """Return a share above 0 and up to 1, typed like ``25 %``; a bare number is a percentage.

    Raises:
        InvalidQuantity: the text is not one.
    """
    number = _parsed(text, {"": 1, "%": 1}, "a share, like 25 %")
    if not 0 < number <= 100:
        raise InvalidQuantity(f"type a share above 0 and up to 100 %, not {text!r}")
    return number / 100


def stepped(value: float, direction: int) -> float:
    """Return the next of …, 1, 2, 5, 10, 20, 50, … above (``direction`` 1) or below (-1)."""
    if value <= 0:
        return 0.001 if direction > 0 else 0.0
    exponent = math.floor(math.log10(value))
    steps = [
        float(f"{mantissa}e{power}")
        for power in range(exponent - 1, exponent + 2)
        for mantissa in (1, 2, 5)
    ]
    near = value * 1e-9
    if direction > 0:
        return next(step for step in steps if step > value + near)
    return next(step for step in reversed(steps) if step < value - near)


def _parsed(text: str, units: Mapping[str, float], wanted: str) -> float:
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    times = units.get(match[3].lower()) if match else None
    if match is None or times is None or not (match[1] or match[2]):
        raise InvalidQuantity(f"type {wanted}, not {text[:_LONGEST]!r}")
    return float((match[1] or "").replace(",", "") + (match[2] or "")) * times
