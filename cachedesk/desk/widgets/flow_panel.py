"""The flow panel: a diagram, a sketch of it in a few lines, or a line for each component."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
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
from cachedesk.desk.views.flow_grid import Run
from cachedesk.desk.views.flow_layout import diagram_fits, flow_lines
from cachedesk.desk.views.flow_model import FlowModel, flow_model
from cachedesk.desk.views.flow_projector import projector_fits, projector_lines
from cachedesk.desk.views.flow_sketch import sketch_fits, sketch_lines
from cachedesk.desk.widgets.component_line import ComponentLine

_COMPONENTS = (
    ("redis", redis_view),
    ("log", log_view),
    ("worker", worker_view),
    ("database", database_view),
)


Draw = Callable[[FlowModel, int, int], list[list[Run]]]


def layout_for(width: int, height: int, *, large: bool = False) -> Draw | None:
    """Return what draws the flow in so many cells and lines; ``None``: nothing can.

    Args:
        width: the width in cells.
        height: the height in lines.
        large: whether to draw it for a projector, if that fits.
    """
    fits = diagram_fits(width, height)
    if projector_fits(width, height) and (large or not fits):
        return projector_lines
    if fits:
        return flow_lines
    return sketch_lines if sketch_fits(width, height) else None


class FlowDiagram(Widget):
    """Draws the flow as a picture; redraws it only if something has changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "flow--frame",
        "flow--name",
        "flow--label",
        "flow--figure",
        "flow--gauge",
        "flow--idle",
        "flow--well",
        "flow--up",
        "flow--lit",
        "flow--blocked",
        "flow--armed",
        "flow--on-idle",
        "flow--on-well",
        "flow--on-warning",
        "flow--on-broken",
    }
    DEFAULT_CSS = """
    FlowDiagram {
        height: 1fr;
        & > .flow--frame { color: $foreground 45%; }
        & > .flow--name { color: $foreground; text-style: bold; }
        & > .flow--label { color: $foreground 75%; }
        & > .flow--figure { color: $foreground; }
        & > .flow--gauge { color: $primary; }
        & > .flow--idle { color: $foreground 35%; }
        & > .flow--well { color: $text-primary; }
        & > .flow--up { color: $text-success; }
        & > .flow--lit { color: $text-warning; text-style: bold; }
        & > .flow--blocked { color: $text-error; text-style: bold; }
        & > .flow--armed { color: $text-accent; text-style: bold; }
        & > .flow--on-idle { color: $foreground; text-style: bold; }
        & > .flow--on-well { color: $text; background: $success 30%; text-style: bold; }
        & > .flow--on-warning { color: $text; background: $warning 45%; text-style: bold; }
        & > .flow--on-broken { color: $text; background: $error 60%; text-style: bold; }
    }
    """

    model: reactive[FlowModel | None] = reactive(None)
    large: reactive[bool] = reactive(False)
    """Whether to draw it for a projector."""

    def __init__(self) -> None:
        super().__init__(id="picture")
        self._lines: list[Strip] = []
        self._drawn: tuple[FlowModel | None, bool, Size] | None = None

    def notify_style_update(self) -> None:
        """Discard the drawing, which may have the colours of another theme."""
        self._drawn = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Return line ``y``; the first call draws all lines."""
        drawn = self.model, self.large, self.size
        if self._drawn != drawn:
            self._lines = self._draw()
            self._drawn = drawn
        if y < len(self._lines):
            return self._lines[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        draw = layout_for(width, height, large=self.large)
        if self.model is None or draw is None:
            return []
        # Some hundred pieces have a dozen styles: each is asked for once.
        style_of = cache(self._part_style)
        return [
            Strip([Segment(text, style_of(style)) for text, style in line], width)
            for line in draw(self.model, width, height)
        ]

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"flow--{name}") if name else self.rich_style


class FlowPanel(Container, PanelWidget[Snapshot], can_focus=True):
    """The four components and the traffic between them."""

    HELP = "Enter expands the diagram to the whole screen, where it shows every figure."

    DEFAULT_CSS = """
    FlowPanel {
        height: auto;
        layout: vertical;
        & > FlowDiagram { display: none; }
        & > ComponentLine { height: 1; }
        &.-roomy > FlowDiagram { display: block; }
        &.-roomy > ComponentLine { display: none; }
    }
    """

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="flow")
        self.border_title = title.framed()

    def compose(self) -> ComposeResult:
        """Yield both forms; the size decides which one is shown."""
        yield FlowDiagram()
        for name, _ in _COMPONENTS:
            yield ComponentLine(id=name)

    def enlarge(self, *, large: bool) -> None:
        """Draw the flow for a projector, or as usual."""
        self.query_one(FlowDiagram).large = large

    def on_mount(self) -> None:
        """Show the components as they are before the first snapshot."""
        self.show(Snapshot(at=0.0))

    def on_resize(self) -> None:
        """Choose the form that fits."""
        self.set_class(layout_for(*self.size) is not None, "-roomy")

    def show(self, share: Snapshot) -> None:
        """Show this snapshot."""
        self.query_one(FlowDiagram).model = flow_model(share)
        for name, view in _COMPONENTS:
            self.query_one(f"#{name}", ComponentLine).view = view(share)
