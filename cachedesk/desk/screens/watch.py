"""The screen of a watched server: figures, prefixes, keys, and what watching costs."""

from __future__ import annotations

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.reactive import var
from textual.widgets import Static

from cachedesk.core.printable import printable
from cachedesk.desk.screens.sized import SizedScreen
from cachedesk.desk.views.watch_figures import figure_lines, watch_facts, watch_headline
from cachedesk.desk.views.watch_rows import per_second, size_figure
from cachedesk.desk.watch_actions import WATCH_ACTIONS, labels
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.key_filter import KeyFilter
from cachedesk.desk.widgets.sentence import Sentence
from cachedesk.desk.widgets.top_line import TopLine, TopView
from cachedesk.desk.widgets.watch_figures import WatchFigures
from cachedesk.desk.widgets.watch_keys import WatchKeys
from cachedesk.desk.widgets.watch_table import WatchTable
from cachedesk.watch.sentences import (
    load_in_short,
    load_sentence,
    monitor_sentence,
    restart_sentence,
)
from cachedesk.watch.snapshot import WatchSnapshot


class WatchScreen(SizedScreen[None]):
    """Lays the widgets out and gives each its part of a snapshot."""

    CSS_PATH = "watch.tcss"
    AUTO_FOCUS = "WatchTable"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide")]  # noqa: RUF012 - as Textual has it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (23, "-normal"), (34, "-tall")]  # noqa: RUF012

    lost: var[str] = var("", toggle_class="-lost")

    top_line = getters.query_one(TopLine)
    figures = getters.query_one(WatchFigures)
    table = getters.query_one(WatchTable)
    key_filter = getters.query_one(KeyFilter)
    action_bar = getters.query_one(ActionBar)

    def compose(self) -> ComposeResult:
        """Yield the lines at the top, the table, the lists, and the action bar."""
        yield TopLine()
        yield Static(id="watch-lost", markup=False)
        yield WatchFigures()
        yield Sentence("watch-load", "note")
        yield Sentence("watch-sample", "note")
        yield KeyFilter()
        yield WatchTable()
        with Container(id="watch-lists"):
            yield WatchKeys("hot keys", "no key was used yet", "watch-hot")
            yield WatchKeys("big keys", "no key was looked at yet", "watch-big")
        yield Static(id="watch-restart", classes="note", markup=False)
        yield ActionBar(WATCH_ACTIONS)

    def on_mount(self) -> None:
        """Name the frame of the table, and say what is waited for."""
        self.table.border_title = "Prefixes"
        self.top_line.view = TopView(watch_headline(WatchSnapshot("")))

    def show(self, snapshot: WatchSnapshot) -> None:
        """Show what is known."""
        memory = snapshot.memory
        with self.app.batch_update():
            self.lost = printable(snapshot.lost)
            self.query_one("#watch-lost", Static).update(f"✗ {self.lost}; what was seen last stays")
            self.top_line.view = TopView(watch_headline(snapshot), watch_facts(snapshot))
            self.figures.lines = figure_lines(snapshot)
            self.action_bar.relabel(labels(snapshot))
            load = self.query_one("#watch-load", Sentence)
            load.set_forms(load_sentence(snapshot), load_in_short(snapshot))
            load.set_class(snapshot.load.share > snapshot.load.budget, "-over")
            self.query_one("#watch-sample", Sentence).set_forms(monitor_sentence(snapshot))
            self.table.show(snapshot.patterns)
            self.key_filter.found = self.table.listed
            hot = self.query_one("#watch-hot", WatchKeys)
            big = self.query_one("#watch-big", WatchKeys)
            hot.keys = tuple(
                (key.key, f"{per_second(key.uses_per_second)}/s") for key in snapshot.hot
            )
            if not snapshot.monitor:
                hot.empty = "not known without MONITOR"
            big.keys = tuple((key.key, size_figure(key.size)) for key in memory.biggest)
            partial = memory.of and not memory.complete
            big.note = f"of {memory.sampled:,} keys seen" if partial else ""
            self.query_one("#watch-restart", Static).update(
                f"after a restart: {restart_sentence(snapshot)}"
            )

    def start_filter(self) -> None:
        """Let the user type which prefixes to list."""
        self.key_filter.start()

    @on(KeyFilter.Changed)
    def _filter(self, changed: KeyFilter.Changed) -> None:
        self.table.filter_text = changed.text
        self.key_filter.found = self.table.listed
        if changed.done:
            self.table.focus()
