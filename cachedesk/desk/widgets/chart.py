"""A bar chart over time with a printed scale, and the faults drawn on its axis line."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cachedesk.desk.contrast import faded, readable
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.views.chart_layout import title_parts
from cachedesk.desk.views.chart_lines import ChartLines, Part, Piece, Scale
from cachedesk.desk.views.chart_view import ChartView, Columns
from cachedesk.desk.views.charts import ChartSpec
from cachedesk.desk.views.scales import fitted

CREST_CONTRAST = 6.0
BAR_CONTRAST = 2.6
"""The contrast of the top of a bar, and of the rest of it, with the ground."""


_CORNERS = 6
"""The cells of the upper border that a title cannot have."""


def framed_title(title: PanelTitle, figure: str, width: int) -> Content:
    """Return the title of a frame and the figure, in at most ``width`` cells if there is a width
    yet."""
    figure_style = "bold $text-primary"
    whole = title.framed(Content.styled(figure, figure_style))
    if width <= 0 or whole.cell_length <= width:
        return whole
    number, text, shown = title_parts(title.number, title.text, figure, width)
    gap = " " if text and shown else ""
    return Content.assemble((number, "$foreground 75%"), (text, "bold"), gap, (shown, figure_style))


class Chart(PanelWidget[ChartView]):
    """Draws one ``ChartSpec``: title with figure, notes, plot, axis with faults, time."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"chart--{part}" for part in Part}
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        padding: 0 0 0 1;
        & > .chart--number { color: $foreground 75%; }
        & > .chart--title { text-style: bold; }
        &:focus > .chart--title { text-style: bold reverse; }
        & > .chart--figure { text-style: bold; color: $text-primary; }
        & > .chart--note { color: $foreground 75%; }
        & > .chart--bar { color: $primary; }
        & > .chart--crest { color: $primary; }
        & > .chart--alert { color: $text-error; text-style: bold; }
        & > .chart--axis { color: $foreground 70%; }
        & > .chart--fault { color: $text-error; text-style: bold; }
        & > .chart--past-fault { color: $text-warning; }
        & > .chart--cursor { color: $background; background: $warning; text-style: bold; }
    }
    """

    view: reactive[ChartView] = reactive(ChartView())

    HELP = "+ and - zoom, ← and → go through time, Enter expands."
    can_focus = True

    def __init__(self, title: PanelTitle, *, chart: ChartSpec, meaning: str) -> None:
        super().__init__(id=chart.name)
        self._title = title
        self._chart = chart
        self._meaning = meaning
        self.top = chart.least_top
        """The value at the top of the scale."""
        self._partner: Chart | None = None
        self._lines: list[Strip] = []
        self._drawn: tuple[ChartView, ChartView | None, int, Size] | None = None
        self._styles: dict[Part, Style] | None = None
        self._width = 0
        self._framed_title = Content()

    def share_scale(self, other: Chart) -> None:
        """Have both charts draw with one scale, so that equal heights mean equal values."""
        self._partner, other._partner = other, self

    def show(self, share: ChartView) -> None:
        """Show this view."""
        self.view = share

    @property
    def help_text(self) -> str:
        """What the chart measures, and its keys."""
        return f"{self._meaning} {self.HELP}"

    def watch_view(self, view: ChartView) -> None:
        """Put the title and the figure into the frame."""
        self._show_title()

    def on_resize(self) -> None:
        """Fit the title into the frame."""
        self._show_title()

    def _show_title(self) -> None:
        title = framed_title(self._title, self.view.figure, self.outer_size.width - _CORNERS)
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
        charts = (chart for chart in row.children if isinstance(chart, Chart))
        shown = (chart.size.width for chart in charts if chart.display)
        return max(1, min(shown, default=self.size.width))

    @property
    def _chart_lines(self) -> ChartLines:
        number, title = self._title.number, self._title.text
        width, height = self._shared_width, self.size.height
        return ChartLines(number, title, self.view, width, height, self._framed)

    @property
    def _columns(self) -> Columns:
        return Columns.of(self._chart, self.view, self._chart_lines.window)

    @property
    def _time(self) -> str:
        return self.view.time_line(self._chart_lines.window)

    def _show_time(self) -> None:
        self.border_subtitle = self._time

    def notify_style_update(self) -> None:
        """Discard the drawing, which may have the colours of another theme."""
        self._drawn = self._styles = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Return line ``y``; the first call draws all lines."""
        if y == 0 or self._drawn is None:
            # Only here: what else changes the width of a chart redraws all lines of all charts.
            self._width = self._shared_width
        partner = self._partner.view if self._partner is not None else None
        drawn = (self.view, partner, self._width, self.size)
        if self._drawn != drawn:
            self._lines = self._draw()
            self._drawn = drawn
        if y < len(self._lines):
            return self._lines[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> list[Strip]:
        if self._time != str(self.border_subtitle):
            # Known only now, because the time depends on the width of all charts of the row.
            self.call_later(self._show_time)
        columns = self._columns
        lines = self._chart_lines.drawn(columns, self._scale(columns))
        if self._styles is None:
            self._styles = self._part_styles()
        styles, width, ground = self._styles, self.size.width, self.rich_style
        return [_strip(line, styles).adjust_cell_length(width, ground) for line in lines]

    def _scale(self, columns: Columns) -> Scale:
        if self._chart.grows:
            highest = columns.highest
            if self._partner is not None:
                highest = max(highest, self._partner._columns.highest)
            self.top = fitted(self.top, highest, self._chart.least_top, self._chart.step)
            if self._partner is not None:
                self._partner.top = self.top
        return Scale(self.top, self._chart.scale(self.top))

    def _part_styles(self) -> dict[Part, Style]:
        styles = {part: self.get_component_rich_style(f"chart--{part}") for part in Part}
        ground = self.background_colors[1]
        primary = self.get_component_styles("chart--crest").color
        if primary.ansi is not None:
            # What the terminal's own palette looks like is unknown; its text can be read.
            return styles | {Part.CREST: self.rich_style}
        crest = readable(primary, ground, CREST_CONTRAST)
        bar = faded(crest, ground, BAR_CONTRAST)
        return styles | {
            part: self.rich_style + Style(color=colour.rich_color)
            for part, colour in ((Part.CREST, crest), (Part.BAR, bar))
        }


def _strip(pieces: Iterable[Piece], styles: dict[Part, Style]) -> Strip:
    # One segment per run of one part: a row of bars is mostly a single run.
    runs = groupby(pieces, key=itemgetter(1))
    return Strip([Segment("".join(text for text, _ in run), styles[part]) for part, run in runs])
