"""The event list: incidents newest first, each kind with its glyph and word."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cachedesk.core.snapshot import Event, EventKind
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.views.formats import clock, cut
from cachedesk.desk.views.incident_words import details_of, kind_of, line_of
from cachedesk.desk.views.incidents import Incident

_DETAILED_ROWS = 13
"""The number of rows from which the events of an incident are listed under it."""

_TEXT_COLUMN = 21
"""The width of the time and the kind, in cells."""

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
        "An entry holds what one fault caused. ↑ and ↓ scroll to older ones; Enter gives them the "
        "whole screen, with every event."
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "event-list--clock",
        "event-list--info",
        "event-list--fault",
        "event-list--healed",
        "event-list--recovery",
        "event-list--error",
        "event-list--text",
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
    }
    """

    happened: reactive[tuple[Incident, ...]] = reactive(tuple)

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="events")
        self.border_title = title.framed()
        self._rows: list[Incident | Event] = []

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
            return self._line(shown.at, shown.kind, one_line(shown.full_text), width, indent=2)
        # Stages are left out for a shorter line, but only the text itself is ever cut.
        text = one_line(line_of(shown, width - _TEXT_COLUMN))
        return self._line(shown.shown_at, kind_of(shown), text, width)

    def _line(self, at: float, kind: EventKind, text: str, width: int, indent: int = 0) -> Strip:
        dim = self.get_component_rich_style("event-list--clock")
        segments = [
            Segment(f"{' ' * indent}{clock(at)}  ", dim),
            Segment(
                f"{GLYPHS[kind]} {kind.value:<9}",
                self.get_component_rich_style(f"event-list--{kind.value}"),
            ),
            Segment(
                cut(text, width - _TEXT_COLUMN - indent),
                dim if indent else self.get_component_rich_style("event-list--text"),
            ),
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
