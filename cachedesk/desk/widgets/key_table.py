"""The hottest keys with their value in each store; the selection follows the key, not the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cachedesk.core.snapshot import HotKey
from cachedesk.desk.panels.spec import PanelTitle
from cachedesk.desk.views.formats import ABSENT, UNKNOWN, left, right
from cachedesk.desk.views.key_listing import Order, filtered
from cachedesk.desk.views.key_rows import COLUMNS, GAP, KeyRow, column_widths, policy_text, rows_of
from cachedesk.desk.views.key_state import KeyState

_POINTER = 2
_STYLES = {
    KeyState.FRESH: "fresh",
    KeyState.AHEAD: "ahead",
    KeyState.ONLY_LOG: "ahead",
    KeyState.NEWER_IN_LOG: "ahead",
    KeyState.DELETE_PENDING: "ahead",
    KeyState.BEING_WRITTEN: "ahead",
    KeyState.STALE: "stale",
    KeyState.LOST: "stale",
    KeyState.ONLY_REDIS: "ahead",
    KeyState.DEAD_LETTER: "stale",
    KeyState.ROW_UNKNOWN: "unknown",
    KeyState.CACHE_UNKNOWN: "unknown",
    KeyState.UNKNOWN: "unknown",
}


class KeyTable(ScrollView, can_focus=True):
    """Draws the visible lines of at most fifty keys; the header stays at the top."""

    @dataclass
    class Listed(Message):
        """The filter lists this many ``keys``, ``of`` all hot keys."""

        keys: int
        of: int

    @dataclass
    class Inspect(Message):
        """The user asks for an explanation of ``key``."""

        key: bytes

    HELP = (
        "↑ and ↓ select a key; the selection follows. Enter explains it, e evicts it, / filters, "
        "o sorts; a click on a column's title sorts by it, a second click undoes that."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move(-50)", "First", show=False),
        Binding("end", "move(50)", "Last", show=False),
        Binding("enter", "inspect", "Inspect", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "key-table--header",
        "key-table--plain",
        "key-table--cursor",
        "key-table--pointer",
        "key-table--fresh",
        "key-table--ahead",
        "key-table--stale",
        "key-table--unknown",
        "key-table--quiet",
    }
    DEFAULT_CSS = """
    KeyTable {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-color: $primary 40%;
        scrollbar-color-hover: $primary 60%;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        & > .key-table--header { color: $foreground 75%; }
        & > .key-table--plain { color: $foreground; }
        & > .key-table--quiet { color: $foreground 75%; }
        & > .key-table--cursor { background: $primary 22%; }
        & > .key-table--pointer { color: $primary; }
        & > .key-table--fresh { color: $text-success; }
        & > .key-table--ahead { color: $text-accent; }
        & > .key-table--stale { color: $text-error; text-style: bold; }
        & > .key-table--unknown { color: $text-warning; }
    }
    """

    selected: reactive[bytes | None] = reactive(None)
    filter_text: reactive[str] = reactive("")
    """The filter: only keys that match it are listed; empty lists all keys."""
    order: reactive[Order] = reactive(Order.USES)

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="key-table", classes="framed")
        self._title = title
        self._hot: tuple[HotKey, ...] = ()
        self._before: tuple[HotKey, ...] = ()
        self._rows: tuple[KeyRow, ...] = ()
        self._chosen = False
        self._framed = Content()
        self._listed = (0, 0)

    def show(self, hot: tuple[HotKey, ...]) -> None:
        """List these keys; the selected key stays selected, even in another row."""
        was_visible = self._is_visible(self._selected_row)
        self._before, self._hot = self._hot, hot
        self._list()
        self._entitle()
        if not self._chosen:
            self._select_by_default()
        self._select_a_listed_key()
        if was_visible and self._chosen:
            # Follow the key, unless the user has scrolled away from it.
            self._scroll_to_selection()

    def watch_selected(self) -> None:
        """List the keys again: one that is no longer hot is listed only while it is selected."""
        self._list()

    def watch_filter_text(self, filter_text: str) -> None:
        """List the keys that match the filter."""
        self._list()
        self._entitle()
        if filter_text and not self._chosen and self._rows:
            self.selected = self._rows[0].key
        self._select_a_listed_key()
        self._scroll_to_selection()

    def watch_order(self) -> None:
        """Sort the keys."""
        self._list()
        self.refresh()
        self._scroll_to_selection()

    def cycle_order(self) -> None:
        """Sort by the next criterion."""
        self.order = self.order.next

    def on_mount(self) -> None:
        """Set the title of the frame."""
        self._entitle()

    def _entitle(self) -> None:
        """Set the title of the frame, with the number of listed keys if there is a filter."""
        listed, of = len(filtered(self._hot, self.filter_text)), len(self._hot)
        if (listed, of) != self._listed:
            self._listed = listed, of
            self.post_message(self.Listed(listed, of))
        figure = Content(f"{listed} of {of}") if self.filter_text else None
        title = self._title.framed(figure)
        if not title.is_same(self._framed):
            self._framed = title
            self.border_title = title

    def on_resize(self) -> None:
        """Set the virtual width to that of the widget, so that nothing scrolls horizontally."""
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)

    def render_line(self, y: int) -> Strip:
        """Return the header for line 0, else the row on this line."""
        width = self.size.width
        if y == 0:
            return self._header(width)
        index = self.scroll_offset.y + y - 1
        if index == 0 and not self._rows:
            text = "  no key matches the filter" if self._hot else "  no key has been used yet"
            return Strip([Segment(left(text, width), self._part_style("quiet"))])
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._row(self._rows[index], width)

    def action_move(self, rows: int) -> None:
        """Move the selection by this many rows, within the list."""
        if self._rows:
            self._select(min(len(self._rows) - 1, max(0, self._selected_row + rows)))

    def action_move_page(self, pages: int) -> None:
        """Move the selection by this many pages."""
        self.action_move(pages * max(1, self.size.height - 1))

    def action_inspect(self) -> None:
        """Ask for an explanation of the selected key."""
        if (key := self.listed_selection) is not None:
            self.post_message(self.Inspect(key))

    def on_click(self, event: events.Click) -> None:
        """Select the clicked row and explain it on a double click; sort by the clicked column."""
        inside = event.get_content_offset(self)
        if inside is None:
            return
        if inside.y == 0:
            self.order = self._order_at(inside.x)
            return
        index = self.scroll_offset.y + inside.y - 1
        if index < len(self._rows):
            self._select(index)
            if event.chain == 2:
                self.action_inspect()

    def _order_at(self, x: int) -> Order:
        """Return the order for a click on the header: that of the column, or by use."""
        end = _POINTER
        for column, room in zip(COLUMNS, column_widths(self.size.width), strict=True):
            end += room + GAP if room else 0
            if room and x < end:
                named = {order.value: order for order in Order}
                wanted = named.get(column.title, Order.USES)
                return Order.USES if wanted is self.order else wanted
        return Order.USES

    @property
    def listed_selection(self) -> bytes | None:
        """The selected key, if it is listed: a command must not reach a key that is not shown."""
        listed = any(row.key == self.selected for row in self._rows)
        return self.selected if listed else None

    @property
    def _selected_row(self) -> int:
        keys = [row.key for row in self._rows]
        return keys.index(self.selected) if self.selected in keys else 0

    def _list(self) -> None:
        rows = rows_of(
            self._hot, self.selected, self._before, filter_text=self.filter_text, order=self.order
        )
        if rows != self._rows:
            self._rows = rows
            self.virtual_size = Size(self.size.width, len(rows) + 1)
            self.refresh()

    def _select_by_default(self) -> None:
        # The user has not selected a key, so the list shows the hottest ones. The default selection
        # is kept while it is visible, so that it does not change just before a key press.
        row = self._selected_row
        cooled = bool(self._rows) and self._rows[row].state is KeyState.COOLED
        if self._rows and (self.selected is None or cooled or not self._is_visible(row)):
            self.selected = self._rows[0].key

    def _select_a_listed_key(self) -> None:
        """Select the first key if the selected one is not listed."""
        if self._rows and self.listed_selection is None:
            self.selected = self._rows[0].key

    def _select(self, index: int) -> None:
        self._chosen = True
        self.selected = self._rows[index].key
        self._scroll_to_selection()

    def _is_visible(self, row: int) -> bool:
        return 0 <= row - self.scroll_offset.y < max(1, self.size.height - 1)

    def _scroll_to_selection(self) -> None:
        row, room = self._selected_row, max(1, self.size.height - 1)
        first = min(row, max(self.scroll_offset.y, row - room + 1))
        if first != self.scroll_offset.y:
            self.scroll_to(y=first, animate=False, immediate=True)

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"key-table--{name}")

    def _header(self, width: int) -> Strip:
        style = self._part_style("header")
        text = " " * _POINTER
        for column, room in zip(COLUMNS, column_widths(width), strict=True):
            sorts = column.title == self.order.value
            if room and column.align_right:
                # The sign stands in the gap, because a narrow column has no room for it.
                text += right(column.title, room) + ("▼" if sorts else "").ljust(GAP)
            elif room:
                text += left(f"{column.title} ▼" if sorts else column.title, room + GAP)
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _row(self, row: KeyRow, width: int) -> Strip:
        chosen = row.key == self.selected
        base = self._part_style("cursor") if chosen else self.rich_style
        over = Style(bgcolor=base.bgcolor, bold=chosen)
        plain, quiet = self._part_style("plain") + over, self._part_style("quiet") + over
        state = self._part_style(_STYLES.get(row.state, "quiet")) + over
        styles = (plain, quiet, plain, plain, plain, plain, state)
        segments = [Segment("▶ " if chosen else "  ", self._part_style("pointer") + over)]
        for column, text, room, style in zip(
            COLUMNS, row.cells, column_widths(width), styles, strict=True
        ):
            if room:
                shown = policy_text(text, room) if column.title == "policy" else text
                align = right if column.align_right else left
                dim = quiet if shown in (ABSENT, UNKNOWN) else style
                segments += [Segment(align(shown, room), dim), Segment(" " * GAP, base)]
        return Strip(segments).adjust_cell_length(width, base)
