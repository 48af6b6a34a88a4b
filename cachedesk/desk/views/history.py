"""The time axis of the charts: which column a time falls into, and which faults were active."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cachedesk.core.snapshot import Mark, Snapshot, Tick
from cachedesk.desk.views.timespan import DEFAULT_SECONDS

_RECENT_TICKS = 5
_MOST_LATE_TICKS = 4


def recent(snapshot: Snapshot) -> tuple[Tick, ...]:
    """Return the newest ticks, from which rates are computed: up to five, to smooth them.

    All of them are from the same state of the stack: ticks from before a fault began or ended, or
    from before Redis went down, are left out. The newest tick is always returned.
    """
    ticks = snapshot.ticks[-_RECENT_TICKS:]
    faults = (mark for mark in snapshot.marks if not mark.is_bookmark)
    edges = [at for mark in faults for at in (mark.start_at, mark.end_at) if at is not None]
    turned_at = max((at for at in edges if at <= snapshot.at), default=-math.inf)
    if ticks and not snapshot.redis.known and not ticks[-1].hits:
        turned_at = max([turned_at, *(tick.at for tick in ticks if tick.hits)])
    # Ticks end by a timer, which is not exact.
    tick_seconds = 0.9 * snapshot.tick_seconds
    return tuple(tick for tick in ticks if tick.at - tick_seconds >= turned_at) or ticks[-1:]


@dataclass(frozen=True, slots=True)
class Window:
    """The time window of a chart: ``width`` columns of whole ticks, the newest at the right.

    Times are counted in ticks. A column holds the same ticks whenever it is drawn, so the chart
    moves to the left without flickering. If there are more columns than ticks, a tick takes
    ``columns_per_tick`` columns.
    """

    width: int
    tick_seconds: float
    ticks_per_column: int
    newest_at: float
    columns_per_tick: int = 1

    @classmethod
    def ending(
        cls,
        newest_at: float,
        tick_seconds: float,
        width: int,
        wanted_seconds: float = DEFAULT_SECONDS,
    ) -> Window:
        """Return the window that ends at ``newest_at`` and shows at least ``wanted_seconds``."""
        tick_seconds = max(tick_seconds, 0.001)
        wanted_ticks = max(1, math.ceil(wanted_seconds / tick_seconds))
        width = max(1, width)
        return cls(
            width,
            tick_seconds,
            math.ceil(wanted_ticks / width),
            newest_at,
            max(1, width // wanted_ticks),
        )

    @property
    def seconds(self) -> float:
        """The length of the window in seconds."""
        return self.width * self.ticks_per_column * self.tick_seconds / self.columns_per_tick

    def column(self, at: float) -> int:
        """Return the last column of the time ``at``; below 0 if it is older than the window."""
        newest = round(self.newest_at / self.tick_seconds)
        # Relative to the newest tick: timers are late by far less than half a tick.
        tick = newest - round((self.newest_at - at) / self.tick_seconds)
        newest_bucket = newest // self.ticks_per_column
        age = newest_bucket - tick // self.ticks_per_column
        return self.width - 1 - age * self.columns_per_tick

    def buckets(self, ticks: Sequence[Tick]) -> list[list[Tick]]:
        """Return the ticks of each column, oldest column first; a column may have none.

        A tick counts what happened since the previous one. One that is late, because the machine
        is busy, also fills the columns that it missed; a longer gap stays empty.
        """
        buckets: list[list[Tick]] = [[] for _ in range(self.width)]
        most = (self.width // self.columns_per_tick + 1) * self.ticks_per_column
        before: Tick | None = None
        for tick in ticks[-most:]:
            last = self.column(tick.at)
            first = last - self.columns_per_tick + 1
            if before and tick.at - before.at < _MOST_LATE_TICKS * self.tick_seconds:
                first = min(first, self.column(before.at) + 1)
            for column in range(max(0, first), min(last + 1, self.width)):
                buckets[column].append(tick)
            before = tick
        return buckets


class AxisCell(Enum):
    """A column of the axis line; the value is its character."""

    QUIET = "─"
    START = "▼"
    ACTIVE = "━"
    END = "▲"
    BOTH = "◆"


def axis(marks: Sequence[Mark], window: Window) -> list[AxisCell]:
    """Return the axis line, with each fault from its start to its end.

    If faults share a column, a start or an end takes precedence over the line between them;
    ``BOTH`` stands for a start and an end.
    """
    cells = [AxisCell.QUIET] * window.width
    for mark in marks:
        last = last_column(mark, window)
        for column in range(max(0, window.column(mark.start_at)), min(last, window.width - 1) + 1):
            cells[column] = AxisCell.ACTIVE
    for mark in marks:
        _put(cells, window.column(mark.start_at), AxisCell.START)
        if mark.end_at is not None:
            _put(cells, window.column(mark.end_at), AxisCell.END)
    return cells


def last_column(mark: Mark, window: Window) -> int:
    """Return the last column of ``mark``; below 0 if it is older than the window."""
    return window.width - 1 if mark.end_at is None else window.column(mark.end_at)


def _put(cells: list[AxisCell], column: int, cell: AxisCell) -> None:
    if not 0 <= column < len(cells):
        return
    edges = (AxisCell.START, AxisCell.END, AxisCell.BOTH)
    cells[column] = AxisCell.BOTH if cells[column] in edges and cells[column] != cell else cell
