"""The figures of a watched server: a line each, with bars over time where there is room."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.formats import cut, left
from cachedesk.desk.views.watch_figures import FigureLine, sparkline

_NAME, _VALUE = 10, 12
_NOTE = 24
_LEAST_BARS = 10


class WatchFigures(Widget):
    """Draws figure lines."""

    DEFAULT_CSS = """
    WatchFigures { height: 5; padding: 0 1; background: $surface; }
    """

    lines: reactive[tuple[FigureLine, ...]] = reactive(())

    def render(self) -> Content:
        """Return the lines."""
        return Content("\n").join(self._line(line) for line in self.lines[: self.size.height])

    def _line(self, line: FigureLine) -> Content:
        width = self.size.width
        name = left(line.name, _NAME)
        if not line.over_time:
            room = width - _NAME
            text = "  ".join(filter(None, (line.value, line.note)))
            return Content.assemble((name, "$foreground 75%"), cut(text, room))
        note = _NOTE if width - _NAME - _VALUE - _NOTE >= _LEAST_BARS else 0
        bars = max(0, width - _NAME - _VALUE - note)
        return Content.assemble(
            (name, "$foreground 75%"),
            (left(line.value, _VALUE), "bold"),
            (sparkline(line.over_time, bars, line.top), "$text-primary"),
            (left(f"  {line.note}", note) if note else "", "$foreground 75%"),
        )
