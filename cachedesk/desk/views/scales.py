"""The vertical scale of a chart: it changes in fixed steps and is printed."""

from __future__ import annotations

import math

_MANTISSAS = (1, 2, 5)


def step_up(value: float, least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, 50, … that is at least ``value`` and ``least``.

    Args:
        value: the largest value to draw.
        least: the minimum of the top of the scale, above 0.
    """
    wanted = max(value, least)
    exponent = math.floor(math.log10(wanted))
    for power in (exponent, exponent + 1):
        for mantissa in _MANTISSAS:
            step = float(f"{mantissa}e{power}")  # exact where 10.0 ** -1 is not
            if step >= wanted:
                return step
    return float(f"1e{exponent + 2}")  # the logarithm was rounded down


def bar(fraction: float, height: int) -> str:
    """Return one column of a bar chart, ``height`` characters from top to bottom.

    Args:
        fraction: the fraction of the scale, 0 to 1; more is drawn as 1. A value above 0 is drawn as
            at least one level, so that it can be distinguished from 0.
        height: rows of the chart; each row has eight levels.
    """
    levels = round(min(1.0, max(0.0, fraction)) * height * 8)
    if fraction > 0:
        levels = max(1, levels)
    full, part = divmod(levels, 8)
    column = "█" * full + (" ▁▂▃▄▅▆▇"[part] if part else "")
    return column.ljust(height)[::-1]


def gauge(fraction: float, width: int) -> tuple[str, str]:
    """Return the filled and the empty part of a horizontal gauge of ``width`` cells."""
    filled = round(min(1.0, max(0.0, fraction)) * width)
    if fraction > 0:
        filled = max(1, filled)
    return "━" * filled, "─" * (width - filled)
