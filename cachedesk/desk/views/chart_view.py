"""What a chart over time shows: its figures, its ticks and marks, and the columns they come to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cachedesk.core.snapshot import Mark, Snapshot, Tick
from cachedesk.desk.views.charts import ChartSpec, Notes
from cachedesk.desk.views.formats import clock, span
from cachedesk.desk.views.history import Window, as_of
from cachedesk.desk.views.timespan import NOW, Timespan

_MOST = 1e15
"""Higher values, as a damaged recording may have them, are drawn as this one."""


@dataclass(frozen=True, slots=True)
class ChartView:
    """What a chart shows: its figures, the history that they come from, and the timespan.

    ``at``: the end of the window, ``timespan.back_seconds`` before the newest tick.
    """

    figure: str = ""
    notes: Notes = ()
    at: float = 0.0
    timespan: Timespan = NOW
    tick_seconds: float = 0.5
    ticks: tuple[Tick, ...] = ()
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, chart: ChartSpec, snapshot: Snapshot, timespan: Timespan = NOW) -> ChartView:
        """Return the view of ``chart`` for ``snapshot``, or for an earlier time in its history."""
        newest_at = snapshot.ticks[-1].at if snapshot.ticks else snapshot.at
        notes = chart.past_notes if timespan.back_seconds else chart.notes
        if timespan.back_seconds:
            newest_at -= timespan.back_seconds
            snapshot = as_of(snapshot, newest_at)
        return cls(
            chart.figure(snapshot),
            notes(snapshot),
            newest_at,
            timespan,
            snapshot.tick_seconds,
            snapshot.ticks,
            snapshot.marks,
        )

    def window(self, width: int) -> Window:
        """Return the window of ``width`` columns."""
        return Window.ending(self.at, self.tick_seconds, max(1, width), self.timespan.seconds)

    def times(self, window: Window) -> tuple[str, str]:
        """Return the times of the first and the last column: ``-60 s`` and ``now``."""
        back = self.timespan.back_seconds
        return _ago(window.seconds + back), _ago(back) if back else "now"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a chart, the oldest first.

    ``values``: their heights; ``None`` where nothing was measured. ``alerts``: whether to mark
    each. ``covered``: whether the history has a tick for it. ``since``: the time of the first tick
    as ``since 18:31``, if the history begins within the window; else empty.
    """

    values: tuple[float | None, ...]
    alerts: tuple[bool, ...]
    covered: tuple[bool, ...]
    since: str

    @classmethod
    def of(cls, chart: ChartSpec, view: ChartView, window: Window) -> Columns:
        """Return the columns of ``view`` in ``window``."""
        buckets = window.buckets(view.ticks)
        measured = (chart.measure(bucket, len(bucket) * view.tick_seconds) for bucket in buckets)
        covered = tuple(map(bool, buckets))
        begins = bool(view.ticks) and window.column(view.ticks[0].at) > 0 and not covered[0]
        return cls(
            tuple(map(_drawable, measured)),
            tuple(map(chart.alert, buckets)),
            covered,
            f"since {clock(view.ticks[0].at)[:5]}" if begins else "",
        )

    @property
    def highest(self) -> float:
        """The highest value; 0 without one."""
        return max((value for value in self.values if value is not None), default=0.0)


def _drawable(value: float | None) -> float | None:
    return min(value, _MOST) if value is not None and math.isfinite(value) else None


def _ago(seconds: float) -> str:
    return f"-{seconds:.0f} s" if seconds < 100 else f"-{span(seconds)}"
