"""The effect of the controls: depth, lag, rows and hit rate, each with its recent history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import percent
from cachedesk.desk.views.charts import scale_count, scale_seconds
from cachedesk.desk.views.formats import compact, left, right, span
from cachedesk.desk.views.scales import Step, bar, step_up, step_up_seconds

_LABEL, _FIGURE, _SCALE = 9, 24, 8
_RECENT_TICKS = 5


@dataclass(frozen=True, slots=True)
class Trace:
    """A figure and its history.

    Args:
        label: its name.
        figure: its value now.
        values: its history, oldest first.
        least_top: the minimum of the top of its scale.
        scale: formats the top of the scale.
        step: returns the steps of the scale.
    """

    label: str
    figure: str
    values: tuple[float, ...]
    least_top: float
    scale: Callable[[float], str]
    step: Step = step_up


def traces(snapshot: Snapshot) -> tuple[Trace, ...]:
    """Return the figures that the controls affect."""
    ticks = snapshot.ticks
    recent = ticks[-_RECENT_TICKS:]
    tick_seconds = max(0.001, snapshot.tick_seconds)
    hits = sum(tick.hits for tick in recent)
    reads = hits + sum(tick.misses for tick in recent)
    rows = round(sum(tick.rows for tick in recent) / max(1, len(recent)) / tick_seconds)
    depths = tuple(float(tick.depth) for tick in ticks)
    lags = tuple(tick.lag_seconds for tick in ticks)
    rates = tuple(tick.rows / tick_seconds for tick in ticks)
    shares = tuple(tick.hits / max(1, tick.hits + tick.misses) for tick in ticks)
    waiting = span(snapshot.log.oldest_seconds)
    return (
        Trace("depth", compact(snapshot.log.depth), depths, 10, scale_count),
        Trace("lag", waiting, lags, 0.1, scale_seconds, step_up_seconds),
        Trace("rows", f"{compact(rows)}/s", rates, 10, lambda top: f"{scale_count(top)}/s"),
        Trace("hit rate", percent(hits, reads), shares, 1.0, lambda top: "100 %"),
    )


def figures(all_traces: tuple[Trace, ...]) -> tuple[str, str]:
    """Return the figures without their history, as two short lines."""
    depth, lag, rows, hits = (f"{trace.label} {trace.figure}" for trace in all_traces)
    return f"{depth} · {lag}", f"{rows} · {hits}"


class ControlEffect(Widget):
    """Draws a line for each figure if there is room, else two lines of figures."""

    DEFAULT_CSS = "ControlEffect { height: 4; }"
    ALLOW_SELECT = False

    shown: reactive[tuple[Trace, ...]] = reactive(())

    def render(self) -> Content:
        """Return the lines."""
        width, height = self.size
        if height < len(self.shown):
            return Content("\n").join(
                Content.styled(left(line, width), "$text-accent") for line in figures(self.shown)
            )
        return Content("\n").join(_line(trace, width) for trace in self.shown)


def _line(trace: Trace, width: int) -> Content:
    columns = max(0, width - _LABEL - _FIGURE - _SCALE - 2)
    values = trace.values[-columns:] if columns else ()
    top = trace.step(max(values, default=0.0), trace.least_top)
    drawn = "".join(bar(value / top, 1) for value in values)
    return Content.assemble(
        (left(trace.label, _LABEL), "$foreground 75%"),
        (left(trace.figure, _FIGURE), "bold $text-accent"),
        " ",
        (drawn.rjust(columns), "$primary"),
        (right(trace.scale(top), _SCALE) if columns else "", "$foreground 75%"),
    )
