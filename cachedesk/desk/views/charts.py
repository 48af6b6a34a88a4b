"""What a chart over time is made of: its measure, its scale and the figures beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachedesk.core.snapshot import Snapshot, Tick
from cachedesk.core.wording import percent
from cachedesk.desk.views.formats import compact
from cachedesk.desk.views.history import recent

Notes = tuple[tuple[str, ...], ...]
"""Lines of notes, the most important first, each of pieces that are joined as widely as there is
room for. A chart shows as many lines as it has room for."""


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """One chart over time.

    Args:
        name: the id of its widget.
        measure: folds the ticks of one column, which together last so many seconds, into its
            height; ``None`` when there is nothing to measure.
        alert: whether to mark a column with these ticks.
        least_top: the smallest top of the scale.
        grows: whether the top of the scale may rise.
        scale: prints a value of the scale.
        figure: the headline figure.
        notes: the lines under the headline figure.
        past_notes: the lines for a time in the past, of which only the ticks are known: an unknown
            figure is left out, for it is not zero.
    """

    name: str
    measure: Callable[[Sequence[Tick], float], float | None]
    alert: Callable[[Sequence[Tick]], bool]
    least_top: float
    grows: bool
    scale: Callable[[float], str]
    figure: Callable[[Snapshot], str]
    notes: Callable[[Snapshot], Notes]
    past_notes: Callable[[Snapshot], Notes]


def recent_ticks(snapshot: Snapshot) -> tuple[tuple[Tick, ...], float]:
    """Return the newest ticks and how many seconds they lasted."""
    ticks = recent(snapshot)
    return ticks, max(0.001, snapshot.tick_seconds * len(ticks))


def hit_share(ticks: Sequence[Tick]) -> str:
    """Return the share of the reads in these ticks that Redis served, in percent."""
    hits = sum(tick.hits for tick in ticks)
    return percent(hits, hits + sum(tick.misses for tick in ticks))


def no_alert(ticks: Sequence[Tick]) -> bool:
    """Return False: the alert of a chart that marks no column."""
    return False


def scale_percent(value: float) -> str:
    """Return a value of the scale in percent."""
    return f"{value:.0f} %"


def scale_count(value: float) -> str:
    """Return a value of the scale in events or operations."""
    return compact(round(value))


def scale_seconds(value: float) -> str:
    """Return a value of the scale in seconds; thousands as ``2k s``, for the gutter is narrow."""
    if value < 1000:
        return f"{value:.0f} s"
    return f"{value / 1000:.0f}k s" if value < 100_000 else f"{compact(round(value))}s"
