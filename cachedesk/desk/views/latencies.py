"""Latencies as text: one line per path, all on one logarithmic scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cachedesk.core.snapshot import Latencies, Percentiles
from cachedesk.desk.views.formats import ABSENT, compact, span

FASTEST, SLOWEST = 10e-6, 10.0
"""The ends of the scale in seconds, from below a Redis hit to above the deadline of a lock."""


@dataclass(frozen=True, slots=True)
class PathLine:
    """One path: its name, its short name, and its figures as text; an en dash: not measured."""

    name: str
    short: str
    count: str
    p50: str
    p99: str
    worst: str
    times: Percentiles


def path_lines(latencies: Latencies) -> tuple[PathLine, ...]:
    """Return a line for each path, reads first."""
    return tuple(
        _line(name, short, times)
        for name, short, times in (
            ("hit", "hit", latencies.hit),
            ("overlay", "overlay", latencies.overlay),
            ("database", "database", latencies.database),
            ("write-through", "through", latencies.write_through),
            ("write-behind", "behind", latencies.write_behind),
            ("flush", "flush", latencies.flush),
        )
    )


def place(seconds: float, width: int) -> int:
    """Return the cell of ``seconds`` on the scale, 0 to ``width`` - 1."""
    decades = math.log10(SLOWEST / FASTEST)
    share = math.log10(min(SLOWEST, max(FASTEST, seconds)) / FASTEST) / decades
    return round(share * (width - 1))


def stretch(times: Percentiles, width: int) -> str:
    """Return a path's line on the scale: ``●`` at p50, ``━`` up to ``┤`` at p99, ``•`` at the
    maximum; an empty line if nothing was measured."""
    cells = ["╌"] * width
    if times.count:
        p50, p99 = place(times.p50, width), place(times.p99, width)
        cells[p50 : p99 + 1] = "━" * (p99 - p50 + 1)
        cells[place(times.max, width)] = "•"
        cells[p99] = "┤"
        cells[p50] = "●"
    return "".join(cells)


def scale(width: int) -> str:
    """Return the labels of the scale: the decades that have room."""
    line = [" "] * width
    free = 0
    for power in range(round(math.log10(SLOWEST / FASTEST)) + 1):
        text = _DECADES[power]
        start = min(place(FASTEST * 10**power, width), width - len(text))
        if start >= free:
            line[start : start + len(text)] = text
            free = start + len(text) + 1
    return "".join(line)


_DECADES = ("10µs", "100µs", "1ms", "10ms", "100ms", "1s", "10s")


def _line(name: str, short: str, times: Percentiles) -> PathLine:
    if not times.count:
        return PathLine(name, short, ABSENT, ABSENT, ABSENT, ABSENT, times)
    return PathLine(
        name,
        short,
        compact(times.count),
        span(times.p50),
        span(times.p99),
        span(times.max),
        times,
    )
