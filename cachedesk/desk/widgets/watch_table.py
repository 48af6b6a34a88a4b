"""The table of prefixes of a watched server, sorted and filtered."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cachedesk.core.wording import NOTHING
from cachedesk.desk.views.formats import left, right
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.views.watch_rows import (
    COLUMNS,
    GAP,
    WatchOrder,
    WatchRow,
    fitted,
    watch_rows,
    widths,
)
from cachedesk.watch.snapshot import PatternRow

_HIT_RATE = next(index for index, it in enumerate(COLUMNS) if it.title == "hit rate")


class WatchTable(ScrollView, can_focus=True):
    """Draws a line for each prefix; a header stays at the top."""

    HELP = "↑ and ↓ scroll, s sorts by the next column, / filters; a click on a title sorts by it."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Up", show=False),
        Binding("down", "scroll_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home", "scroll_home", "First", show=False),
        Binding("end", "scroll_end", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "watch-table--header",
        "watch-table--plain",
        "watch-table--quiet",
        "watch-table--well",
        "watch-table--warning",
        "watch-table--broken",
    }
    DEFAULT_CSS = """
    WatchTable {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-color: $primary 40%;
        scrollbar-background: $background;
        & > .watch-table--header { color: $foreground 75%; }
        & > .watch-table--plain { color: $foreground; }
        & > .watch-table--quiet { color: $foreground 75%; }
        & > .watch-table--well { color: $text-success; }
        & > .watch-table--warning { color: $foreground; }
        & > .watch-table--broken { color: $text-warning; }
    }
    """

    order: reactive[WatchOrder] = reactive(WatchOrder.READS)
    filter_text: reactive[str] = reactive("")

    def __init__(self) -> None:
        super().__init__(id="watch-table", classes="framed")
        self._known: tuple[PatternRow, ...] = ()
        self._rows: tuple[WatchRow, ...] = ()

    @property
    def listed(self) -> tuple[int, int]:
        """How many prefixes are listed, and of how many."""
        return len(self._rows), len(self._known)

    @property
    def _width(self) -> int:
        # Without the scrollbar, or it would cover the last column.
        return self.scrollable_content_region.width

    def show(self, rows: tuple[PatternRow, ...]) -> None:
        """List these prefixes."""
        self._known = rows
        self._list()

    def watch_order(self) -> None:
        """List in this order, from the top."""
        self._list()
        self.scroll_to(y=0, animate=False, immediate=True)
        self.refresh()

    def watch_filter_text(self) -> None:
        """List what matches."""
        self._list()

    def on_resize(self) -> None:
        """There is nothing to scroll sideways."""
        self.virtual_size = Size(self._width, len(self._rows) + 1)

    def on_click(self, event: events.Click) -> None:
        """Sort by the column whose title was clicked."""
        inside = event.get_content_offset(self)
        if inside is None or inside.y:
            return
        end = 0
        for column, room in zip(COLUMNS, widths(self._width), strict=True):
            end += room + GAP if room else 0
            if room and inside.x < end:
                self.order = WatchOrder(column.title)
                return

    def render_line(self, y: int) -> Strip:
        """Return the header for line 0, else the row that is scrolled to this line."""
        width = self._width
        if y == 0:
            return self._header(width)
        index = self.scroll_offset.y + y - 1
        if index == 0 and not self._rows:
            said = "nothing matches the filter" if self._known else "no key was seen yet"
            return Strip([Segment(left(said, width), self._part_style("quiet"))])
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._row(self._rows[index], width)

    def _list(self) -> None:
        rows = watch_rows(self._known, self.order, self.filter_text)
        if rows != self._rows:
            self._rows = rows
            self.virtual_size = Size(self._width, len(rows) + 1)
            self.refresh()

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"watch-table--{name}")

    def _header(self, width: int) -> Strip:
        text = ""
        for index, (column, room) in enumerate(zip(COLUMNS, widths(width), strict=True)):
            sign = "▼" if column.title == self.order.value else ""
            if room and index == 0:
                text += left(f"{column.title} {sign}", room)
            elif room:
                text += right(f"{sign}{column.title}", room + GAP)
        style = self._part_style("header")
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _row(self, row: WatchRow, width: int) -> Strip:
        segments = []
        for index, (text, room) in enumerate(zip(row.cells, widths(width), strict=True)):
            if not room:
                continue
            name = "quiet" if text == NOTHING else "plain"
            if index == _HIT_RATE and row.tone is not Tone.IDLE:
                name = row.tone.value
            shown = left(text, room) if index == 0 else right(fitted(text, room), room + GAP)
            segments.append(Segment(shown, self._part_style(name)))
        return Strip(segments).adjust_cell_length(width, self.rich_style)
