"""What a chart over time shows: its figures, its ticks and marks, and the columns they come to."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cachedesk.core.snapshot import Mark, Snapshot, Tick
from cachedesk.desk.views.charts import ChartSpec, Notes
from cachedesk.desk.views.formats import clock, span
from cachedesk.desk.views.history import Window
from cachedesk.desk.views.timespan import NOW, Timespan

CURSOR = "╋"
"""Stands on the axis at the moment that the desk shows."""

_MOST = 1e15
"""Higher values, as a damaged recording may have them, are drawn as this one."""


@dataclass(frozen=True, slots=True)
class ChartView:
    """What a chart shows: its figures, the history that they come from, and the timespan.

    ``at``: the end of the window. ``cursor_at``: the last tick before the moment shown, if a cursor
    marks it; ``shown_at``: that moment.
    """

    figure: str = ""
    notes: Notes = ()
    at: float = 0.0
    timespan: Timespan = NOW
    tick_seconds: float = 0.5
    ticks: tuple[Tick, ...] = ()
    marks: tuple[Mark, ...] = ()
    cursor_at: float | None = None
    shown_at: float = 0.0

    @classmethod
    def of(cls, chart: ChartSpec, snapshot: Snapshot, timespan: Timespan = NOW) -> ChartView:
        """Return the view of ``chart`` for ``snapshot``, and of what is known after it."""
        shown_at = snapshot.ticks[-1].at if snapshot.ticks else snapshot.at
        end_at, later = timespan.end_at(shown_at), timespan.later
        ticks, marks = snapshot.ticks, snapshot.marks
        if later is not None:
            ticks = tuple(tick for tick in later.ticks if tick.at <= end_at)
            marks = tuple(mark for mark in later.marks if mark.start_at <= end_at)
        marks = (*marks, *(each for each in timespan.bookmarks if each not in marks))
        return cls(
            chart.figure(snapshot),
            chart.notes(snapshot),
            end_at,
            replace(timespan, later=None, bookmarks=()),
            snapshot.tick_seconds,
            ticks,
            marks,
            shown_at if later is not None else None,
            snapshot.at,
        )

    def window(self, width: int) -> Window:
        """Return the window of ``width`` columns."""
        return Window.ending(self.at, self.tick_seconds, max(1, width), self.timespan.seconds)

    def times(self, window: Window) -> tuple[str, str]:
        """Return the times of the first and the last column: ``-60 s`` and ``now``, or times of
        day if there is a cursor, because "now" moves on while the desk shows the past."""
        if self.cursor_at is None:
            return _ago(window.seconds), "now"
        return clock(self.at - window.seconds), clock(self.at)

    @property
    def moment(self) -> str:
        """The time of day of the moment shown."""
        return clock(self.shown_at)

    def time_line(self, window: Window) -> str:
        """Return the times as one text, with that of the moment if there is a cursor."""
        oldest, newest = self.times(window)
        if self.cursor_at is None:
            return f"{oldest} … {newest}"
        line = f"{oldest} … {CURSOR} {self.moment} … {newest}"
        return line if len(line) < window.width else f"{CURSOR} {self.moment}"

    def cursor(self, window: Window) -> int | None:
        """Return the column of the moment shown; ``None`` if there is no cursor."""
        if self.cursor_at is None:
            return None
        return max(0, min(window.width - 1, window.column(self.cursor_at)))


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
