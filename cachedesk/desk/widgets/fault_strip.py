"""The fault strip: the active faults and how long they last; hidden if there are none."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views.fault_lines import broken_now, strip_line

HEAL_HINT = "h heals all"


class FaultStrip(Widget):
    """Draws the result of ``broken_now`` as one line."""

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
    hint: reactive[str] = reactive(HEAL_HINT)
    """What can be done about it; empty for the faults of the past."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the active faults of ``snapshot``."""
        self.broken = broken_now(snapshot)

    def watch_broken(self, broken: tuple[str, ...]) -> None:
        """Hide the strip while no fault is active."""
        self.set_class(bool(broken), "-broken")

    def render(self) -> Content:
        """Return the line, shortened to the width; only a desk that can heal says how."""
        can_heal = self.hint and self.app.check_action("heal", ())
        return Content(strip_line(self.broken, self.hint if can_heal else "", self.size.width))
