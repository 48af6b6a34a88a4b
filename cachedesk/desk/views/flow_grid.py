"""A grid of styled cells to draw the flow on, and the look of its arrows in each state."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len

from cachedesk.desk.views.flow_model import Arrow, ArrowState

Run = tuple[str, str]
"""A piece of a line, and the name of its style."""

PLAIN = ""
LINES = {
    ArrowState.IDLE: ("─", "▶", "▼", "▲", "idle"),
    ArrowState.WELL: ("─", "▶", "▼", "▲", "well"),
    ArrowState.LIT: ("━", "▶", "▼", "▲", "lit"),
    ArrowState.BLOCKED: ("╌", "✗", "✗", "✗", "blocked"),
    ArrowState.HELD: ("╌", "‖", "‖", "‖", "lit"),
}
UPRIGHT = {
    ArrowState.IDLE: "│",
    ArrowState.WELL: "│",
    ArrowState.LIT: "┃",
    ArrowState.BLOCKED: "╎",
    ArrowState.HELD: "╎",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of cells: the left column, the top row, and its size."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height


class Grid:
    """A grid of cells to write on; text outside of it is dropped."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._letters = [[" "] * width for _ in range(height)]
        self._styles = [[PLAIN] * width for _ in range(height)]

    def write(self, column: int, row: int, text: str, style: str) -> None:
        """Write ``text``, whose characters are one cell wide, to the right of this cell."""
        if not 0 <= row < self.height:
            return
        for at, letter in enumerate(text, column):
            if 0 <= at < self.width:
                self._letters[row][at] = letter
                self._styles[row][at] = style

    def lines(self) -> list[list[Run]]:
        """Return each line as a list of runs, each of one style."""
        return list(map(_runs, self._letters, self._styles))


def write_armed(grid: Grid, column: int, row: int, room: int, arrow: Arrow) -> None:
    """Draw the armed failpoints; without room for the name, only the diamond."""
    if not arrow.armed:
        return
    more = f" +{len(arrow.armed) - 1}" if len(arrow.armed) > 1 else ""
    text = f"◇ {arrow.armed[0]}{more}"
    grid.write(column, row, f"{text} " if cell_len(text) <= room else "◇", "armed")


def label_style(arrow: Arrow) -> str:
    if arrow.state is ArrowState.IDLE:
        return "label"
    return "figure" if arrow.state is ArrowState.WELL else LINES[arrow.state][4]


def _runs(letters: list[str], styles: list[str]) -> list[Run]:
    runs, begin = [], 0
    for style, run in groupby(styles):
        end = begin + len(list(run))
        runs.append(("".join(letters[begin:end]), style))
        begin = end
    return runs
