"""The action bar: the usual actions as buttons that show their keys; the menu has the others."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.actions import Action, Group
from cachedesk.desk.views.buttons import places

_KEYS = {
    Group.BREAK: "bold $text-error",
    Group.STEER: "bold $text-warning",
    Group.LOOK: "bold $text-primary",
    Group.PANELS: "bold $foreground",
}


class ActionButton(Widget):
    """One action: its key and its words; a click does what the key does."""

    DEFAULT_CSS = """
    ActionButton {
        width: auto;
        height: 1;
        position: absolute;
        pointer: pointer;
        &:hover { background: $primary 30%; }
    }
    """

    ALLOW_SELECT = False

    words: reactive[str] = reactive("", layout=True)

    def __init__(self, action: Action) -> None:
        super().__init__(id=f"action-{action.name}")
        self.action = action
        self.tooltip = action.meaning
        self.set_reactive(ActionButton.words, action.label)

    def render(self) -> Content:
        """Return the key, strong, and what it does."""
        key = _KEYS[self.action.group]
        if self.action.name == "heal":
            key = "bold $text-success"
        return Content.assemble((self.action.shown_key, key), " ", (self.words, "$foreground 80%"))

    async def on_click(self) -> None:
        """Do it, exactly as its key would."""
        await self.app.run_action(self.action.app_action)


class ActionBar(Widget):
    """One row of buttons: the usual actions, and more where there is room."""

    DEFAULT_CSS = """
    ActionBar {
        height: 1;
        padding: 0 1;
        background: $panel;
    }
    """

    def __init__(self, actions: Iterable[Action]) -> None:
        super().__init__(id="actions")
        self._offered = tuple(actions)

    def compose(self) -> ComposeResult:
        """Yield a button for every action."""
        yield from map(ActionButton, self._offered)

    def on_mount(self) -> None:
        """Put the buttons where they belong before they are first seen."""
        self.place_buttons()

    def on_resize(self) -> None:
        """Put the buttons where they belong now."""
        self.place_buttons()

    def place_buttons(self) -> None:
        """Place, word or hide each button for the width of the screen."""
        arranged = {
            place.action.name: place for place in places(self._offered, self.app.size.width - 2)
        }
        for button in self.query(ActionButton):
            place = arranged.get(button.action.name)
            button.display = place is not None
            if place is not None:
                button.words = place.words
                button.styles.offset = (place.column, 0)
