"""The latency table: how long each path takes, in figures and on a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip

from cachedesk.core.snapshot import Latencies
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.views.formats import ABSENT, left, right
from cachedesk.desk.views.latencies import PathLine, path_lines, scale, stretch

_NAME, _SHORT, _FIGURE = 13, 8, 8
_LEAST_SCALE = 16


class LatencyTable(PanelWidget[Latencies], can_focus=True):
    """Draws a line for each path: p50, p99, the worst, the count, and a bar."""

    HELP = "● is the median, ┤ the slowest in a hundred, • the worst. Enter expands."
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "latency--number",
        "latency--title",
        "latency--header",
        "latency--name",
        "latency--figure",
        "latency--quiet",
        "latency--bar",
    }
    DEFAULT_CSS = """
    LatencyTable {
        height: 1fr;
        padding: 0 0 0 1;
        & > .latency--number { color: $foreground 75%; }
        & > .latency--title { text-style: bold; }
        &:focus > .latency--title { text-style: bold reverse; }
        & > .latency--header { color: $foreground 75%; }
        & > .latency--name { color: $foreground; }
        & > .latency--figure { color: $foreground; }
        & > .latency--quiet { color: $foreground 75%; }
        & > .latency--bar { color: $text-primary; }
    }
    """

    latencies: reactive[Latencies] = reactive(Latencies())

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="latency")
        self._title = title
        self.border_title = title.framed()

    def show(self, share: Latencies) -> None:
        """Show these latencies."""
        self.latencies = share

    def render_line(self, y: int) -> Strip:
        """Return the title, the header, or the line of a path, depending on the room."""
        width, height = self.size
        lines = path_lines(self.latencies)
        framed = self.outer_size.height > height
        titles = 0 if framed or height <= len(lines) else 1
        headers = 1 if height - titles > len(lines) else 0
        if y < titles:
            strip = self._strip((f"{self._title.number} ", "number"), (self._title.text, "title"))
        elif y < titles + headers:
            strip = self._header(width)
        elif y - titles - headers < len(lines):
            strip = self._path(lines[y - titles - headers], width)
        else:
            strip = Strip([])
        return strip.adjust_cell_length(width, self.rich_style)

    def _header(self, width: int) -> Strip:
        figures, bar = _columns(width)
        text = left("", _name_cells(width)) + "".join(
            right(title, _FIGURE) for title in _FIGURES[:figures]
        )
        return self._strip((text, "header"), ("  " + scale(bar) if bar else "", "header"))

    def _path(self, line: PathLine, width: int) -> Strip:
        figures, bar = _columns(width)
        cells = _name_cells(width)
        texts = (line.p50, line.p99, line.worst, line.count)[:figures]
        return self._strip(
            (left(line.name if cells == _NAME else line.short, cells), "name"),
            *((right(text, _FIGURE), "quiet" if text == ABSENT else "figure") for text in texts),
            ("  ", "quiet"),
            (stretch(line.times, bar) if bar else "", "bar" if line.times.count else "quiet"),
        )

    def _strip(self, *pieces: tuple[str, str]) -> Strip:
        return Strip([Segment(text, self._part_style(name)) for text, name in pieces])

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"latency--{name}")


_FIGURES: Sequence[str] = ("p50", "p99", "worst", "count")


def _name_cells(width: int) -> int:
    return _NAME if width >= _NAME + 2 * _FIGURE else _SHORT


def _columns(width: int) -> tuple[int, int]:
    """Return the number of figures, and the width of the scale in cells; 0: no scale."""
    room = width - _name_cells(width)
    figures = min(len(_FIGURES), max(1, room // _FIGURE))
    for wanted in (len(_FIGURES), 2):
        if room - wanted * _FIGURE - 2 >= _LEAST_SCALE:
            return wanted, room - wanted * _FIGURE - 3
    return figures, 0
