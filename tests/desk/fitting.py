"""What does not fit on a screen, in words."""

from __future__ import annotations

from textual.widgets._toast import ToastHolder, ToastRack

from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.terminal.terminal_app import TerminalApp
from cachedesk.desk.widgets.action_bar import ActionBar

LEAST_KEYS = 3


def misfits(app: TerminalApp, *, keys: bool = True) -> list[str]:
    """Return each widget of the topmost screen that is not whole on it, such as a frame that is not
    closed, and a list of keys with fewer than three of them (unless ``keys`` is false)."""
    found = [words for words in map(_cut, app.screen.walk_children()) if words]
    if keys and isinstance(app.screen, DeskScreen) and app.screen.key_table.is_on_screen:
        rows = app.screen.key_table.size.height - 1
        found += [f"{rows} keys"] if rows < LEAST_KEYS else []
    return found


def is_whole(app: TerminalApp) -> bool:
    """Return whether the top line and the buttons are whole: true of any size but a single row."""
    bar = app.screen.query_one(ActionBar)
    return not _cut(bar) and bar.region.bottom == app.size.height


def _cut(widget) -> str:
    within = [each for each in widget.ancestors_with_self if each is not widget.app]
    if not all(each.display for each in within):
        return ""
    if isinstance(widget, ToastRack | ToastHolder):
        return ""
    if any(each.allow_vertical_scroll for each in within[1:-1]):
        # It is scrolled to.
        return ""
    place = widget.screen.find_widget(widget)
    if place.visible_region == place.region and place.region:
        return ""
    return f"{widget.css_identifier}: {tuple(place.visible_region)} of {tuple(place.region)}"
