"""The help screen: the picture, what holds it together, then every key and every panel, made from
the lists they come from."""

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

    def __init__(self, deeds: Iterable[Deed], here: str | None = None) -> None:
        super().__init__()
        self._here = here
        self._deeds = tuple(deeds)

    def compose(self) -> ComposeResult:
        """Yield the picture, five sentences, the keys by group, and the panels."""
        with VerticalScroll(id="help-box") as box:
            box.border_title = "The desk"
            box.border_subtitle = "↑ ↓ scroll · Esc closes"
            with VerticalGroup(classes="column"):
                yield Static(_PICTURE, classes="picture", markup=False)
                for sentence in _SENTENCES:
                    yield Static(sentence, classes="sentence", markup=False)
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
