"""The action bar: deeds as buttons that show their keys, so buttons and hints are one thing."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.buttons import height_of, places
from cachedesk.desk.deeds import Deed, Group

_KEYS = {
    Group.BREAK: "bold $text-error",
    Group.STEER: "bold $text-warning",
    Group.LOOK: "bold $text-primary",
    Group.PANELS: "bold $foreground",
}


class DeedButton(Widget):
    """One deed: its key and its words; a click does what the key does."""

    DEFAULT_CSS = """
    DeedButton {
        width: auto;
        height: 1;
        position: absolute;
        pointer: pointer;
        &:hover { background: $primary 30%; }
    }
    """

    ALLOW_SELECT = False

    words: reactive[str] = reactive("", layout=True)
    off: reactive[bool] = reactive(False)
    """Whether what it switches is off."""

    def __init__(self, deed: Deed) -> None:
        super().__init__(id=f"deed-{deed.name}")
        self.deed = deed
        self.tooltip = deed.meaning
        self.set_reactive(DeedButton.words, deed.label)

    def render(self) -> Content:
        """Return the key, strong, and what it does; struck through when that is off."""
        key = _KEYS[self.deed.group]
        if self.deed.name == "heal":
            key = "bold $text-success"
        look = "$foreground 80%"
        if self.off:
            key, look = "$foreground 75%", "$foreground 75% strike"
        return Content.assemble((self.deed.shown_key, key), " ", (self.words, look))

    async def on_click(self) -> None:
        """Do it, exactly as its key would."""
        await self.app.run_action(self.deed.action)


class ActionBar(Widget):
    """Rows of buttons, group by group, wrapped to the width; on a small screen only the usual."""

    DEFAULT_CSS = """
    ActionBar {
        height: 2;
        padding: 0 1;
        background: $panel;
    }
    """

    def __init__(self, deeds: Iterable[Deed]) -> None:
        super().__init__(id="actions")
        self._deeds = tuple(deeds)

    def compose(self) -> ComposeResult:
        """Yield a button for every deed."""
        yield from map(DeedButton, self._deeds)

    def on_mount(self) -> None:
        """Put the buttons where they belong before they are first seen."""
        self.place_buttons()

    def on_resize(self) -> None:
        """Put the buttons where they belong now."""
        self.place_buttons()

    def place_buttons(self) -> None:
        """Place, word or hide each button for the size of the screen."""
        screen = self.app.size
        arranged = {
            place.deed.name: place for place in places(self._deeds, screen.width - 2, screen.height)
        }
        self.styles.height = max(1, height_of(arranged.values()))
        for button in self.query(DeedButton):
            place = arranged.get(button.deed.name)
            button.display = place is not None
            if place is not None:
                button.words = place.words
                button.styles.offset = (place.column, place.row)

    def mark_off(self, names: Iterable[str]) -> None:
        """Show the deeds of these names as off, all others as on."""
        off = frozenset(names)
        for button in self.query(DeedButton):
            button.off = button.deed.name in off
