"""The flow: the whiteboard where there is room for it, a line for each part where there is not."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.views.components import database_view, log_view, redis_view, worker_view
from cachedesk.desk.views.flow import Whiteboard, whiteboard
from cachedesk.desk.views.flow_layout import LEAST_HEIGHT, LEAST_WIDTH, sketch
from cachedesk.desk.widgets.component import Part

_PARTS = (
    ("redis", redis_view),
    ("log", log_view),
    ("worker", worker_view),
    ("database", database_view),
)


class Picture(Widget):
    """Draws the whiteboard; draws anew only when something on it has changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "picture--frame",
        "picture--name",
        "picture--label",
        "picture--figure",
        "picture--gauge",
        "picture--idle",
        "picture--well",
        "picture--up",
        "picture--lit",
        "picture--blocked",
        "picture--armed",
    }
    DEFAULT_CSS = """
    Picture {
        height: 1fr;
        & > .picture--frame { color: $foreground 45%; }
        & > .picture--name { color: $foreground; text-style: bold; }
        & > .picture--label { color: $foreground 75%; }
        & > .picture--figure { color: $foreground; }
        & > .picture--gauge { color: $primary; }
        & > .picture--idle { color: $foreground 35%; }
        & > .picture--well { color: $text-primary; }
        & > .picture--up { color: $text-success; }
        & > .picture--lit { color: $text-warning; text-style: bold; }
        & > .picture--blocked { color: $text-error; text-style: bold; }
        & > .picture--armed { color: $text-accent; text-style: bold; }
    }
    """

    board: reactive[Whiteboard | None] = reactive(None)

    def __init__(self) -> None:
        super().__init__(id="picture")
        self._lines: list[Strip] = []
        self._drawn: tuple[Whiteboard | None, Size] | None = None

    def notify_style_update(self) -> None:
        """Forget the drawing: its colours may be those of another theme."""
        self._drawn = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Return line ``y``; all lines are drawn at the first one asked for."""
        if self._drawn != (self.board, self.size):
            self._lines = self._draw()
            self._drawn = self.board, self.size
        if y < len(self._lines):
            return self._lines[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        if self.board is None or width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return []
        return [
            Strip([Segment(text, self._look(look)) for text, look in line], width)
            for line in sketch(self.board, width, height)
        ]

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(f"picture--{name}") if name else self.rich_style


class Flow(Container, PanelWidget[Snapshot], can_focus=True):
    """The four parts and what flows between them."""

    HELP = "Enter gives the picture the whole screen; there it has room for every figure."

    DEFAULT_CSS = """
    Flow {
        height: auto;
        layout: vertical;
        & > Picture { display: none; }
        & > Part { height: 1; }
        &:focus { background-tint: $primary 8%; }
        &.-roomy > Picture { display: block; }
        &.-roomy > Part { display: none; }
    }
    """

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="flow")
        self.border_title = title.framed()

    def compose(self) -> ComposeResult:
        """Yield both forms; the size decides which is seen."""
        yield Picture()
        for name, _ in _PARTS:
            yield Part(id=name)

    def on_mount(self) -> None:
        """Draw the parts as they are before anything is known."""
        self.show(Snapshot(at=0.0))

    def on_resize(self) -> None:
        """Choose the form that fits."""
        roomy = self.size.width >= LEAST_WIDTH and self.size.height >= LEAST_HEIGHT
        self.set_class(roomy, "-roomy")

    def show(self, share: Snapshot) -> None:
        """Show this snapshot."""
        self.query_one(Picture).board = whiteboard(share)
        for name, view in _PARTS:
            self.query_one(f"#{name}", Part).view = view(share)
