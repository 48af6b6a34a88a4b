"""The action bar: every deed as a button that shows its key, so buttons and hints are one thing."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import HorizontalGroup
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.deeds import Deed, Group


class DeedButton(Widget):
    """One deed: its key and its words; a click does what the key does."""

    DEFAULT_CSS = """
    DeedButton {
        width: auto;
        height: 1;
        padding: 0 1;
        pointer: pointer;
        &:hover { background: $primary 30%; }
    }
    """

    ALLOW_SELECT = False

    brief: reactive[bool] = reactive(False, layout=True)

    def __init__(self, deed: Deed) -> None:
        super().__init__(id=f"deed-{deed.name}")
        self.deed = deed
        self.tooltip = deed.meaning

    def render(self) -> Content:
        """Return the key, strong, and what it does."""
        key = "bold $text-error" if self.deed.group is Group.BREAK else "bold $text-primary"
        if self.deed.name == "heal":
            key = "bold $text-success"
        words = self.deed.short if self.brief else self.deed.label
        return Content.assemble((self.deed.shown_key, key), " ", (words, "$foreground 80%"))

    async def on_click(self) -> None:
        """Do it, exactly as its key would."""
        await self.app.run_action(self.deed.action)


class ActionBar(Widget):
    """Two rows of buttons: what breaks the stack, and what steers and shows it."""

    DEFAULT_CSS = """
    ActionBar {
        height: auto;
        background: $panel;
        & > HorizontalGroup { height: 1; }
    }
    """

    NARROW = 78
    """Below this many cells the buttons carry their short words."""

    def __init__(self, deeds: Iterable[Deed]) -> None:
        super().__init__(id="actions")
        self._deeds = tuple(deeds)

    def compose(self) -> ComposeResult:
        """Yield a row of what breaks things, where that is allowed, and a row of the rest."""
        breaking = [deed for deed in self._deeds if deed.group is Group.BREAK]
        if breaking:
            yield HorizontalGroup(*map(DeedButton, breaking))
        rest = [deed for deed in self._deeds if deed.group is not Group.BREAK]
        yield HorizontalGroup(*map(DeedButton, rest))

    def on_resize(self) -> None:
        """Choose the words that fit the width."""
        narrow = self.size.width < self.NARROW
        self.set_class(narrow, "-narrow")
        for button in self.query(DeedButton):
            button.brief = narrow
