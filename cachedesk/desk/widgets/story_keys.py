"""The keys that a story names, in a small table that keeps its place."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.formats import cut
from cachedesk.desk.views.story_key_rows import TITLES, cells_of, is_lost, widths_of
from cachedesk.lab.stories.story_keys import KeyLine

_GAP = "   "
_PADDING = 2


class StoryKeys(Widget):
    """Draws what Redis, the log and SQLite hold of each key, and what it should be."""

    DEFAULT_CSS = """
    StoryKeys {
        height: auto;
        padding: 0 1;
        background: $surface;
        color: $foreground;
        text-wrap: nowrap;
        &.-empty { display: none; }
    }
    """

    ALLOW_SELECT = False

    lines: reactive[tuple[KeyLine, ...]] = reactive((), layout=True)

    def render(self) -> Content:
        """Return the header and one line per key."""
        rows = [cells_of(line) for line in self.lines]
        widths = widths_of(rows, self.size.width or self.app.size.width - _PADDING)
        drawn = [Content.styled(_joined(TITLES, widths), "$foreground 75%")]
        for line, row in zip(self.lines, rows, strict=True):
            style = "bold $text-error" if is_lost(line) else ""
            drawn.append(Content.styled(_joined(row, widths), style))
        return Content("\n").join(drawn)


def _joined(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    key, *values = (cut(cell, width) for cell, width in zip(cells, widths, strict=True))
    right = (value.rjust(width) for value, width in zip(values, widths[1:], strict=True))
    return _GAP.join((key.ljust(widths[0]), *right))
