"""The keys of a pair, those that differ first, with what a read returns on each side."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive, var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cachedesk.desk.views.differences import Differences, KeyPair, Kind
from cachedesk.desk.views.formats import ABSENT, data_text, left, right

NOT_YET = "no key can be compared yet"
_POINTER, _GAP = 2, 2
_LEAST_VALUE, _MOST_VALUE = 8, 28
_NOTE = 26
_STYLES = {Kind.READ: "differs", Kind.TRUTH: "hidden", Kind.SAME: "quiet"}


class DifferenceTable(ScrollView, can_focus=True):
    """Draws a header and a line for each key; the selection follows the key, not the row."""

    HELP = (
        "↑ and ↓ select a key, i explains it, e evicts it on both sides, / filters the list. "
        "Red: a read returns different values. "
        "Yellow: a read returns the same, but one side holds it in Redis only."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home", "move(-50)", "First", show=False),
        Binding("end", "move(50)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "difference-table--header",
        "difference-table--plain",
        "difference-table--cursor",
        "difference-table--pointer",
        "difference-table--differs",
        "difference-table--hidden",
        "difference-table--quiet",
    }
    DEFAULT_CSS = """
    DifferenceTable {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-color: $primary 40%;
        scrollbar-background: $background;
        & > .difference-table--header { color: $foreground 75%; }
        & > .difference-table--plain { color: $foreground; }
        & > .difference-table--cursor { background: $primary 22%; }
        & > .difference-table--pointer { color: $primary; }
        & > .difference-table--differs { color: $text-error; text-style: bold; }
        & > .difference-table--hidden { color: $text-warning; }
        & > .difference-table--quiet { color: $foreground 75%; }
    }
    """

    found: reactive[Differences] = reactive(Differences())
    titles: reactive[tuple[str, str]] = reactive(("left", "right"))
    selected: reactive[bytes | None] = reactive(None)
    filter_text: var[str] = var("")
    """What ``found`` is filtered by, for the words of an empty list."""
    empty: reactive[str] = reactive(NOT_YET)
    """The words of a list that is empty without a filter."""

    def watch_found(self, found: Differences) -> None:
        """List the keys; a selected key that is listed no longer is not selected any more."""
        if self.listed_selection is None:
            self.selected = found.rows[0].key if found.rows else None
        self.virtual_size = Size(self.size.width, len(found.rows) + 1)

    def on_resize(self) -> None:
        """Set the virtual width to that of the widget, so that nothing scrolls horizontally."""
        self.virtual_size = Size(self.size.width, len(self.found.rows) + 1)

    @property
    def listed_selection(self) -> bytes | None:
        """The selected key, if it is listed."""
        listed = any(row.key == self.selected for row in self.found.rows)
        return self.selected if listed else None

    def action_move(self, rows: int) -> None:
        """Move the selection by this many rows, within the list."""
        if self.found.rows:
            self._select(self._selected_row + rows)

    def on_click(self, event: events.Click) -> None:
        """Select the clicked row."""
        inside = event.get_content_offset(self)
        if inside is not None and inside.y > 0:
            index = self.scroll_offset.y + inside.y - 1
            if index < len(self.found.rows):
                self._select(index)

    def render_line(self, y: int) -> Strip:
        """Return the header for line 0, else the row on this line."""
        width = self.size.width
        rows = self.found.rows
        if y == 0:
            return self._header(width)
        index = self.scroll_offset.y + y - 1
        if index == 0 and not rows:
            words = "no key matches" if self.filter_text else self.empty
            text = left(f"  {words}", width)
            return Strip([Segment(text, self._part("quiet"))])
        if index >= len(rows):
            return Strip.blank(width, self.rich_style)
        return self._row(rows[index], width)

    @property
    def _selected_row(self) -> int:
        keys = [row.key for row in self.found.rows]
        return keys.index(self.selected) if self.selected in keys else 0

    def _select(self, row: int) -> None:
        row = min(len(self.found.rows) - 1, max(0, row))
        self.selected = self.found.rows[row].key
        room = max(1, self.size.height - 1)
        first = min(row, max(self.scroll_offset.y, row - room + 1))
        if first != self.scroll_offset.y:
            self.scroll_to(y=first, animate=False, immediate=True)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"difference-table--{name}")

    def _header(self, width: int) -> Strip:
        style = self._part("header")
        key, value, note = column_widths(width)
        texts = [left("key", key), *(right(title, value) for title in self.titles)]
        text = " " * _POINTER + (" " * _GAP).join((*texts, left("", note)))
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _row(self, row: KeyPair, width: int) -> Strip:
        chosen = row.key == self.selected and self.has_focus
        base = self._part("cursor") if chosen else self.rich_style
        over = Style(bgcolor=base.bgcolor, bold=chosen)
        plain, state = self._part("plain") + over, self._part(_STYLES[row.kind]) + over
        value_style = state if row.kind is Kind.READ else plain
        key, value, note = column_widths(width)
        gap = Segment(" " * _GAP, base)
        segments = [
            Segment("▶ " if chosen else "  ", self._part("pointer") + over),
            Segment(left(data_text(row.key), key), plain),
            gap,
            Segment(right(_text(row.left), value), value_style),
            gap,
            Segment(right(_text(row.right), value), value_style),
            gap,
            Segment(left(row.note or "same", note), state),
        ]
        return Strip(segments).adjust_cell_length(width, base)


def column_widths(width: int) -> tuple[int, int, int]:
    """Return the widths of the key, of each value, and of the note."""
    note = min(_NOTE, max(12, width * 3 // 10))
    room = max(0, width - _POINTER - 3 * _GAP - note - 1)
    value = min(_MOST_VALUE, max(_LEAST_VALUE, room * 3 // 10))
    return max(6, room - 2 * value), value, note


def _text(value: bytes | None) -> str:
    return ABSENT if value is None else data_text(value)
