"""The time axis of the charts: which column a moment falls into, and which fault was on then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cachedesk.engine.snapshot import Mark, Tick

WANTED_SECONDS = 60.0
"""A chart shows at least this much time, however narrow it is."""


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time a chart shows: ``width`` columns of whole ticks, newest at the right.

    Moments are counted in ticks. A column always holds the same ticks, whenever it is drawn, so
    the picture moves to the left and never trembles.
    """

    width: int
    tick_seconds: float
    ticks_per_column: int
    newest_at: float

    @classmethod
    def ending(cls, newest_at: float, tick_seconds: float, width: int) -> Window:
        """Return the window of ``width`` columns whose last one holds ``newest_at``."""
        tick_seconds = max(tick_seconds, 0.001)
        ticks = math.ceil(WANTED_SECONDS / (max(1, width) * tick_seconds))
        return cls(width, tick_seconds, max(1, ticks), newest_at)

    @property
    def seconds(self) -> float:
        """How much time the window shows."""
        return self.width * self.ticks_per_column * self.tick_seconds

    def column(self, at: float) -> int:
        """Return the column that holds ``at``; below 0 when it is older than the window."""
        newest = round(self.newest_at / self.tick_seconds)
        # Counted from the newest tick: a late timer moves a tick by far less than half a tick.
        tick = newest - round((self.newest_at - at) / self.tick_seconds)
        newest_bucket = newest // self.ticks_per_column
        return self.width - 1 - (newest_bucket - tick // self.ticks_per_column)

    def buckets(self, ticks: Sequence[Tick]) -> list[list[Tick]]:
        """Return the ticks of each column, oldest column first; a column may have none."""
        buckets: list[list[Tick]] = [[] for _ in range(self.width)]
        for tick in ticks[-(self.width + 1) * self.ticks_per_column :]:
            column = self.column(tick.at)
            if 0 <= column < self.width:
                buckets[column].append(tick)
        return buckets


class AxisCell(Enum):
    """What stands in one column of the axis line; the value is its character."""

    QUIET = "─"
    START = "▼"
    ACTIVE = "━"
    END = "▲"
    BOTH = "◆"


def axis(marks: Sequence[Mark], window: Window) -> list[AxisCell]:
    """Return the axis line: each fault from its start to its end, on the columns it lasted.

    Where faults share a column, a start or an end wins over the line between them, and ``BOTH``
    says that something started and something ended there.
    """
    cells = [AxisCell.QUIET] * window.width
    for mark in marks:
        last = _last_column(mark, window)
        for column in range(max(0, window.column(mark.start_at)), min(last, window.width - 1) + 1):
            cells[column] = AxisCell.ACTIVE
    for mark in marks:
        _put(cells, window.column(mark.start_at), AxisCell.START)
        if mark.end_at is not None:
            _put(cells, window.column(mark.end_at), AxisCell.END)
    return cells


@dataclass(frozen=True, slots=True)
class Name:
    """A fault's name on the line under the axis, from this column on."""

    column: int
    text: str
    active: bool


def mark_names(marks: Sequence[Mark], window: Window) -> list[Name]:
    """Return each fault's name under its start, left to right, where there is room for it.

    The newest faults are placed first: what goes on now is named before what is over.
    """
    names: list[Name] = []
    free_until = window.width + 1
    for mark in sorted(marks, key=lambda mark: mark.start_at, reverse=True):
        if _last_column(mark, window) < 0:
            continue
        wanted = max(0, window.column(mark.start_at))
        start = min(wanted, free_until - 1 - len(mark.name))
        # A name may move to the left to stay whole, but not away from its mark.
        if start < 0 or wanted >= start + len(mark.name):
            continue
        names.insert(0, Name(start, mark.name, mark.end_at is None))
        free_until = start
    return names


def _last_column(mark: Mark, window: Window) -> int:
    return window.width - 1 if mark.end_at is None else window.column(mark.end_at)


def _put(cells: list[AxisCell], column: int, cell: AxisCell) -> None:
    if not 0 <= column < len(cells):
        return
    edges = (AxisCell.START, AxisCell.END, AxisCell.BOTH)
    cells[column] = AxisCell.BOTH if cells[column] in edges and cells[column] != cell else cell
