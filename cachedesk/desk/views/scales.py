"""The vertical scale of a chart: it is printed, and changes in fixed steps."""

from __future__ import annotations

import math
from collections.abc import Callable

_MANTISSAS = (1, 2, 3, 4, 6, 8)
_SPANS = (60, 120, 180, 300, 600, 1_200, 1_800, 3_600, 7_200, 10_800, 18_000, 36_000, 86_400)
_DAY = 86_400.0
_ROOM = 0.8
"""A scale shrinks to a step of which the highest value takes at most this share."""

Step = Callable[[float, float], float]
"""Returns the smallest step of a scale that is at least the value and at least the minimum."""


def step_up(value: float, least: float) -> float:
    """Return the smallest of 1, 2, 3, 4, 6, 8, 10, 20, … that is at least ``value`` and ``least``.

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


def step_up_seconds(value: float, least: float) -> float:
    """Return the smallest usual span, in seconds, that is at least ``value`` and ``least``.

    Below a minute and from a day on these are 1, 2, 3, 4, 6, 8, 10, … of the unit.
    """
    wanted = max(value, least)
    if wanted > _SPANS[-1]:
        return _DAY * step_up(wanted / _DAY, 1.0)
    seconds = step_up(wanted, least)
    return (
        seconds if seconds < _SPANS[0] else next(float(span) for span in _SPANS if span >= wanted)
    )


def fitted(top: float, highest: float, least: float, step: Step) -> float:
    """Return the new top of a scale that had the top ``top``.

    It grows as soon as ``highest`` exceeds it, and shrinks once a smaller step leaves room above
    ``highest``, so that a value near a step does not make it change to and fro. Fitting it again
    to the same value changes nothing.

    Args:
        top: the top until now.
        highest: the highest visible value.
        least: the minimum of the top.
        step: returns the steps of the scale.
    """
    if highest > top:
        return step(highest, least)
    return min(top, step(highest / _ROOM, least))


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
