"""Amounts as people type them: ``2,000``, ``200ms``, ``8 mb``, ``25 %``; and the steps between."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"\s*([0-9][0-9,_]*(?:\.[0-9]+)?|\.[0-9]+)\s*([a-zA-Zµ%/]*)\s*")
_SECONDS = {"": 1.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "m": 60.0, "min": 60.0}
_BYTES = {
    "": 1,
    "b": 1,
    "k": 1024,
    "kb": 1024,
    "kib": 1024,
    "m": 1024**2,
    "mb": 1024**2,
    "mib": 1024**2,
    "g": 1024**3,
    "gb": 1024**3,
    "gib": 1024**3,
}


class NotAnAmount(ValueError):
    """What was typed is not an amount of the kind that was asked for; the text says what is."""


def count(text: str) -> int:
    """Return a whole number, typed like ``500`` or ``2,000``.

    Raises:
        NotAnAmount: it is none.
    """
    number, unit = _parsed(text, "a whole number, like 500")
    if unit or number != int(number):
        raise NotAnAmount(f"type a whole number, like 500, not {text!r}")
    return int(number)


def rate(text: str) -> float:
    """Return operations a second, typed like ``2,000`` or ``500/s``.

    Raises:
        NotAnAmount: it is none.
    """
    number, unit = _parsed(text, "operations a second, like 500")
    if unit not in ("", "/s"):
        raise NotAnAmount(f"type operations a second, like 500, not {text!r}")
    return number


def seconds(text: str) -> float:
    """Return seconds, typed like ``0.2``, ``200ms`` or ``2 s``.

    Raises:
        NotAnAmount: it is none.
    """
    return _in_units(text, _SECONDS, "a time, like 0.2 s or 200ms")


def size(text: str) -> int:
    """Return bytes, typed like ``8mb`` or ``67108864``.

    Raises:
        NotAnAmount: it is none.
    """
    return round(_in_units(text, _BYTES, "a size, like 8mb"))


def share(text: str) -> float:
    """Return a share, 0 to 1, typed like ``25 %``; a bare number is per cent, too.

    Raises:
        NotAnAmount: it is none.
    """
    number, unit = _parsed(text, "a share, like 25 %")
    if unit not in ("", "%") or not 0 < number <= 100:
        raise NotAnAmount(f"type a share above 0 and up to 100 %, not {text!r}")
    return number / 100


def stepped(value: float, direction: int) -> float:
    """Return the next of …, 1, 2, 5, 10, 20, 50, … above (``direction`` 1) or below (-1)."""
    if value <= 0:
        return 0.01 if direction > 0 else 0.0
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


def _in_units(text: str, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    number, unit = _parsed(text, wanted)
    if unit.lower() not in units:
        raise NotAnAmount(f"type {wanted}, not {text!r}")
    return number * units[unit.lower()]


def _parsed(text: str, wanted: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > 40:
        raise NotAnAmount(f"type {wanted}, not {text[:40]!r}")
    return float(match[1].replace(",", "").replace("_", "")), match[2]
