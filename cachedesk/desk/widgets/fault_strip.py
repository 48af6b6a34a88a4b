"""The fault strip: what is broken now and for how much longer; not there when nothing is."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views.fault_lines import broken_now
from cachedesk.desk.views.formats import cut


class FaultStrip(Widget):
    """Draws what ``broken_now`` says in one line."""

    DEFAULT_CSS = """
    FaultStrip {
        display: none;
        height: 1;
        padding: 0 1;
        background: $warning 20%;
        color: $text-warning;
        &.-broken { display: block; }
    }
    """

    broken: reactive[tuple[str, ...]] = reactive(())

    def show(self, snapshot: Snapshot) -> None:
        """Show what is broken in this snapshot."""
        self.broken = broken_now(snapshot)

    def watch_broken(self, broken: tuple[str, ...]) -> None:
        """Take no room while nothing is broken."""
        self.set_class(bool(broken), "-broken")

    def render(self) -> Content:
        """Return the line, cut to the width there is."""
        return Content(cut("   ".join((*self.broken, "h heals all")), self.size.width))
