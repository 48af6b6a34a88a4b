"""The lines of a chart as pieces of text, each with the part of the chart that it belongs to.

Pure: the widget gives each part its style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len

from cachedesk.desk.views.chart_layout import GUTTER, Rows, flowed, joined, title_parts
from cachedesk.desk.views.chart_view import CURSOR, ChartView, Columns
from cachedesk.desk.views.formats import left, right
from cachedesk.desk.views.history import AxisCell, Window, axis
from cachedesk.desk.views.mark_names import MarkNames, Name, mark_names, numbers_on_axis
from cachedesk.desk.views.scales import bar

ALERT = "!"
_THIN = "▁▂▃"
"""Cells that are too thin for a crest: the cell below is part of it."""


class Part(StrEnum):
    """A part of a chart; the value is the name of its style."""

    NUMBER = "number"
    TITLE = "title"
    FIGURE = "figure"
    NOTE = "note"
    BAR = "bar"
    CREST = "crest"
    ALERT = "alert"
    AXIS = "axis"
    FAULT = "fault"
    PAST_FAULT = "past-fault"
    CURSOR = "cursor"


Piece = tuple[str, Part]


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of a chart: the value at its top, and that value as text."""

    top: float
    label: str


@dataclass(frozen=True, slots=True)
class ChartLines:
    """Draws one chart.

    Args:
        number: of its panel.
        title: of its panel; both stand in the first line, unless the chart is framed.
        view: what it shows.
        width: its width in cells.
        height: its rows.
        framed: whether title and time are in its frame.
    """

    number: int
    title: str
    view: ChartView
    width: int
    height: int
    framed: bool

    @property
    def window(self) -> Window:
        """The window of the columns."""
        return self.view.window(self.width - GUTTER)

    def drawn(self, columns: Columns, scale: Scale) -> list[list[Piece]]:
        """Return the lines from top to bottom, at most ``height``.

        Args:
            columns: those of ``view`` in ``window``.
            scale: holds the highest value of the columns.
        """
        window = self.window
        most_names = Rows.most_names(self.height, framed=self.framed)
        names = mark_names(self.view.marks, window, most_names, GUTTER)
        notes = flowed(
            self.view.notes, self.width, Rows.most_notes(self.height, framed=self.framed)
        )
        rows = Rows.within(
            self.height, framed=self.framed, notes=len(notes), names=len(names.lines)
        )
        lines = [self._title_row()] * rows.title
        lines += [[(left(joined(note, self.width), self.width), Part.NOTE)] for note in notes]
        lines += plot(columns, scale, rows.plot)
        lines.append(self._axis(window, columns, names))
        # A legend takes the room under the scale as well.
        margin = 0 if names.numbers else GUTTER
        lines += [_names(row, margin) for row in names.lines]
        if rows.time:
            lines.append(self._time(window))
        return lines[: self.height]

    def _title_row(self) -> list[Piece]:
        room = self.width - 1
        number, title, figure = title_parts(self.number, self.title, self.view.figure, room)
        gap = " " * (room - cell_len(number) - cell_len(title) - cell_len(figure))
        return [
            (number, Part.NUMBER),
            (f"{title}{gap}", Part.TITLE),
            (f"{figure} ", Part.FIGURE),
        ]

    def _axis(self, window: Window, columns: Columns, names: MarkNames) -> list[Piece]:
        marks = self.view.marks
        cells = axis(marks, window)
        alive = axis([mark for mark in marks if mark.end_at is None], window)
        cursor = self.view.cursor(window)
        hidden = () if cursor is None else (cursor,)
        numbers = numbers_on_axis(marks, window, names.numbers, hidden)
        since = _before_the_history(columns, cells)
        line = [(right("0", GUTTER - 1) + "┼", Part.AXIS)]
        for column, (cell, active) in enumerate(zip(cells, alive, strict=True)):
            if column == cursor:
                line.append((CURSOR, Part.CURSOR))
            elif cell is not AxisCell.QUIET or column in numbers:
                part = Part.PAST_FAULT if active is AxisCell.QUIET else Part.FAULT
                line.append((numbers.get(column, cell.value), part))
            elif columns.covered[column]:
                line.append((cell.value, Part.AXIS))
            else:
                line.append((since[column] if column < len(since) else " ", Part.AXIS))
        return line

    def _time(self, window: Window) -> list[Piece]:
        oldest, newest = self.view.times(window)
        room = window.width - len(newest)
        time = (left(oldest, room) + newest)[-window.width :]
        cursor = self.view.cursor(window)
        if cursor is None:
            return [(" " * GUTTER + time, Part.AXIS)]
        moment = self.view.moment
        start = max(0, min(cursor - len(moment) // 2, window.width - len(moment)))
        before, after = time[:start], time[start + len(moment) :]
        # A time that is covered in part would be read wrongly.
        if start <= len(oldest):
            before = " " * start
        if len(after) <= len(newest):
            after = " " * len(after)
        return [
            (" " * GUTTER + before, Part.AXIS),
            (moment[: window.width], Part.CURSOR),
            (after, Part.AXIS),
        ]


def plot(columns: Columns, scale: Scale, height: int) -> Iterator[list[Piece]]:
    """Yield the rows of the bars with the scale at their left, from top to bottom.

    Args:
        columns: the values; where nothing was measured, the column stays blank.
        scale: the value of a full bar, above 0.
        height: the number of rows.
    """
    bars = [
        _bar(value, alert, scale.top, height)
        for value, alert in zip(columns.values, columns.alerts, strict=True)
    ]
    for row in range(height):
        label = right(scale.label, GUTTER - 1) + "┤" if row == 0 else " " * (GUTTER - 1) + "│"
        yield [(label, Part.AXIS), *(pieces[row] for pieces in bars)]


def _bar(value: float | None, alert: bool, top: float, height: int) -> list[Piece]:
    """Return one column from top to bottom: a bright crest, so that its outline stands out."""
    cells = bar((value or 0.0) / top, height)
    if alert:
        return [
            (ALERT if row == 0 and cell == " " else cell, Part.ALERT)
            for row, cell in enumerate(cells)
        ]
    crest = height - len(cells.lstrip())
    crest_end = crest + 1 + (cells[crest : crest + 1] in _THIN)
    return [(cell, Part.CREST if row < crest_end else Part.BAR) for row, cell in enumerate(cells)]


def _before_the_history(columns: Columns, cells: Sequence[AxisCell]) -> str:
    """Return the blank start of the axis, which ends with the time at which the history begins."""
    blank = columns.covered.index(True) if columns.since else 0
    if len(columns.since) + 1 > blank or any(cell is not AxisCell.QUIET for cell in cells[:blank]):
        return ""
    return right(f"{columns.since} ", blank)


def _names(row: Sequence[Name], margin: int) -> list[Piece]:
    line = [(" " * margin, Part.AXIS)]
    used = 0
    for name in row:
        part = Part.FAULT if name.active else Part.PAST_FAULT
        line.append((" " * (name.column - used) + name.text, part))
        used = name.column + len(name.text)
    return line
