"""Charts as frozen values: lines over an axis with a scale, and fault marks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachedesk.reports.words import span, visible

Point = tuple[float, float | None]
AxisTick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Series:
    """A line. A point without a value (nothing was measured there) is a gap in it."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class FaultMark:
    """A numbered fault on the axis, from ``start`` to ``end``; both are equal for a momentary
    fault; ``None``: it lasted to the end."""

    number: int
    name: str
    start: float
    end: float | None

    @property
    def text(self) -> str:
        """Its name and time, in words."""
        struck = f"{self.number} {visible(self.name)}"
        if self.end is None:
            return f"{struck} from {span(self.start)} to the end"
        if self.end == self.start:
            return f"{struck} at {span(self.start)}"
        return f"{struck} from {span(self.start)} to {span(self.end)}"


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    ``description`` describes it in words. ``x_ticks`` and ``y_ticks`` are the scales, from end to
    end. ``divider``: a position on the x axis, and the name of what begins there. ``dots``: draw
    each point. ``filled``: fill the area below the line.
    """

    title: str
    description: str
    series: tuple[Series, ...]
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    x_end: float
    y_end: float
    x_begin: float = 0.0
    marks: tuple[FaultMark, ...] = ()
    divider: tuple[float, str] | None = None
    dots: bool = False
    filled: bool = False


def nice_step(end: float, most: int) -> float:
    """Return the smallest step of 1, 2 or 5 times a power of ten with which at most ``most`` steps
    reach ``end``."""
    if end <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(end / most))
    return next(step * power for step in (1, 2, 5, 10, 20) if step * power * most >= end * 0.999999)


def scale(
    end: float, written: Callable[[float], str], most: int = 4, least: float = 0.0
) -> tuple[float, tuple[AxisTick, ...]]:
    """Return a scale from 0 to at least ``end`` and ``least``: its end, and its ticks."""
    step = nice_step(max(end, least), most)
    count = max(1, math.ceil(max(end, least) / step - 1e-9))
    return step * count, tuple((step * place, written(step * place)) for place in range(count + 1))


def time_ticks(seconds: float, most: int = 8) -> tuple[AxisTick, ...]:
    """Return the ticks of a time axis of ``seconds``, at round times."""
    step = nice_step(max(seconds, 1e-3), most)
    if seconds > 20:
        steps = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
        step = next((each for each in steps if each * most >= seconds), step)
    count = int(seconds / step + 1e-9)
    return tuple((step * place, _moment(step * place, step)) for place in range(count + 1))


def _moment(seconds: float, step: float) -> str:
    if step >= 3600:
        return f"{seconds / 3600:g} h"
    if step >= 60:
        return f"{seconds / 60:g} min"
    return f"{seconds:.6g} s"


def runs(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """Return the runs of ``points`` without a gap."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            stretches.append([])
        else:
            stretches[-1].append((x, y))
    return [stretch for stretch in stretches if stretch]
