"""The description of a chart over time: its measure, its scale and its figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachedesk.core.snapshot import Snapshot, Tick
from cachedesk.core.wording import percent
from cachedesk.desk.views.formats import about, number
from cachedesk.desk.views.history import recent
from cachedesk.desk.views.scales import Step, step_up

Notes = tuple[tuple[str, ...], ...]
"""Lines of notes, the most important first; a chart shows as many as fit. Each line is a tuple of
pieces, which are joined with as much space as there is."""


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """One chart over time.

    Args:
        name: the id of the widget.
        measure: returns the height of a column from its ticks and their duration in seconds;
            ``None`` if there is nothing to measure.
        alert: returns whether to mark the column with these ticks.
        least_top: the minimum of the top of the scale.
        grows: whether the top of the scale follows the highest visible value.
        scale: formats a value of the scale in at most five cells.
        figure: returns the headline figure.
        notes: returns the lines under the headline figure.
        step: returns the steps of the scale.
    """

    name: str
    measure: Callable[[Sequence[Tick], float], float | None]
    alert: Callable[[Sequence[Tick]], bool]
    least_top: float
    grows: bool
    scale: Callable[[float], str]
    figure: Callable[[Snapshot], str]
    notes: Callable[[Snapshot], Notes]
    step: Step = step_up


def recent_ticks(snapshot: Snapshot) -> tuple[tuple[Tick, ...], float]:
    """Return the newest ticks and their duration in seconds."""
    ticks = recent(snapshot)
    return ticks, max(0.001, snapshot.tick_seconds * len(ticks))


def hit_share(ticks: Sequence[Tick]) -> str:
    """Return the percentage of the reads in these ticks that Redis served."""
    hits = sum(tick.hits for tick in ticks)
    return percent(hits, hits + sum(tick.misses for tick in ticks))


def no_alert(ticks: Sequence[Tick]) -> bool:
    """Return False; for charts that mark no column."""
    return False


def scale_percent(value: float) -> str:
    """Format a value of the scale as a percentage."""
    return f"{value:.0f} %"


def scale_count(value: float) -> str:
    """Format a value of the scale as a count: ``500``, ``5,000``, ``50k``."""
    for unit, size in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if value >= size:
            return f"{value / size:.0f}{unit}"
    if value >= 1e4:
        return f"{value / 1e3:.0f}k"
    return number(round(value))


def scale_seconds(value: float) -> str:
    """Format a value of the scale as a span: ``0.2 s``, ``30 s``, ``30 m``, ``2 h``."""
    return f"{value:.1f} s" if value < 1 else about(value)
