"""The screen of a pair: both sides, what differs between them, and one row of keys for both."""

from __future__ import annotations

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from cachedesk.core.printable import printable
from cachedesk.core.wording import count_of
from cachedesk.desk.actions import Action, labels
from cachedesk.desk.screens.stage import Stage
from cachedesk.desk.views.differences import Differences, Kind, differences, listed
from cachedesk.desk.views.formats import clock, compact, uptime
from cachedesk.desk.views.headline import Headline, Tone
from cachedesk.desk.views.pair_headline import STARTING, is_known, newest, pair_headline
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.difference_table import NOT_YET, DifferenceTable
from cachedesk.desk.widgets.fault_strip import FaultStrip
from cachedesk.desk.widgets.key_filter import KeyFilter
from cachedesk.desk.widgets.side_pane import SidePane
from cachedesk.desk.widgets.top_line import TopLine, TopView
from cachedesk.lab.versus.pair import PairSnapshot
from cachedesk.lab.versus.side import SideView

SIDE_BY_SIDE = 120
"""The width from which the sides stand side by side, in cells."""


ENDED_BEFORE = "a side has ended before a key was compared"


class VersusScreen(Stage):
    """Lays out the two sides and gives each its part of the pair.

    Args:
        actions: the available actions.
        read_only: whether nothing can be changed.
        label: stands in the top line, like the name of a recording.
    """

    CSS_PATH = "versus.tcss"
    AUTO_FOCUS = "DifferenceTable"
    HORIZONTAL_BREAKPOINTS = [(0, "-stacked"), (SIDE_BY_SIDE, "-beside")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high"), (38, "-tall"), (46, "-towering")]  # noqa: RUF012

    top_line = getters.query_one(TopLine)
    left = getters.query_one("#side-left", SidePane)
    right = getters.query_one("#side-right", SidePane)
    summary = getters.query_one("#difference-summary", Static)
    key_filter = getters.query_one(KeyFilter)
    table = getters.query_one(DifferenceTable)
    fault_strip = getters.query_one(FaultStrip)

    def __init__(
        self, actions: tuple[Action, ...], *, read_only: bool = False, label: str = ""
    ) -> None:
        super().__init__()
        self._offered = actions
        self._read_only = read_only
        self._label = printable(label)
        self.shown: PairSnapshot | None = None
        self.latest: PairSnapshot | None = None
        self._found = Differences()
        self._found_at = 0.0

    def compose(self) -> ComposeResult:
        """Yield the sides, the keys, and the action bar."""
        yield TopLine()
        yield Static(id="lost", markup=False)
        with Container(id="sides"):
            yield SidePane("left")
            yield SidePane("right")
        yield Static(id="difference-summary", markup=False)
        yield KeyFilter()
        yield DifferenceTable()
        yield FaultStrip()
        yield ActionBar(self._offered)

    def on_mount(self) -> None:
        """Have the charts of both sides share their scales, and post ``Ready``."""
        for one, other in zip(self.left.charts, self.right.charts, strict=True):
            one.share_scale(other)
        self.post_message(self.Ready())

    def apply(self, pair: PairSnapshot) -> None:
        """Store a new pair, and show it unless the display is frozen."""
        self.latest = pair
        self.lost = ""
        if not self.frozen or self.shown is None:
            self._show(pair)

    def watch_timespan(self) -> None:
        """Redraw the charts."""
        if self.is_mounted and self.shown is not None:
            self._show(self.shown)

    def watch_frozen(self) -> None:
        """Show the badge when the display freezes, the newest pair when it unfreezes."""
        if not self.is_mounted:
            return
        if not self.frozen and self.latest is not None:
            self._show(self.latest)
        self._show_top_line()

    def watch_lost(self, reason: str) -> None:
        """Show or clear the banner."""
        if self.is_mounted:
            self.query_one("#lost", Static).update(f"✗ source lost: {reason}", layout=False)
            self._show_top_line()

    def _show(self, pair: PairSnapshot) -> None:
        self.shown = pair
        self._compare(pair)
        with self.app.batch_update():
            self.left.show(pair.left, self.timespan)
            self.right.show(pair.right, self.timespan)
            self.table.titles = pair.left.title, pair.right.title
            over = pair.left.ended or pair.right.ended
            self.table.empty = ENDED_BEFORE if over else NOT_YET
            self._list_keys()
            self.summary.update(self._summary(pair), layout=False)
            if (snapshot := newest(pair)) is not None:
                self.fault_strip.show(snapshot)
                self.query_one(ActionBar).relabel(labels(snapshot))
            self._show_top_line()

    def start_filter(self) -> None:
        """Open the filter of the keys."""
        self.key_filter.start()

    @on(KeyFilter.Changed)
    def _filter(self, changed: KeyFilter.Changed) -> None:
        self.table.filter_text = changed.text
        self._list_keys()
        if changed.done:
            self.table.focus()

    def _list_keys(self) -> None:
        self.table.found = listed(self._found, self.table.filter_text)
        self.key_filter.found = (len(self.table.found.rows), len(self._found.rows))

    def _compare(self, pair: PairSnapshot) -> None:
        """Compare the keys; while that is not possible, what was found last stays."""
        left, right = pair.left, pair.right
        if any(view.ended or view.silent or not is_known(view) for view in (left, right)):
            return
        if left.snapshot and right.snapshot:
            self._found = differences(left.snapshot, right.snapshot, frozenset(pair.busy))
            self._found_at = right.snapshot.at

    def _summary(self, pair: PairSnapshot) -> Content:
        views = (pair.left, pair.right)
        why = next((words for words in map(_no_comparison, views) if words), "")
        if why:
            as_of = f" as of {clock(self._found_at)}" if self._found_at else ""
            return Content.styled(f"Keys{as_of}: {why}", "$foreground 75%")
        read, hidden = self._found.count(Kind.READ), self._found.count(Kind.TRUTH)
        parts = [
            Content.assemble(("Keys", "bold"), f"  {len(self._found.rows)} hot"),
            Content.styled(
                f"{read} read differently" if read else "all read the same",
                "bold $text-error" if read else "$text-success",
            ),
        ]
        if hidden:
            parts.append(Content.styled(f"{hidden} safe on one side only", "$text-warning"))
        if pair.aligned:
            parts.append(Content.styled("after the same operations", "$foreground 75%"))
        elif pair.busy:
            words = f"{count_of(len(pair.busy), 'busy key')} left out"
            parts.append(Content.styled(words, "$text-warning"))
        else:
            words = "one side may have done more operations"
            parts.append(Content.styled(words, "$text-warning"))
        room = self.summary.size.width
        while len(parts) > 2 and sum(part.cell_length + 3 for part in parts) - 3 > room > 0:
            parts.pop()
        return Content(" · ").join(parts)

    def _show_top_line(self) -> None:
        pair = self.shown
        snapshot = newest(pair) if pair else None
        state = pair_headline(pair, self._found) if pair else STARTING
        if self.lost:
            state = Headline("source lost", Tone.BROKEN)
        dropped = pair.dropped if pair else 0
        facts = (
            f"up {uptime(snapshot.uptime_seconds)}" if snapshot else "",
            "● recording" if snapshot and snapshot.recording else "",
            f"{compact(dropped)} dropped for both" if dropped else "",
            f"{compact(round(snapshot.rate))}/s each" if snapshot and snapshot.rate else "",
            self._label,
            "read only" if self._read_only else "",
        )
        badge = f"FROZEN {clock(snapshot.at)}" if self.frozen and snapshot else ""
        self.top_line.view = TopView(state, tuple(filter(None, facts)), badge)


def _no_comparison(view: SideView) -> str:
    """Return why a side cannot be compared now; empty if it can."""
    if view.ended:
        return "a side has ended"
    if view.silent:
        return "a side does not answer"
    return "" if is_known(view) else "both sides are filled first"
