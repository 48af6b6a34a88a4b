"""The action bar: buttons for the most common actions; the menu has the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

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
    """The button of an action: its key and its label; a click does what the key does."""

    DEFAULT_CSS = """
    ActionButton {
        width: auto;
        height: 1;
        position: absolute;
        pointer: pointer;
        &:hover { background: $primary 30%; }
    }
    /* What acts on the stack is refused while the desk shows the past. */
    .-frozen ActionButton.-commands { opacity: 45%; }
    """

    ALLOW_SELECT = False

    words: reactive[str] = reactive("", layout=True)

    def __init__(self, action: Action) -> None:
        classes = "-commands" if action.commands else None
        super().__init__(id=f"action-{action.name}", classes=classes)
        self.action = action
        self.tooltip = action.meaning
        self.set_reactive(ActionButton.words, action.label)

    def render(self) -> Content:
        """Return the key in bold and the label."""
        key = _KEYS[self.action.group]
        if self.action.name == "heal":
            key = "bold $text-success"
        return Content.assemble((self.action.shown_key, key), " ", (self.words, "$foreground 80%"))

    async def on_click(self) -> None:
        """Run the action."""
        await self.app.run_action(self.action.app_action)


class ActionBar(Widget):
    """A row of buttons: the most common actions, and more if there is room."""

    DEFAULT_CSS = """
    ActionBar {
        dock: bottom;
        height: 1;
        padding: 0 1;
        background: $panel;
    }
    """

    commands: reactive[bool] = reactive(True, init=False)
    """Whether there is a stack to command: else the buttons for commands are left out."""

    def __init__(self, actions: Iterable[Action]) -> None:
        super().__init__(id="actions")
        self._offered = tuple(actions)
        self._labels: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """Yield a button for every action."""
        yield from map(ActionButton, self._offered)

    def on_mount(self) -> None:
        """Place the buttons before they are first drawn."""
        self.place_buttons()

    def on_resize(self) -> None:
        """Place the buttons for the new width."""
        self.place_buttons()

    def watch_commands(self) -> None:
        """Place the buttons that are left, or all of them."""
        self.place_buttons()

    def relabel(self, labels: dict[str, str]) -> None:
        """Give the actions of these names other labels, such as "resume" while it is paused."""
        if labels != self._labels:
            self._labels = labels
            self.place_buttons()

    def place_buttons(self) -> None:
        """Place, label or hide each button for the width of the screen."""
        offered = [self._labelled(it) for it in self._offered if self.commands or not it.commands]
        arranged = {place.action.name: place for place in places(offered, self.app.size.width - 2)}
        for button in self.query(ActionButton):
            place = arranged.get(button.action.name)
            button.display = place is not None
            if place is not None:
                button.words = place.words
                button.styles.offset = (place.column, 0)

    def _labelled(self, action: Action) -> Action:
        label = self._labels.get(action.name, action.label)
        return action if label == action.label else replace(action, label=label, short=label)
