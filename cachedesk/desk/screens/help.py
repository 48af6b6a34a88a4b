"""The help screen: every key and every panel in a sentence, made from the lists they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup, VerticalGroup, VerticalScroll
from textual.widgets import Static

from cachedesk.desk.deeds import Deed, Group
from cachedesk.desk.modal import Modal
from cachedesk.desk.panels import MEANINGS


class HelpScreen(Modal[None]):
    """Explains the desk; Escape, ``?`` and ``q`` close it.

    Args:
        deeds: what this desk offers.
        here: what there is to say about what has the focus.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", show=False)
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide")]  # noqa: RUF012 - as Textual has it

    def __init__(self, deeds: Iterable[Deed], here: str | None = None) -> None:
        super().__init__()
        self._here = here
        self._deeds = tuple(deeds)

    def compose(self) -> ComposeResult:
        """Yield the keys by group, then the panels."""
        with VerticalScroll(id="help-box") as box:
            box.border_title = "The desk"
            box.border_subtitle = "Esc closes"
            with VerticalGroup(classes="column"):
                if self._here:
                    yield Static("Here", classes="heading", markup=False)
                    yield Static(self._here, classes="here", markup=False)
                for group in Group:
                    deeds = [deed for deed in self._deeds if deed.group is group]
                    if deeds:
                        yield Static(group.value, classes="heading", markup=False)
                    for deed in deeds:
                        yield _entry(deed.shown_key, deed.meaning, "key")
            with VerticalGroup(classes="column"):
                yield Static("What you see", classes="heading", markup=False)
                for name, meaning in MEANINGS:
                    yield _entry(name, meaning, "panel")


def _entry(term: str, meaning: str, kind: str) -> HorizontalGroup:
    return HorizontalGroup(
        Static(term, classes=f"term {kind}", markup=False),
        Static(meaning, classes="meaning", markup=False),
    )
