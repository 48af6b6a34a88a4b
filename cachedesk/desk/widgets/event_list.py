"""The event list: events newest first, each kind with its glyph and word."""

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


class EventList(ScrollView, PanelWidget[tuple[Event, ...]], can_focus=True):
    """Draws the visible lines of the event ring."""

    HELP = "↑ and ↓ scroll to older events; Enter gives them the whole screen."
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

    happened: reactive[tuple[Event, ...]] = reactive(tuple)

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="events")
        self.border_title = title.framed()

    def show(self, share: tuple[Event, ...]) -> None:
        """Show these events."""
        self.happened = share

    def watch_happened(self, happened: tuple[Event, ...]) -> None:
        """Adapt the height to the new list; a scrolled list keeps showing the same events."""
        before = self.virtual_size.height
        self.virtual_size = Size(self.size.width, len(happened))
        if self.scroll_offset.y and len(happened) > before:
            down = self.scroll_offset.y + len(happened) - before
            self.scroll_to(y=down, animate=False, immediate=True)

    def on_resize(self) -> None:
        """Set the virtual width to that of the widget, so that nothing scrolls horizontally."""
        self.virtual_size = Size(self.size.width, len(self.happened))

    def render_line(self, y: int) -> Strip:
        """Return the event on this line; the newest is at the top."""
        # Without the scroll bar, which would hide the ellipsis of a truncated text.
        width = self.scrollable_content_region.width
        index = len(self.happened) - 1 - self.scroll_offset.y - y
        if index < 0:
            return Strip.blank(width, self.rich_style)
        event = self.happened[index]
        kind = f"{GLYPHS[event.kind]} {event.kind.value:<9}"
        segments = [
            Segment(f"{clock(event.at)}  ", self.get_component_rich_style("event-list--clock")),
            Segment(kind, self.get_component_rich_style(f"event-list--{event.kind.value}")),
            Segment(
                cut(one_line(event.full_text), width - 10 - len(kind)),
                self.get_component_rich_style("event-list--text"),
            ),
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
