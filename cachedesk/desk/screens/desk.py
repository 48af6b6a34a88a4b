"""The main screen of the desk: all panels, showing one snapshot at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.errors import NoWidget
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from cachedesk.core.snapshot import Mark, Snapshot
from cachedesk.desk.actions import ACTIONS, Action, labels
from cachedesk.desk.panels.arrangement import arranged
from cachedesk.desk.panels.flow import FLOW
from cachedesk.desk.panels.hot_keys import HOT_KEYS
from cachedesk.desk.panels.registry import PANELS
from cachedesk.desk.panels.spec import AnyPanel, Area, PanelWidget
from cachedesk.desk.screens.stage import Stage
from cachedesk.desk.views.formats import clock, compact, uptime
from cachedesk.desk.views.headline import STARTING, Headline, Tone, headline
from cachedesk.desk.views.past import past_badge
from cachedesk.desk.views.timespan import Later
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.books import BooksLine
from cachedesk.desk.widgets.exposure_bar import ExposureBar
from cachedesk.desk.widgets.fault_strip import HEAL_HINT, FaultStrip
from cachedesk.desk.widgets.flow_panel import FlowPanel
from cachedesk.desk.widgets.incident_card import IncidentCardPane
from cachedesk.desk.widgets.key_filter import KeyFilter
from cachedesk.desk.widgets.key_table import KeyTable
from cachedesk.desk.widgets.top_line import TopLine, TopView

GREETING = "New here? Space: take the tour (2 min) · any other key: look around, ?: help"
_ROOMY_ROWS = 40
"""The number of rows from which framed charts of full height and the flow diagram both fit."""

_BRIEF_BELOW_CELLS = 80
"""The width below which the badge of the past is brief."""

_SHORT_ROWS = 23
"""The height at which the row of active faults would take the third key: 24 rows and a status
line."""

_OVER_TIME = tuple(panel for panel in PANELS if panel.over_time)


class DeskScreen(Stage):
    """Lays out the widgets and gives each its share of the snapshot.

    Args:
        actions: the available actions.
        read_only: whether to leave out every action that changes the stack.
        data_label: the location of the data, for the top line.
        greeting: whether to greet a new user.
    """

    @dataclass
    class KeysShown(Message):
        """The panel of the hot keys has become visible, or no longer is."""

        shown: bool

    CSS_PATH = "desk.tcss"
    AUTO_FOCUS = "KeyTable"
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

    greeting: var[bool] = var(False, toggle_class="-greeting")
    """Whether to show the greeting; until the first key press."""

    bookmarks: var[tuple[Mark, ...]] = var(())
    """The moments that the user has marked."""

    expanded: var[int | None] = var(None, toggle_class="-expanded")
    """The number of the panel that fills the screen; ``None``: no panel does."""

    projected: var[bool] = var(False, toggle_class="-projected")
    """Whether only the headline, the balance and the flow are shown, large, for a projector."""

    top_line = getters.query_one(TopLine)
    books = getters.query_one(BooksLine)
    exposure = getters.query_one(ExposureBar)
    banner = getters.query_one("#lost", Static)
    flow = getters.query_one(FlowPanel)
    card_pane = getters.query_one(IncidentCardPane)
    key_table = getters.query_one(KeyTable)
    key_filter = getters.query_one(KeyFilter)
    fault_strip = getters.query_one(FaultStrip)
    action_bar = getters.query_one(ActionBar)

    def __init__(
        self,
        actions: tuple[Action, ...] = ACTIONS,
        *,
        read_only: bool = False,
        data_label: str = "",
        greeting: bool = False,
    ) -> None:
        super().__init__()
        self.set_reactive(DeskScreen.greeting, greeting)
        self.set_class(greeting, "-greeting")
        self._offered = actions
        self._read_only = read_only
        self._data_label = data_label
        self.panels: dict[int, PanelWidget[Any]] = {}
        """Maps the number of each panel to its widget."""
        self._wishes: dict[int, bool] = {}
        self._focused_before: Widget | None = None
        self._keys_shown: bool | None = None
        self._arranged_for: tuple[frozenset[int], Size] | None = None
        self.shown: Snapshot | None = None
        self.latest: Snapshot | None = None
        self._later: Later | None = None

    def compose(self) -> ComposeResult:
        """Yield the lines at the top, the panels of each area, and the action bar."""
        self._take_height()
        self.panels = {panel.number: panel.widget() for panel in PANELS}
        yield TopLine()
        yield Static(id="lost", markup=False)
        yield BooksLine()
        yield ExposureBar()
        yield Static(GREETING, id="greeting", markup=False)
        yield from self._in_area(Area.TOP)
        with Container(id="charts"):
            yield from self._in_area(Area.CHART)
        with Container(id="lists"):
            yield from self._in_area(Area.MAIN)
            yield from self._in_area(Area.LIST)
            yield IncidentCardPane(id="incident-card")
        yield FaultStrip()
        yield ActionBar(self._offered)

    def on_mount(self) -> None:
        """Show the panels for this size and post ``Ready``."""
        self._arrange()
        self.post_message(self.Ready())

    def on_resize(self) -> None:
        """Show the panels for the new size."""
        self._take_height()
        self._arrange()

    def apply(self, snapshot: Snapshot) -> None:
        """Store a new snapshot, and show it unless the display is frozen."""
        self.latest = snapshot
        self.lost = ""
        if not self.frozen or self.shown is None:
            self._show(snapshot)
        else:
            self._show_top_line()
        self._note_keys_shown()

    def show_moment(self, snapshot: Snapshot, later: Later | None) -> None:
        """Show ``snapshot``, a moment of the past, and on the charts what came after it."""
        self._later = later
        self._show(snapshot)

    def watch_bookmarks(self) -> None:
        """Draw them on the charts."""
        self.watch_timespan()

    def start_filter(self) -> None:
        """Open the filter of the keys, and show their panel if it is hidden."""
        self.projected = False
        if HOT_KEYS.number not in self._arranged:
            self.expanded = None
            self._wishes[HOT_KEYS.number] = True
            self._arrange()
        self.key_filter.start()

    def toggle_panel(self, number: int) -> None:
        """Show or hide the panel of this number; while a panel is expanded, expand this one."""
        if self.projected:
            self.projected = False
            return
        if self.expanded is not None:
            self.expanded = None if self.expanded == number else number
            return
        self._wishes[number] = number not in self._arranged
        self._arrange()

    def wish(self, area: Area, *, shown: bool | None) -> None:
        """Show or hide the panels of ``area``, or leave that to the size of the screen again
        (``None``); their number keys still change it."""
        for panel in self._in_area(area):
            number = next(number for number, widget in self.panels.items() if widget is panel)
            self._wishes.pop(number, None)
            if shown is not None:
                self._wishes[number] = shown
        self._arrange()

    def uncover_lists(self) -> None:
        """Make room for what stands over the lists, if they are hidden."""
        self.projected = False
        lists = (*self._in_area(Area.MAIN), *self._in_area(Area.LIST))
        if self.expanded is not None and self.panels[self.expanded] not in lists:
            self.expanded = None
        if not any(panel.display for panel in lists):
            self.wish(Area.LIST, shown=True)

    def toggle_expanded(self) -> None:
        """Expand the focused panel to the whole screen, or shrink the expanded one."""
        if self.projected:
            self.projected = False
            return
        if self.expanded is not None:
            self.expanded = None
            return
        focused = self.focused.ancestors_with_self if self.focused is not None else []
        numbers = (number for number, panel in self.panels.items() if panel in focused)
        self.expanded = next(numbers, HOT_KEYS.number)

    def action_shrink(self) -> None:
        """Shrink the expanded panel, if there is one, and leave the look for a projector."""
        self.expanded = None
        self.projected = False

    def watch_projected(self, projected: bool) -> None:
        """Show the flow alone, and large, or everything again."""
        if not self.is_mounted:
            return
        if projected:
            self._focused_before = self.focused
        self.flow.enlarge(large=projected)
        self._arrange()
        if not projected and self.focused in (None, self.flow):
            # A hidden panel loses the focus.
            self.set_focus(self._focused_before)
        self._show_top_line()

    def watch_expanded(self) -> None:
        """Rearrange the panels and keep the focus on a visible one."""
        if not self.is_mounted:
            return
        self._arrange()
        if self.expanded is not None:
            self.panels[self.expanded].take_focus()

    def watch_timespan(self) -> None:
        """Redraw the charts."""
        if self.is_mounted and self.shown is not None:
            self._show_panels(self.shown, _OVER_TIME)
            self._show_top_line()

    def watch_frozen(self) -> None:
        """Show the badge when the desk shows the past, the newest snapshot when it returns."""
        if not self.is_mounted:
            return
        self.set_class(self.frozen, "-frozen")
        if not self.frozen:
            self._later = None
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
        if self.projected:
            return frozenset((FLOW.number,))
        return arranged(PANELS, *self.app.size, self._wishes, self.expanded)

    def _in_area(self, area: Area) -> Iterator[Widget]:
        return (self.panels[panel.number] for panel in PANELS if panel.area is area)

    def _take_height(self) -> None:
        height = self.app.size.height
        classes = {"-tight": height < _ROOMY_ROWS, "-short": height == _SHORT_ROWS}
        self.update_classes(classes, animate=False)

    def _arrange(self) -> None:
        shown = self._arranged
        if self._arranged_for == (shown, self.app.size):
            return
        self._arranged_for = shown, self.app.size
        for number, panel in self.panels.items():
            panel.display = number in shown
        areas = {panel.area for panel in PANELS if panel.number in shown}
        self.set_class(Area.MAIN not in areas, "-no-main")
        self.query_one("#charts").display = Area.CHART in areas
        self.query_one("#lists").display = not areas.isdisjoint((Area.MAIN, Area.LIST))
        for panel in self.panels.values():
            # The width of a chart depends on which charts stand beside it.
            panel.refresh()
        self.call_after_refresh(self._note_keys_shown)

    def _note_keys_shown(self) -> None:
        try:
            shown = bool(self.find_widget(self.panels[HOT_KEYS.number]).visible_region)
        except NoWidget:
            shown = False
        if shown is not self._keys_shown:
            self._keys_shown = shown
            self.post_message(self.KeysShown(shown))

    def _show(self, snapshot: Snapshot) -> None:
        self.shown = snapshot
        with self.app.batch_update():
            self.books.show(snapshot)
            self.exposure.show(snapshot)
            self._show_panels(snapshot, PANELS)
            self.fault_strip.hint = "" if self.frozen else HEAL_HINT
            self.fault_strip.show(snapshot)
            self.action_bar.relabel(labels(snapshot))
            self._show_top_line()

    def _show_panels(self, snapshot: Snapshot, panels: Iterable[AnyPanel]) -> None:
        timespan = replace(self.timespan, later=self._later, bookmarks=self.bookmarks)
        for panel in panels:
            panel.update(self.panels[panel.number], snapshot, timespan)

    def _show_top_line(self) -> None:
        shown = self.shown
        state = headline(shown) if shown else STARTING
        if self.lost:
            state = Headline("source lost", Tone.BROKEN)
        facts: tuple[str, ...] = (
            f"up {uptime(shown.uptime_seconds)}" if shown else "",
            workload_words(shown) if shown else "",
            "● recording" if shown and shown.recording else "",
            self._data_label,
            "read only" if self._read_only else "",
        )
        if self.projected:
            key = next((it.shown_key for it in self._offered if it.name == "projector"), "Esc")
            facts = (f"{key} shows everything",)
        badge = ""
        if self.frozen and shown and self.latest:
            brief = self.app.size.width < _BRIEF_BELOW_CELLS
            badge = past_badge(shown.at, self.latest.at, brief=brief)
        self.top_line.view = TopView(state, tuple(filter(None, facts)), badge)


def workload_words(snapshot: Snapshot) -> str:
    """Return the workload and its rate; empty without a workload."""
    if not snapshot.workload or snapshot.rate is None:
        return snapshot.workload
    return f"{snapshot.workload} · {compact(round(snapshot.rate))}/s"
