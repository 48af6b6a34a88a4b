"""The list of tours and failure stories: what each shows, and which were passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.story_choice import StoryChoice
from cachedesk.lab.stories.library import NAMES
from cachedesk.lab.stories.library import story as find


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry: what it plays, its title, and what it is about."""

    choice: StoryChoice
    title: str
    about: str


def listed_stories() -> tuple[Listed, ...]:
    """Return the entries of the stories that come with cachedesk, in the recommended order."""
    stories = [find(name) for name in NAMES]
    return tuple(Listed(StoryChoice(it.name), it.title, it.about) for it in stories)


class StoriesScreen(Modal[StoryChoice | None]):
    """Lists the stories; gives the one that was chosen, or ``None``.

    Args:
        entries: what can be played.
        passed: maps the name of what was passed to its result in a few words.
    """

    CSS_PATH = "stories.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,t", "close", "Close", show=False)]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012

    stories = getters.query_one("#story-list", OptionList)
    message = getters.query_one("#story-message", Static)

    def __init__(self, entries: tuple[Listed, ...], passed: Mapping[str, str]) -> None:
        super().__init__()
        self._entries = entries
        self._passed = passed

    def compose(self) -> ComposeResult:
        """Yield the list, and what the highlighted story is about."""
        with Vertical(id="story-box") as box:
            box.border_title = "Tours and stories"
            box.border_subtitle = "Enter plays · Esc closes"
            yield OptionList(*(Option(self._prompt(it)) for it in self._entries), id="story-list")
            yield Static(id="story-message", markup=False)

    def on_mount(self) -> None:
        """Highlight the first story that was not passed."""
        new = (n for n, it in enumerate(self._entries) if it.choice.name not in self._passed)
        self.stories.highlighted = next(new, 0)

    @on(OptionList.OptionHighlighted, "#story-list")
    def _show_message(self, event: OptionList.OptionHighlighted) -> None:
        entry = self._entries[event.option_index]
        result = self._passed.get(entry.choice.name, "")
        passed = f"\nPassed: {result}." if result else ""
        self.message.update(" ".join(entry.about.split()) + passed)

    @on(OptionList.OptionSelected, "#story-list")
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._entries[event.option_index].choice)

    def action_close(self) -> None:
        """Close the list; nothing is played."""
        self.dismiss(None)

    def _prompt(self, entry: Listed) -> Content:
        passed = entry.choice.name in self._passed
        return Content.assemble(
            ("✓ " if passed else "  ", "$text-success"),
            (entry.title.ljust(28), "bold"),
            (entry.choice.name, "$foreground 75%"),
        )
