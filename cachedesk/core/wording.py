"""Formats counts, shares and durations as short text, alike in events, reports and screens."""

from __future__ import annotations

NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def number(count: float) -> str:
    """Return a count with thousands separators: ``12,345``."""
    return f"{count:,.0f}"


def count_of(count: int, noun: str) -> str:
    """Return ``1 fault`` or ``3 faults``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(part: float, whole: float) -> str:
    """Return a share as ``98.3 %``, rounded down, so that 100 % means all of it.

    Returns an en dash if ``whole`` is not positive.
    """
    if whole <= 0:
        return NOTHING
    share = 100.0 * part / whole
    if share >= 100.0 or share == 0.0:
        return f"{share:.0f} %"
    return f"{int(share * 10) / 10:.1f} %"


def span(seconds: float) -> str:
    """Return a duration in a suitable unit: ``130 µs``, ``4.20 ms``, ``12.0 s``."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{three_digits(seconds * 1e3)} ms"
    if seconds < 599.5:
        return f"{three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def three_digits(value: float) -> str:
    """Return ``value`` with three significant digits, or as many as there are before the point."""
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{places}f}"
