"""The event list: incidents newest first, each kind with its glyph and word."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cachedesk.core.snapshot import Event, EventKind
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.views.formats import clock, cut, left
from cachedesk.desk.views.incident_words import details_of, kind_of, line_of, when_of
from cachedesk.desk.views.incidents import Incident

_DETAILED_ROWS = 13
"""The number of rows from which the events of an incident are listed under it."""

_TEXT_COLUMN = 21
"""The width of the time and the kind, in cells."""

_RANGE_FROM = 100
"""The width of the list, in cells, from which the end of an incident stands beside its start."""

_RANGE = 9
"""How many cells that takes."""

GLYPHS = {
    EventKind.INFO: "·",
    EventKind.FAULT: "▼",
    EventKind.HEALED: "▲",
    EventKind.RECOVERY: "↻",
    EventKind.ERROR: "✗",
}


def one_line(text: str) -> str:
    """Return ``text`` without line breaks and control characters."""
    joined = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "�" for letter in joined)


class EventList(ScrollView, PanelWidget[tuple[Incident, ...]], can_focus=True):
    """Draws the visible lines: a line for each incident, with room also one for each event."""

    HELP = (
        "An entry holds what one fault caused. ↑ and ↓ select one, Enter goes back to the "
        "moment before it, and I opens its card; z "
        "gives the list the whole screen, with every event."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("enter", "seek", "Go there", show=False),
    ]

    class Sought(Message):
        """The user wants to see the moment before ``incident``."""

        def __init__(self, incident: Incident) -> None:
            super().__init__()
            self.incident = incident

    class Chosen(Message):
        """The user has chosen the entry of ``incident`` with the mouse."""

        def __init__(self, incident: Incident) -> None:
            super().__init__()
            self.incident = incident

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "event-list--clock",
        "event-list--info",
        "event-list--fault",
        "event-list--healed",
        "event-list--recovery",
        "event-list--error",
        "event-list--text",
        "event-list--cursor",
    }
    DEFAULT_CSS = """
    EventList {
        height: 2;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-color: $primary 40%;
        scrollbar-color-hover: $primary 60%;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        & > .event-list--clock { color: $foreground 75%; }
        & > .event-list--info { color: $foreground 75%; }
        & > .event-list--fault { color: $text-error; text-style: bold; }
        & > .event-list--healed { color: $text-success; text-style: bold; }
        & > .event-list--recovery { color: $text-accent; text-style: bold; }
        & > .event-list--error { color: $text-error; text-style: bold; }
        & > .event-list--text { color: $foreground; }
        & > .event-list--cursor { text-style: reverse; }
    }
    """

    happened: reactive[tuple[Incident, ...]] = reactive(tuple)

    selected: reactive[Incident | None] = reactive(None)
    """The selected entry as it was when it was selected; ``None``: the newest."""

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="events")
        self.border_title = title.framed()
        self._rows: list[Incident | Event] = []

    @property
    def selection(self) -> Incident | None:
        """The selected entry as it is now; ``None`` if there is no entry."""
        chosen = self.selected
        if chosen is not None:
            for incident in self.happened:
                if incident.continues(chosen):
                    return incident
        return self.happened[-1] if self.happened else None

    def action_move(self, rows: int) -> None:
        """Select an older entry, or a newer one if ``rows`` is negative; the newest stays selected
        while others come."""
        if (now := self.selection) is None:
            return
        place = self.happened.index(now) - rows
        place = min(max(0, place), len(self.happened) - 1)
        newest = place == len(self.happened) - 1
        self.selected = None if newest else self.happened[place]
        self._scroll_to_selection()

    def action_seek(self) -> None:
        """Ask for the moment before the selected entry."""
        if (incident := self.selection) is not None:
            self.post_message(self.Sought(incident))

    def on_click(self, event: Click) -> None:
        """Select the entry that was clicked; choose it if it was selected."""
        row = self.scroll_offset.y + event.y - self.content_region.y + self.region.y
        if not 0 <= row < len(self._rows):
            return
        entry = next(it for it in reversed(self._rows[: row + 1]) if isinstance(it, Incident))
        if entry is self.selection:
            self.post_message(self.Chosen(entry))
        else:
            self.selected = None if entry is self.happened[-1] else entry

    def show(self, share: tuple[Incident, ...]) -> None:
        """Show these incidents."""
        self.happened = share

    def watch_happened(self) -> None:
        """Adapt the height to the new list; a scrolled list keeps showing the same entries."""
        before = self.virtual_size.height
        self._lay_out()
        if self.scroll_offset.y and len(self._rows) > before:
            down = self.scroll_offset.y + len(self._rows) - before
            self.scroll_to(y=down, animate=False, immediate=True)

    def watch_selected(self) -> None:
        """Draw the cursor at its new place."""
        self.refresh()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()

    def on_resize(self) -> None:
        """Show the events of each incident if there is room for them."""
        self._lay_out()

    def _lay_out(self) -> None:
        # The virtual width is that of the widget, so that nothing scrolls horizontally.
        detailed = self.size.height >= _DETAILED_ROWS
        self._rows = []
        for incident in reversed(self.happened):
            self._rows.append(incident)
            if detailed:
                self._rows += details_of(incident)
        self.virtual_size = Size(self.size.width, len(self._rows))

    def render_line(self, y: int) -> Strip:
        """Return the entry on this line; the newest is at the top."""
        # Without the scroll bar, which would hide the ellipsis of a truncated text.
        width = self.scrollable_content_region.width
        row = self.scroll_offset.y + y
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        shown = self._rows[row]
        if isinstance(shown, Event):
            when = clock(shown.at)
            return self._line(when, shown.kind, one_line(shown.full_text), width, indent=2)
        # Stages are left out for a shorter line, but only the text itself is ever cut.
        briefly = width < _RANGE_FROM
        text = one_line(line_of(shown, width - _TEXT_COLUMN - (0 if briefly else _RANGE)))
        cursor = self.has_focus and shown is self.selection
        when = when_of(shown, briefly=briefly)
        return self._line(when, kind_of(shown), text, width, cursor=cursor)

    def _scroll_to_selection(self) -> None:
        if (selection := self.selection) is None:
            return
        row = self._rows.index(selection)
        first, height = self.scroll_offset.y, self.scrollable_content_region.height
        if not first <= row < first + height:
            y = row if row < first else row - height + 1
            self.scroll_to(y=y, animate=False, immediate=True)

    def _line(
        self,
        when: str,
        kind: EventKind,
        text: str,
        width: int,
        indent: int = 0,
        *,
        cursor: bool = False,
    ) -> Strip:
        dim = self.get_component_rich_style("event-list--clock")
        at_cursor = self.get_component_rich_style("event-list--cursor") if cursor else dim
        # The events of an incident are indented, and have no range.
        room = 8 + (_RANGE if width >= _RANGE_FROM else 0)
        segments = [
            Segment(f"{' ' * indent}{left(when, room)}", at_cursor),
            Segment("  ", dim),
            Segment(
                f"{GLYPHS[kind]} {kind.value:<9}",
                self.get_component_rich_style(f"event-list--{kind.value}"),
            ),
            Segment(
                cut(text, width - _TEXT_COLUMN + 8 - room - indent),
                dim if indent else self.get_component_rich_style("event-list--text"),
            ),
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
