"""The timeline of a key: a row for each stage that writes reach, and a bar for each write."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.key_report import KeyReport
from cachedesk.desk.views.formats import left, number, right
from cachedesk.desk.views.key_timeline import MOST_BARS, Bar, Fate, Timeline, bars, stage_rows

_GAP_CELLS = 10
_OP_CELLS = 6
_STAGE_CELLS = 9
_QUIET = "$foreground 75%"
_STYLES = {
    Fate.APPLIED: "$primary",
    Fate.WAITING: "$text-accent",
    Fate.DEAD: "bold $text-error",
    Fate.UNCLEAR: _QUIET,
}


class TimelineWidget(Widget):
    """Draws a report on a timeline that ends when the report was made."""

    report: reactive[KeyReport | None] = reactive(None)
    seconds: reactive[float] = reactive(5.0)

    @property
    def seq_cells(self) -> int:
        """The width of the seq column, in cells."""
        writes = self.report.writes if self.report is not None else ()
        longest = len(number(writes[-1].seq)) if writes else 1
        return max(longest, _STAGE_CELLS - _OP_CELLS - 1)

    @property
    def label_cells(self) -> int:
        """The width of the labels at the left, in cells, with the gap."""
        return self.seq_cells + 1 + _OP_CELLS + 2

    @property
    def line(self) -> Timeline:
        """The timeline between the labels at the left and the spans at the right."""
        at = self.report.at if self.report is not None else 0.0
        return Timeline(at, self.seconds, max(1, self.size.width - self.label_cells - _GAP_CELLS))


class KeyStageRows(TimelineWidget):
    """Draws the time axis and the three stage rows."""

    DEFAULT_CSS = """
    KeyStageRows { height: 4; text-wrap: nowrap; }
    """

    def render(self) -> Content:
        """Return the four lines."""
        if self.report is None:
            return Content()
        line = self.line
        label = self.label_cells
        axis = " " * label + line.axis() + right("took", _GAP_CELLS)
        rows = [Content.assemble((axis, _QUIET))]
        rows += [
            Content.assemble((left(row.name, label), _QUIET), *_inked(row.cells))
            for row in stage_rows(self.report, line)
        ]
        return Content("\n").join(rows)


class KeyWriteBars(TimelineWidget):
    """Draws the newest writes as bars, the newest at the bottom."""

    DEFAULT_CSS = """
    KeyWriteBars { height: auto; text-wrap: nowrap; }
    """

    def watch_report(self, report: KeyReport | None) -> None:
        """Adapt the height to the bars."""
        self._fit()

    def watch_seconds(self, seconds: float) -> None:
        """Adapt the height to the bars."""
        self._fit()

    _height = 0
    _made: tuple[KeyReport, Timeline, int] | None = None
    _bars: tuple[tuple[Bar, ...], int] = ((), 1)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The bars that are drawn."""
        return self._sampled()[0]

    @property
    def one_in(self) -> int:
        """One in this many writes is drawn."""
        return self._sampled()[1]

    def _sampled(self) -> tuple[tuple[Bar, ...], int]:
        if (report := self.report) is None:
            return (), 1
        room = self.parent.size.height if isinstance(self.parent, Widget) else MOST_BARS
        line = self.line
        if self._made is None or self._made[0] is not report or self._made[1:] != (line, room):
            self._made = (report, line, room)
            self._bars = bars(report, line, room)
        return self._bars

    def on_resize(self) -> None:
        """Adapt the height to the bars for the new width."""
        self._fit()

    def _fit(self) -> None:
        height = max(1, len(self.bars))
        if height != self._height:
            self._height = height
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return a line for each bar."""
        return self._height

    def render(self) -> Content:
        """Return the bars."""
        if self.report is None:
            return Content()
        if not (shown := self.bars):
            return Content.assemble(("no recent write of this key", _QUIET))
        return Content("\n").join([_drawn(bar, self.seq_cells) for bar in shown])


def _drawn(bar: Bar, seq_cells: int) -> Content:
    style = _STYLES[bar.fate]
    label = f"{right(bar.seq, seq_cells)} {left(bar.op, _OP_CELLS)}  "
    # Pending and applied writes have different characters; the colour only supports that.
    return Content.assemble(
        (label, _QUIET), (bar.cells, style), (right(bar.gap, _GAP_CELLS), style)
    )


def _inked(cells: str) -> list[tuple[str, str]]:
    runs: list[tuple[str, str]] = []
    for cell in cells:
        style = "$foreground 30%" if cell in "─·" else "bold $primary"
        if runs and runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + cell, style)
        else:
            runs.append((cell, style))
    return runs
