"""The description of a panel: where it stands, what it is called, what it shows, and its help."""

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
"""The width, in cells, from which five charts fit side by side."""


class Area(StrEnum):
    """Where on the desk a panel stands; the value is the CSS class of its widget.

    ``TOP``: the full width of the screen, under the books. ``CHART``: in the row of charts.
    ``MAIN``: the list that takes the remaining height. ``LIST``: under it with a fixed height, or
    beside it on a very wide screen.
    """

    TOP = "top-panel"
    CHART = "chart-panel"
    MAIN = "main-panel"
    LIST = "list-panel"


@dataclass(frozen=True, slots=True)
class PanelTitle:
    """The title of a panel, and its number, which is also the key that shows and hides it."""

    number: int
    text: str

    def framed(self, figure: Content | None = None) -> Content:
        """Return the title for the frame: the number, the text, and ``figure`` if there is one."""
        title = Content.assemble((f"{self.number} ", "$foreground 75%"), (self.text, "bold"))
        return Content.assemble(title, "  ", figure) if figure is not None else title


class PanelWidget(Widget, Generic[Share]):
    """The base class of the panels' widgets; each shows its share of a snapshot."""

    def show(self, share: Share) -> None:
        """Show ``share``, which comes from the newest snapshot."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """Focus the panel, or the widget in it that handles keys."""
        self.focus()

    @property
    def help_text(self) -> str | None:
        """The text of the help screen while the panel has the focus."""
        return self.HELP


@dataclass(frozen=True, slots=True)
class PanelSpec(Generic[Share]):
    """The description of one panel.

    Args:
        title: the number and the title.
        meaning: a sentence for the help screen that says what the panel shows.
        area: where it stands.
        create: creates its widget.
        share: extracts what the widget shows from a snapshot, for the timespan of the charts.
        shown_from: the width of the screen, in cells, from which the panel is shown by default; on
            a narrower screen its number key shows it.
        over_time: whether its share depends on the timespan, so that zooming redraws it.
        terms: pairs of term and explanation for the help screen, such as the parts of the panel.
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
        """The number, which is also the key that shows and hides the panel."""
        return self.title.number

    def is_shown_at(self, width: int) -> bool:
        """Return whether it is shown by default on a screen this many cells wide."""
        return width >= self.shown_from

    def widget(self) -> PanelWidget[Share]:
        """Return a new widget with the CSS class of its area."""
        # It is styled when it is mounted.
        return self.create(self.title).add_class(self.area, update=False)

    def update(self, widget: PanelWidget[Share], snapshot: Snapshot, timespan: Timespan) -> None:
        """Give ``widget`` its share of ``snapshot``."""
        widget.show(self.share(snapshot, timespan))


AnyPanel = PanelSpec[Any]
