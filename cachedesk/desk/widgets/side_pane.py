"""One side of a pair: its headline, its exposure, its figures, its books, and its charts."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.panels import hit_rate, queue_depth
from cachedesk.desk.panels.hit_rate import HIT_RATE
from cachedesk.desk.panels.queue_depth import QUEUE_DEPTH
from cachedesk.desk.views.backlog import oldest_age
from cachedesk.desk.views.chart_view import ChartView
from cachedesk.desk.views.charts import hit_share, recent_ticks
from cachedesk.desk.views.formats import ABSENT, compact, cut
from cachedesk.desk.views.headline import Headline, Tone
from cachedesk.desk.views.pair_headline import side_headline
from cachedesk.desk.views.timespan import NOW, Timespan
from cachedesk.desk.widgets.books import BooksLine
from cachedesk.desk.widgets.chart import Chart
from cachedesk.desk.widgets.exposure_bar import ExposureBar
from cachedesk.desk.widgets.top_line import STYLES
from cachedesk.lab.versus.side import SideView

_CHARTS = ((HIT_RATE, hit_rate.CHART), (QUEUE_DEPTH, queue_depth.CHART))


class SideLine(Widget):
    """Draws which side this is, what distinguishes it, and its headline."""

    DEFAULT_CSS = """
    SideLine { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    view: reactive[tuple[str, Headline]] = reactive(("", Headline("starting …", Tone.WARNING)))

    def __init__(self, name: str) -> None:
        super().__init__()
        self._side_name = name.upper()

    def render(self) -> Content:
        """Return the line; the headline is cut first."""
        title, state = self.view
        glyph, style = STYLES[state.tone]
        title = cut(title, max(8, self.size.width // 2 - len(self._side_name)))
        room = self.size.width - len(self._side_name) - len(title) - 6
        return Content.assemble(
            (self._side_name, "bold $text-primary"),
            "  ",
            (title, "bold"),
            "  ",
            (f"{glyph} {state.fitted(room)}", style),
        )


class FiguresLine(Widget):
    """Draws the hit rate, the lag, the queue depth and the rates in one line."""

    DEFAULT_CSS = """
    FiguresLine { height: 1; padding: 0 1; color: $foreground; }
    """

    figures: reactive[tuple[tuple[str, str], ...]] = reactive(())

    def render(self) -> Content:
        """Return as many figures as fit."""
        parts: list[Content] = []
        room = self.size.width
        for name, figure in self.figures:
            room -= len(name) + len(figure) + 4
            if room < -3:
                break
            parts.append(Content.assemble((f"{name} ", "$foreground 75%"), (figure, "bold")))
        return Content("   ").join(parts)


class SidePane(Vertical):
    """Shows one side.

    Args:
        name: ``left`` or ``right``.
    """

    line = getters.query_one(SideLine)
    exposure = getters.query_one(ExposureBar)
    figures = getters.query_one(FiguresLine)
    books = getters.query_one(BooksLine)

    def __init__(self, name: str) -> None:
        super().__init__(id=f"side-{name}", classes="side")
        self._side_name = name
        self.charts: tuple[Chart, ...] = tuple(
            Chart(panel.title, chart=chart, meaning=panel.meaning).add_class(
                "side-chart", update=False
            )
            for panel, chart in _CHARTS
        )
        for chart in self.charts:
            # The list of keys keeps the focus: it is the only widget here that has keys.
            chart.can_focus = False

    def compose(self) -> ComposeResult:
        """Yield the lines and the charts."""
        yield SideLine(self._side_name)
        yield ExposureBar()
        yield FiguresLine()
        yield BooksLine()
        with Container(classes="side-charts"):
            yield from self.charts

    def show(self, view: SideView, timespan: Timespan = NOW) -> None:
        """Show what is known of the side."""
        self.line.view = view.title, side_headline(view)
        self.set_class(bool(view.ended), "-ended")
        snapshot = view.snapshot
        if snapshot is None:
            return
        self.exposure.show(snapshot, ended=bool(view.ended))
        self.books.show(snapshot)
        self.figures.figures = figures_of(snapshot)
        for widget, (_, chart) in zip(self.charts, _CHARTS, strict=True):
            widget.show(ChartView.of(chart, snapshot, timespan))


def figures_of(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """Return the names and values of a side's figures, the most important first."""
    ticks, seconds = recent_ticks(snapshot)
    reads = sum(tick.hits + tick.misses for tick in ticks) / seconds
    writes = sum(tick.writes for tick in ticks) / seconds
    refused = snapshot.writes.unavailable + snapshot.reads.unavailable
    return (
        ("hit rate", hit_share(ticks)),
        ("lag", oldest_age(snapshot)),
        ("queue", compact(snapshot.log.depth)),
        ("reads", f"{compact(round(reads))}/s" if ticks else ABSENT),
        ("writes", f"{compact(round(writes))}/s" if ticks else ABSENT),
        ("stale", compact(snapshot.reads.stale)),
        ("unavailable", compact(refused)),
    )
