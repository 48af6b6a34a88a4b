"""The base class of the screens that show what is pulled."""

from __future__ import annotations

from textual.message import Message
from textual.reactive import var

from cachedesk.core.printable import printable
from cachedesk.desk.screens.sized import SizedScreen
from cachedesk.desk.views.timespan import NOW, Timespan


class Stage(SizedScreen[None]):
    """A screen of one stack or several, with charts over a timespan."""

    class Ready(Message):
        """Every widget is mounted, so what is pulled can be shown."""

    frozen: var[bool] = var(False, toggle_class="-frozen")
    """Whether the display is frozen; the newest state is still kept."""

    lost: var[str] = var("", toggle_class="-lost")
    """Why there is nothing new; empty while the source answers."""

    timespan: var[Timespan] = var(NOW)
    """The timespan that the charts show."""

    def lose(self, reason: str) -> None:
        """Show that the source gives nothing, and why; what was shown last stays in place."""
        self.lost = printable(reason)

    def zoom(self, step: int) -> None:
        """Show less time (1), more time (-1) or the default (0) on the charts."""
        self.timespan = self.timespan.zoomed(step)
