"""The list of clips: every fault, from a little before it to its recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.clips import Clip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A clip, and whether to save it instead of playing it."""

    clip: Clip
    save: bool = False


class ClipsScreen(Modal[Wanted | None]):
    """Lists clips; gives the one that was chosen, or ``None``.

    Args:
        clips: the clips, at least one.
    """

    CSS_PATH = "clips.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "save", "Save", show=False),
        Binding("escape,q,C", "close", "Close", show=False),
    ]

    listed = getters.query_one("#clip-list", OptionList)

    def __init__(self, clips: tuple[Clip, ...]) -> None:
        super().__init__()
        self._clips = clips

    def compose(self) -> ComposeResult:
        """Yield the list."""
        with Vertical(id="clip-box") as box:
            box.border_title = "Clips of faults"
            box.border_subtitle = "Enter plays · s saves a recording · Esc closes"
            yield OptionList(*(Option(_prompt(clip)) for clip in self._clips), id="clip-list")

    def on_mount(self) -> None:
        """Highlight the newest."""
        self.listed.highlighted = 0

    @on(OptionList.OptionSelected, "#clip-list")
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Wanted(self._clips[event.option_index]))

    def action_save(self) -> None:
        """Save the highlighted clip."""
        if (place := self.listed.highlighted) is not None:
            self.dismiss(Wanted(self._clips[place], save=True))

    def action_close(self) -> None:
        """Close the list."""
        self.dismiss(None)


def _prompt(clip: Clip) -> Content:
    return Content.assemble((clip.title.ljust(30), "bold"), "  ", (clip.about, "$foreground 75%"))
