"""The help screen: the picture, what holds it together, then every key and every panel, made from
the lists they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from cachedesk.desk.actions import Action, Group
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.charts import MEANINGS
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

    def __init__(self, deeds: Iterable[Action], here: str | None = None) -> None:
        super().__init__()
        self._here = here
        self._deeds = tuple(deeds)

    def compose(self) -> ComposeResult:
        """Yield the picture, five sentences, the keys by group, and the panels."""
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
            deeds = [deed for deed in self._deeds if deed.group is group]
            if deeds:
                yield heading(group.value)
            for deed in deeds:
                yield entry(deed.shown_key, deed.meaning, _KEY_CELLS)
