"""The desk: everything at a glance, one frozen snapshot at a time."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from cachedesk.desk.deeds import deeds_for
from cachedesk.desk.formats import clock, uptime
from cachedesk.desk.headline import STARTING, Headline, Tone, headline
from cachedesk.desk.panels import PANELS
from cachedesk.desk.parts import database_view, log_view, redis_view, worker_view
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.books import BooksLine
from cachedesk.desk.widgets.chart import Chart, ChartView
from cachedesk.desk.widgets.event_list import EventList
from cachedesk.desk.widgets.fault_strip import FaultStrip
from cachedesk.desk.widgets.hot_keys import HotKeys
from cachedesk.desk.widgets.part import Part
from cachedesk.desk.widgets.top_line import TopLine, TopView
from cachedesk.engine.snapshot import Snapshot

_PARTS = (
    ("redis", redis_view),
    ("log", log_view),
    ("worker", worker_view),
    ("database", database_view),
)


class DeskScreen(Screen[None]):
    """Lays the widgets out and hands each its share of the snapshot.

    Args:
        read_only: leave out whatever commands the stack.
        data_label: where the data is, for the top line.
    """

    class Ready(Message):
        """Every widget is there: snapshots can be shown."""

    CSS_PATH = "desk.tcss"
    AUTO_FOCUS = "HotKeys"
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
    ]

    frozen: var[bool] = var(False, toggle_class="-frozen")
    """True while the display stands still; snapshots still arrive and the newest is kept."""

    lost: var[str] = var("", toggle_class="-lost")
    """Why there is no new snapshot; empty while they arrive."""

    top_line = getters.query_one(TopLine)
    books = getters.query_one(BooksLine)
    banner = getters.query_one("#lost", Static)
    hot_keys = getters.query_one(HotKeys)
    fault_strip = getters.query_one(FaultStrip)
    event_list = getters.query_one(EventList)

    def __init__(self, *, read_only: bool = False, data_label: str = "") -> None:
        super().__init__()
        self._read_only = read_only
        self._data_label = data_label
        self.shown: Snapshot | None = None
        self.latest: Snapshot | None = None

    def compose(self) -> ComposeResult:
        """Yield the lines at the top, the parts, the charts, the lists and the action bar."""
        yield TopLine()
        yield Static(id="lost", markup=False)
        yield BooksLine()
        with Container(id="parts"):
            for name, _ in _PARTS:
                yield Part(id=name)
        with Container(id="charts"):
            for panel in PANELS:
                yield Chart(panel)
        with Container(id="lists"):
            yield HotKeys()
            yield EventList(id="events")
        yield FaultStrip()
        yield ActionBar(deeds_for(read_only=self._read_only))

    def on_mount(self) -> None:
        """Name the frames of the lists, which a small screen does not draw, and say so."""
        self.hot_keys.border_title = "Hot keys"
        self.event_list.border_title = "Events"
        self.post_message(self.Ready())

    def apply(self, snapshot: Snapshot) -> None:
        """Take a new snapshot and show it, unless the display is frozen."""
        self.latest = snapshot
        self.lost = ""
        if not self.frozen or self.shown is None:
            self._show(snapshot)

    def lose(self, reason: str) -> None:
        """Say that the source gives no snapshot, and why; what was shown last stays."""
        self.lost = reason

    def watch_frozen(self) -> None:
        """Show the newest state when the display thaws, and the badge when it freezes."""
        if not self.is_mounted:
            return
        if not self.frozen and self.latest is not None:
            self._show(self.latest)
        self._show_top_line()

    def watch_lost(self, reason: str) -> None:
        """Show or clear the banner."""
        if not self.is_mounted:
            return
        since = f"; shown is the state of {clock(self.shown.at)}" if self.shown else ""
        self.banner.update(f"✗ source lost: {reason}{since}", layout=False)
        self._show_top_line()

    def _show(self, snapshot: Snapshot) -> None:
        self.shown = snapshot
        with self.app.batch_update():
            self.books.books = snapshot.books
            for name, view in _PARTS:
                self.query_one(f"#{name}", Part).view = view(snapshot)
            for chart in self.query(Chart):
                chart.view = ChartView.of(chart.panel, snapshot)
            self.hot_keys.show(snapshot.hot)
            self.fault_strip.show(snapshot)
            self.event_list.happened = snapshot.events
            self._show_top_line()

    def _show_top_line(self) -> None:
        shown = self.shown
        said = headline(shown) if shown else STARTING
        if self.lost:
            said = Headline("source lost", Tone.BROKEN)
        facts = (
            f"up {uptime(shown.uptime_seconds)}" if shown else "",
            shown.workload if shown else "",
            self._data_label,
            "read only" if self._read_only else "",
        )
        badge = f"FROZEN {clock(shown.at)}" if self.frozen and shown else ""
        self.top_line.view = TopView(said, tuple(filter(None, facts)), badge)
