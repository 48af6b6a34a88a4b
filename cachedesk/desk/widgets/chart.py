"""A bar chart over time with a fixed, printed scale, and the faults drawn on its axis line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cachedesk.core.snapshot import Mark, Snapshot, Tick
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.views.charts import ChartSpec, Notes
from cachedesk.desk.views.formats import cut, left, right
from cachedesk.desk.views.history import AxisCell, Window, as_of, axis
from cachedesk.desk.views.mark_names import MarkNames, Name, mark_names, numbers_on_axis
from cachedesk.desk.views.scales import bar, step_up
from cachedesk.desk.views.timespan import NOW, Timespan

_GUTTER = 6
"""The width of the printed scale at the left, in cells."""

NO_DATA = "·"
ALERT = "!"


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


@dataclass(frozen=True, slots=True)
class Rows:
    """The number of rows of each part of a chart; a low chart lacks some of them."""

    title: int
    notes: int
    plot: int
    names: int
    time: int

    @classmethod
    def within(cls, height: int, *, framed: bool, notes: int = 2, names: int = 1) -> Rows:
        """Divide ``height`` rows between the axis, the time, and lines of ``notes`` and ``names``.

        A framed chart has its title in the frame and needs no row for it.
        """
        title = 0 if framed else 1
        time = 1 if height >= 5 else 0
        notes = min(notes, max(0, min(2, height - 6)) if height < 12 else height // 3)
        names = min(max(1, names), cls.most_names(height, framed=framed))
        plot = max(1, height - title - notes - 1 - names - time)
        return cls(title, notes, plot, names, time)

    @staticmethod
    def most_names(height: int, *, framed: bool) -> int:
        """Return the maximum number of lines of names."""
        return max(0, 1 + (height - (8 if framed else 9)) // 10)


def joined(pieces: Sequence[str], width: int) -> str:
    """Return the pieces as one line with the widest separator that fits into ``width`` cells; if
    none fits, without the last pieces."""
    lines = (
        gap.join(pieces[:count])
        for count in range(len(pieces), 0, -1)
        for gap in (" · ", ", ", " ")
    )
    return next((line for line in lines if cell_len(line) <= width), "".join(pieces[:1]))


class Chart(PanelWidget[ChartView]):
    """Draws one ``ChartSpec``: title with figure, notes, plot, axis with faults, time."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--number",
        "chart--title",
        "chart--figure",
        "chart--note",
        "chart--bar",
        "chart--crest",
        "chart--alert",
        "chart--axis",
        "chart--fault",
        "chart--past-fault",
    }
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        padding: 0 0 0 1;
        & > .chart--number { color: $foreground 75%; }
        & > .chart--title { text-style: bold; }
        &:focus > .chart--title { text-style: bold reverse; }
        & > .chart--figure { text-style: bold; color: $text-primary; }
        & > .chart--note { color: $foreground 75%; }
        & > .chart--bar { color: $primary 45%; }
        & > .chart--crest { color: $primary; }
        & > .chart--alert { color: $text-error; text-style: bold; }
        & > .chart--axis { color: $foreground 70%; }
        & > .chart--fault { color: $text-error; text-style: bold; }
        & > .chart--past-fault { color: $text-warning; }
    }
    """

    view: reactive[ChartView] = reactive(ChartView())

    HELP = "+ and - zoom, ← and → look back, Enter expands."
    can_focus = True

    def __init__(self, title: PanelTitle, *, chart: ChartSpec, meaning: str) -> None:
        super().__init__(id=chart.name)
        self._title = title
        self._chart = chart
        self._meaning = meaning
        self.top = chart.least_top
        self._lines: list[Strip] = []
        self._drawn: tuple[ChartView, int, Size] | None = None
        self._framed_title = Content()

    def show(self, share: ChartView) -> None:
        """Show this view."""
        self.view = share

    @property
    def help_text(self) -> str:
        """What the chart measures, and its keys."""
        return f"{self._meaning} {self.HELP}"

    def watch_view(self, view: ChartView) -> None:
        """Put the title and the figure into the frame."""
        title = self._title.framed(Content.styled(view.figure, "bold $text-primary"))
        if not title.is_same(self._framed_title):
            self._framed_title = title
            self.border_title = title

    @property
    def _framed(self) -> bool:
        return self.outer_size.height > self.size.height

    @property
    def _shared_width(self) -> int:
        # All charts are drawn as wide as the narrowest: with different widths they would have
        # different windows, and faults would not line up.
        row = self.parent
        if not isinstance(row, Widget):
            return self.size.width
        shown = (chart.size.width for chart in row.query(Chart) if chart.display)
        return max(1, min(shown, default=self.size.width))

    def notify_style_update(self) -> None:
        """Discard the drawing, which may have the colours of another theme."""
        self._drawn = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Return line ``y``; the first call draws all lines."""
        drawn = (self.view, self._shared_width, self.size)
        if self._drawn != drawn:
            self._lines = self._draw(self._shared_width, self.size.height)
            self._drawn = drawn
        if y < len(self._lines):
            return self._lines[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"chart--{name}")

    def _draw(self, width: int, height: int) -> list[Strip]:
        view = self.view
        window = Window.ending(
            view.at, view.tick_seconds, max(1, width - _GUTTER), view.timespan.seconds
        )
        framed = self._framed
        names = mark_names(view.marks, window, Rows.most_names(height, framed=framed))
        lines_of_names = names.lines
        rows = Rows.within(height, framed=framed, notes=len(view.notes), names=len(lines_of_names))
        lines = [self._title_row(width)] * rows.title
        lines += [
            _strip((left(joined(note, width), width), self._part_style("note")))
            for note in self.view.notes[: rows.notes]
        ]
        lines += self._plot(window, rows.plot)
        lines.append(self._axis(window, names))
        lines += [self._names(row) for row in lines_of_names[: rows.names]]
        lines += [_strip(("", self._part_style("axis")))] * (rows.names - len(lines_of_names))
        if rows.time:
            lines.append(self._time(window))
        return [
            line.adjust_cell_length(self.size.width, self.rich_style) for line in lines[:height]
        ]

    def _title_row(self, width: int) -> Strip:
        figure = cut(self.view.figure, width) + " "
        if width - cell_len(figure) < len(self._title.text) + 1:
            # The title says nearly the same as the first word of the figure.
            figure = figure.removeprefix("lag ")
        room = width - cell_len(figure)
        # Without room for the whole title the number is dropped first.
        number = f"{self._title.number} " if room > len(self._title.text) + 2 else ""
        return _strip(
            (number, self._part_style("number")),
            (left(self._title.text, room - len(number) - 1) + " ", self._part_style("title")),
            (figure, self._part_style("figure")),
        )

    def _plot(self, window: Window, height: int) -> list[Strip]:
        buckets = window.buckets(self.view.ticks)
        tick_seconds = self.view.tick_seconds
        values = [self._chart.measure(bucket, len(bucket) * tick_seconds) for bucket in buckets]
        if self._chart.grows:
            highest = max((value for value in values if value is not None), default=0.0)
            # The scale never shrinks, so that a lower bar always means a lower value.
            self.top = max(self.top, step_up(highest, self._chart.least_top))
        columns = [
            NO_DATA.rjust(height) if value is None else bar(value / self.top, height)
            for value in values
        ]
        alerts = [self._chart.alert(bucket) for bucket in buckets]
        return [
            _strip(
                (self._scale_label(row, height), self._part_style("axis")),
                *self._plot_row(row, columns, alerts, self._bar_style(row, height)),
            )
            for row in range(height)
        ]

    def _plot_row(
        self, row: int, columns: Sequence[str], alerts: Sequence[bool], bar_style: Style
    ) -> list[tuple[str, Style]]:
        quiet, alarm = self._part_style("axis"), self._part_style("alert")
        pieces: list[tuple[str, Style]] = []
        for column, alert in zip(columns, alerts, strict=True):
            cell = column[row]
            if alert and row == 0 and cell == " ":
                pieces.append((ALERT, alarm))
                continue
            pieces.append((cell, quiet if cell == NO_DATA else alarm if alert else bar_style))
        return pieces

    def _bar_style(self, row: int, height: int) -> Style:
        # A gradient from a bright top to a dim foot emphasises the outline, not the area.
        top = self.get_component_styles("chart--crest").color
        foot = self.get_component_styles("chart--bar").color
        colour = top.blend(foot, row / max(1, height - 1))
        return self.rich_style + Style(color=(self.background_colors[1] + colour).rich_color)

    def _scale_label(self, row: int, height: int) -> str:
        label = self._chart.scale(self.top) if row == 0 else ""
        return right(label, _GUTTER - 1) + ("┤" if row == 0 else "│")

    def _axis(self, window: Window, names: MarkNames) -> Strip:
        fault, past, quiet = (
            self._part_style("fault"),
            self._part_style("past-fault"),
            self._part_style("axis"),
        )
        alive = axis([mark for mark in self.view.marks if mark.end_at is None], window)
        pieces = [(right("0", _GUTTER - 1) + "┼", quiet)]
        numbers = numbers_on_axis(self.view.marks, window, names.numbers)
        cells = zip(axis(self.view.marks, window), alive, strict=True)
        for column, (cell, still) in enumerate(cells):
            style = quiet if cell is AxisCell.QUIET else past if still is AxisCell.QUIET else fault
            pieces.append((numbers.get(column, cell.value), style))
        return _strip(*pieces)

    def _names(self, row: Sequence[Name]) -> Strip:
        pieces = [(" " * _GUTTER, self._part_style("axis"))]
        used = 0
        for name in row:
            style = self._part_style("fault" if name.active else "past-fault")
            pieces += [(" " * (name.column - used), style), (name.text, style)]
            used = name.column + len(name.text)
        return _strip(*pieces)

    def _time(self, window: Window) -> Strip:
        back = self.view.timespan.back_seconds
        oldest = f"-{window.seconds + back:.0f} s"
        newest = f"-{back:.0f} s" if back else "now"
        return _strip(
            (" " * _GUTTER, self._part_style("axis")),
            (left(oldest, window.width - len(newest)) + newest, self._part_style("axis")),
        )


def _strip(*pieces: tuple[str, Style]) -> Strip:
    # One segment per run of one style: a row of bars is mostly a single run.
    runs = groupby(pieces, key=itemgetter(1))
    return Strip([Segment("".join(text for text, _ in run), style) for style, run in runs])
