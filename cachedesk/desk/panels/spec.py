"""What the desk must know of a panel to lay it out, label it, explain it and keep it current."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from textual.content import Content
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views.timespan import Timespan

Share = TypeVar("Share")

VAST_WIDTH = 180
"""From this width on, in cells, five charts stand side by side and can be read."""


class Area(StrEnum):
    """Where on the desk a panel stands; the value is the CSS class of its widget.

    ``TOP``: across the screen, under the books. ``CHART``: in the row of charts, side by side.
    ``MAIN``: the list that takes the height left over. ``LIST``: under it, or beside it on a very
    wide screen, with a height of its own.
    """

    TOP = "top-panel"
    CHART = "chart-panel"
    MAIN = "main-panel"
    LIST = "list-panel"


@dataclass(frozen=True, slots=True)
class PanelTitle:
    """A panel's number, which is also the key that shows and hides it, and its title."""

    number: int
    text: str

    def framed(self, figure: Content | None = None) -> Content:
        """Return the title for the frame: the number, the title, and a figure if there is one."""
        title = Content.assemble((f"{self.number} ", "$foreground 75%"), (self.text, "bold"))
        return Content.assemble(title, "  ", figure) if figure is not None else title


class PanelWidget(Widget, Generic[Share]):
    """The base of the widgets of the panels; each shows its share of a snapshot."""

    def show(self, share: Share) -> None:
        """Show this share of the newest snapshot."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """Focus the panel, or the widget in it that takes keys."""
        self.focus()

    @property
    def help_text(self) -> str | None:
        """What the help screen says while the panel has the focus."""
        return self.HELP


@dataclass(frozen=True, slots=True)
class PanelSpec(Generic[Share]):
    """One panel.

    Args:
        title: its number key and its title.
        meaning: what it shows, in a sentence for the help screen.
        area: where it stands.
        create: makes its widget.
        share: takes from a snapshot what the widget shows, for the stretch of time that the charts
            show.
        shown_from: the width of the screen, in cells, from which the panel is there by itself; on
            a narrower screen the user has to ask for it.
        over_time: whether its share depends on the stretch of time, so that zooming redraws it.
        terms: more words for the help screen, each with its meaning: the parts of the panel.
    """

    title: PanelTitle
    meaning: str
    area: Area
    create: Callable[[PanelTitle], PanelWidget[Share]]
    share: Callable[[Snapshot, Timespan], Share]
    shown_from: int = 0
    over_time: bool = False
    terms: tuple[tuple[str, str], ...] = ()

    @property
    def number(self) -> int:
        """The number key that shows and hides it."""
        return self.title.number

    def is_shown_at(self, width: int) -> bool:
        """Return whether it is there by itself on a screen this many cells wide."""
        return width >= self.shown_from

    def widget(self) -> PanelWidget[Share]:
        """Return a new widget with the CSS class of its area."""
        return self.create(self.title).add_class(self.area)

    def update(self, widget: PanelWidget[Share], snapshot: Snapshot, timespan: Timespan) -> None:
        """Hand the widget its share of the snapshot."""
        widget.show(self.share(snapshot, timespan))


AnyPanel = PanelSpec[Any]
