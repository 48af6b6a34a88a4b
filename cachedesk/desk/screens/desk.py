"""The desk: everything at a glance, one frozen snapshot at a time."""

from __future__ import annotations

from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.actions import ACTIONS, Action
from cachedesk.desk.screens.sized import SizedScreen
from cachedesk.desk.views.arrangement import arranged
from cachedesk.desk.views.charts import PANELS
from cachedesk.desk.views.formats import clock, compact, uptime
from cachedesk.desk.views.headline import STARTING, Headline, Tone, headline
from cachedesk.desk.views.timespan import NOW, Timespan
from cachedesk.desk.views.titles import EVENTS, FLOW, KEYS, LATENCY
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.books import BooksLine
from cachedesk.desk.widgets.chart import Chart, ChartView, numbered
from cachedesk.desk.widgets.event_list import EventList
from cachedesk.desk.widgets.fault_strip import FaultStrip
from cachedesk.desk.widgets.flow import Flow
from cachedesk.desk.widgets.hot_keys import HotKeys
from cachedesk.desk.widgets.key_filter import KeyFilter
from cachedesk.desk.widgets.latency_table import LatencyTable
from cachedesk.desk.widgets.top_line import TopLine, TopView

GREETING = "New here? k kills Redis, h heals, ? explains. The line above must always balance."
_ROOMY_ROWS = 40
"""From so many rows on there is room for framed charts of full height and the picture."""

_CHARTS = {LATENCY, *(panel.number for panel in PANELS)}


class DeskScreen(SizedScreen[None]):
    """Lays the widgets out and hands each its share of the snapshot.

    Args:
        read_only: leave out whatever commands the stack.
        data_label: where the data is, for the top line.
        deeds: what can be done here.
        greeting: greet who is new here.
    """

    class Ready(Message):
        """Every widget is there: snapshots can be shown."""

    CSS_PATH = "desk.tcss"
    AUTO_FOCUS = "HotKeys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.expand", "Expand", show=False),
        Binding("escape", "shrink", "Back", show=False),
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it on the instance
        (0, "-narrow"),
        (112, "-wide"),
        (180, "-vast"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-low"),
        (23, "-normal"),
        (29, "-high"),
        (36, "-tall"),
        (48, "-towering"),
        (64, "-lofty"),
    ]

    frozen: var[bool] = var(False, toggle_class="-frozen")
    """True while the display stands still; snapshots still arrive and the newest is kept."""

    lost: var[str] = var("", toggle_class="-lost")
    """Why there is no new snapshot; empty while they arrive."""

    greeting: var[bool] = var(False, toggle_class="-greeting")
    """True until the first key of somebody who is new here."""

    timespan: var[Timespan] = var(NOW)
    """Which stretch of time the charts show."""

    expanded: var[int | None] = var(None, toggle_class="-expanded")
    """The number of the panel that has the whole screen, ``None`` while all share it."""

    top_line = getters.query_one(TopLine)
    books = getters.query_one(BooksLine)
    banner = getters.query_one("#lost", Static)
    hot_keys = getters.query_one(HotKeys)
    key_filter = getters.query_one(KeyFilter)
    fault_strip = getters.query_one(FaultStrip)
    event_list = getters.query_one(EventList)
    action_bar = getters.query_one(ActionBar)

    def __init__(
        self,
        deeds: tuple[Action, ...] = ACTIONS,
        *,
        read_only: bool = False,
        data_label: str = "",
        greeting: bool = False,
    ) -> None:
        super().__init__()
        self.set_reactive(DeskScreen.greeting, greeting)
        self.set_class(greeting, "-greeting")
        self._deeds = deeds
        self._read_only = read_only
        self._data_label = data_label
        self._wishes: dict[int, bool] = {}
        self._arranged_for: tuple[frozenset[int], Size] | None = None
        self.shown: Snapshot | None = None
        self.latest: Snapshot | None = None

    def compose(self) -> ComposeResult:
        """Yield the lines at the top, the flow, the charts, the lists and the action bar."""
        self._take_height()
        yield TopLine()
        yield Static(id="lost", markup=False)
        yield BooksLine()
        yield Static(GREETING, id="greeting", markup=False)
        yield Flow()
        with Container(id="charts"):
            charts = {panel.number: Chart(panel) for panel in PANELS}
            yield from (widget for _, widget in sorted({**charts, LATENCY: LatencyTable()}.items()))
        with Container(id="lists"):
            with Container(id="keys"):
                yield KeyFilter()
                yield HotKeys()
            yield EventList(id="events")
        yield FaultStrip()
        yield ActionBar(self._deeds)

    def on_mount(self) -> None:
        """Name the frames of the lists, which a small screen does not draw, and say so."""
        self.event_list.border_title = numbered(EVENTS)
        self._arrange()
        self.post_message(self.Ready())

    def on_resize(self) -> None:
        """Show the panels that are usual at this size."""
        self._take_height()
        self._arrange()

    def apply(self, snapshot: Snapshot) -> None:
        """Take a new snapshot and show it, unless the display is frozen."""
        self.latest = snapshot
        self.lost = ""
        if not self.frozen or self.shown is None:
            self._show(snapshot)

    def lose(self, reason: str) -> None:
        """Say that the source gives no snapshot, and why; what was shown last stays."""
        self.lost = printable(reason)

    def start_filter(self) -> None:
        """Let the user type which keys to list."""
        if KEYS not in self._arranged:
            self.expanded = None
            self._wishes[KEYS] = True
            self._arrange()
        self.key_filter.start()

    @on(KeyFilter.Wanted)
    def _filter(self, wanted: KeyFilter.Wanted) -> None:
        self.hot_keys.wanted = wanted.text
        if wanted.done:
            self.hot_keys.focus()

    @on(HotKeys.Listed)
    def _listed(self, listed: HotKeys.Listed) -> None:
        self.key_filter.found = (listed.keys, listed.of)

    def zoom(self, step: int) -> None:
        """Show less time (1), more time (-1) or the usual time (0) on the charts."""
        self.timespan = self.timespan.zoomed(step)

    def look_back(self, steps: int) -> None:
        """Freeze, and show an earlier time on the charts, or a later one when already there."""
        if steps < 0:
            self.frozen = True
        if self.frozen:
            self.timespan = self.timespan.moved(steps)

    def toggle_panel(self, number: int) -> None:
        """Show or hide the panel of this number; while one is expanded, expand that instead."""
        if self.expanded is not None:
            self.expanded = None if self.expanded == number else number
            return
        self._wishes[number] = number not in self._arranged
        self._arrange()

    def toggle_expanded(self) -> None:
        """Give the panel that has the focus the whole screen, or give it back."""
        if self.expanded is not None:
            self.expanded = None
            return
        focused = self.focused
        numbers = {widget: number for number, widget in self._panels().items()}
        self.expanded = numbers.get(focused, KEYS) if focused is not None else KEYS

    def action_shrink(self) -> None:
        """Give the room back that one panel has; without one, nothing."""
        self.expanded = None

    def watch_expanded(self) -> None:
        """Rearrange, and keep the focus on something that can be seen."""
        if not self.is_mounted:
            return
        self._arrange()
        if self.expanded is not None:
            self._panels()[self.expanded].focus()

    def watch_timespan(self) -> None:
        """Draw the charts for it."""
        if self.is_mounted and self.shown is not None:
            self._show_charts(self.shown)
            self._show_top_line()

    def watch_frozen(self) -> None:
        """Show the newest state when the display thaws, and the badge when it freezes."""
        if not self.is_mounted:
            return
        if not self.frozen:
            self.timespan = self.timespan.at_the_newest()
            if self.latest is not None:
                self._show(self.latest)
        self._show_top_line()

    def watch_lost(self, reason: str) -> None:
        """Show or clear the banner."""
        if not self.is_mounted:
            return
        since = f"; shown is the state of {clock(self.shown.at)}" if self.shown else ""
        self.banner.update(f"✗ source lost: {reason}{since}", layout=False)
        self._show_top_line()

    @property
    def _arranged(self) -> frozenset[int]:
        return arranged(self.app.size.width, self._wishes, self.expanded)

    def _panels(self) -> dict[int, Widget]:
        """Return the widget of every panel by its number."""
        charts = {chart.panel.number: chart for chart in self.query(Chart)}
        return {
            FLOW: self.query_one(Flow),
            LATENCY: self.query_one(LatencyTable),
            KEYS: self.hot_keys,
            EVENTS: self.event_list,
            **charts,
        }

    def _take_height(self) -> None:
        self.set_class(self.app.size.height < _ROOMY_ROWS, "-tight")

    def _arrange(self) -> None:
        shown = self._arranged
        if self._arranged_for == (shown, self.app.size):
            return
        self._arranged_for = shown, self.app.size
        panels = self._panels()
        for number, panel in panels.items():
            panel.display = number in shown
        self.query_one("#keys").display = KEYS in shown
        self.query_one("#charts").display = not shown.isdisjoint(_CHARTS)
        self.query_one("#lists").display = not shown.isdisjoint((KEYS, EVENTS))
        for panel in panels.values():
            # In a row of several each is told where it stands by its neighbours.
            panel.refresh()

    def _show(self, snapshot: Snapshot) -> None:
        self.shown = snapshot
        with self.app.batch_update():
            self.books.show(snapshot)
            self.query_one(Flow).show(snapshot)
            self._show_charts(snapshot)
            self.query_one(LatencyTable).latencies = snapshot.latencies
            self.hot_keys.show(snapshot.hot)
            self.fault_strip.show(snapshot)
            self.event_list.happened = snapshot.events
            self._show_top_line()

    def _show_charts(self, snapshot: Snapshot) -> None:
        for chart in self.query(Chart):
            chart.view = ChartView.of(chart.panel, snapshot, self.timespan)

    def _show_top_line(self) -> None:
        shown = self.shown
        said = headline(shown) if shown else STARTING
        if self.lost:
            said = Headline("source lost", Tone.BROKEN)
        facts = (
            f"up {uptime(shown.uptime_seconds)}" if shown else "",
            workload_words(shown) if shown else "",
            "● recording" if shown and shown.recording else "",
            self._data_label,
            "read only" if self._read_only else "",
        )
        badge = frozen_words(shown.at, self.timespan) if self.frozen and shown else ""
        self.top_line.view = TopView(said, tuple(filter(None, facts)), badge)


def frozen_words(at: float, timespan: Timespan) -> str:
    """Return what a desk says that stands still since ``at``, and what of it looks further back."""
    badge = f"FROZEN {clock(at)}"
    back = timespan.back_seconds
    return f"{badge} · charts {back:.0f} s back" if back else badge


def workload_words(snapshot: Snapshot) -> str:
    """Return what drives the stack and how fast, in a few words; empty when nothing does."""
    if not snapshot.workload or snapshot.rate is None:
        return snapshot.workload
    return f"{snapshot.workload} · {compact(round(snapshot.rate))}/s"
