"""The help screen: a diagram, five sentences, and every key and panel, from their registries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from cachedesk.desk.actions import Action, Group
from cachedesk.desk.panels.registry import PANELS
from cachedesk.desk.panels.spec import Area
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.widgets.prose import Passage, Prose, entry, heading, picture, sentence

_KEY_CELLS = 7
_PANEL_CELLS = 13

_PICTURE = """\
         ┌─ hit ──▶ Redis    fast, may forget
app ─────┼─ miss ─────────────────▶ SQLite
         ├─ order, payment ───────▶ SQLite
         └─ view, like ─▶ Log ─ worker ─▶ SQLite"""

_SENTENCES = (
    "Redis holds copies: it answers most reads, and may lose everything at any time.",
    "SQLite holds the truth: a miss is read there, and put back into Redis.",
    "An order or a payment is committed in SQLite before its call returns.",
    "A view or a like is durable in the log when its call returns; the worker brings it to SQLite.",
    "So accepted = applied + pending + dead at every instant: break anything and watch that line.",
)


_AREA_TERMS = {
    Area.CHART: (
        (
            "Time axis",
            "▼ a fault begins, ━ it lasts, ▲ it ends, right under its effect; ① stands for a name "
            "that has no room under its fault.",
        ),
    ),
}
"""Terms that the panels of an area share."""


def _meanings() -> Iterator[tuple[str, str]]:
    yield "Books", "accepted = applied + pending + dead; anything else means an event was lost."
    for area in Area:
        for panel in PANELS:
            if panel.area is area:
                yield panel.title.text, panel.meaning
                yield from panel.terms
        yield from _AREA_TERMS.get(area, ())


MEANINGS = tuple(_meanings())
"""Pairs of name and meaning for everything on the desk, from top to bottom."""


class HelpScreen(Modal[None]):
    """Explains the desk; Escape, ``?`` and ``q`` close it.

    Args:
        actions: the actions that this desk offers.
        here: the help text of the focused widget; ``None``: it has none.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", show=False)
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide")]  # noqa: RUF012 - as Textual has it

    def __init__(self, actions: Iterable[Action], here: str | None = None) -> None:
        super().__init__()
        self._here = here
        self._offered = tuple(actions)

    def compose(self) -> ComposeResult:
        """Yield the diagram, the sentences, the keys by group, and the panels."""
        with VerticalScroll(id="help-box") as box:
            box.border_title = "The desk"
            box.border_subtitle = "↑ ↓ scroll · Esc closes"
            yield Prose(tuple(self._keys()))
            yield Prose(
                (
                    heading("What you see"),
                    *(entry(name, meaning, _PANEL_CELLS) for name, meaning in MEANINGS),
                )
            )

    def _keys(self) -> Iterator[Passage]:
        yield picture(_PICTURE)
        yield from map(sentence, _SENTENCES)
        if self._here:
            yield heading("Here")
            yield sentence(self._here)
        for group in Group:
            actions = [action for action in self._offered if action.group is group]
            if actions:
                yield heading(group.value)
            for action in actions:
                yield entry(action.shown_key, action.meaning, _KEY_CELLS)
