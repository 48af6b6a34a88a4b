"""The filter of the keys: one line to type into, there only while it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup
from textual.content import Content
from textual.getters import query_one
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static

_CLEAR = "✕ all keys"


class KeyFilter(HorizontalGroup):
    """What is typed filters at once; Enter keeps it, Escape or a click on ✕ lists all keys again.

    It always says how many keys are listed, and of how many: ``found``.
    """

    @dataclass
    class Changed(Message):
        """The filter is now this text; ``done`` when the user goes back to the list."""

        text: str
        done: bool = False

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "clear_and_leave", show=False)]
    DEFAULT_CSS = """
    KeyFilter {
        display: none;
        height: 1;
        padding: 0 1;
        background: $panel;
        &.-used { display: block; }
        & > Static { width: auto; height: 1; }
        & > Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        & > #key-filter-found { padding: 0 2; }
        & > #key-filter-clear { pointer: pointer; &:hover { background: $primary 30%; } }
    }
    """

    found: var[tuple[int, int]] = var((0, 0))

    typed = query_one(Input)
    says = query_one("#key-filter-found", Static)

    def __init__(self) -> None:
        super().__init__(id="key-filter")

    def compose(self) -> ComposeResult:
        """Yield the sign of the filter, what is typed, how many it lists, and a way out."""
        yield Static(Content.styled("/ ", "bold $text-primary"))
        yield Input(compact=True, placeholder="part of a key, or views:*")
        yield Static("0 of 0", id="key-filter-found")
        yield Static(_CLEAR, id="key-filter-clear", markup=False)

    def start(self) -> None:
        """Let the user type."""
        self.add_class("-used")
        # At once: what is typed next is meant for it.
        self.screen.set_focus(self.typed)

    def watch_found(self, found: tuple[int, int]) -> None:
        """Say how many keys are listed."""
        if self.is_mounted:
            self.says.update(Content.styled("{} of {}".format(*found), "bold"))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self._text))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    @on(events.Click, "#key-filter-clear")
    def action_clear_and_leave(self) -> None:
        """List all keys again."""
        self.typed.clear()
        self._leave()

    @property
    def value(self) -> str:
        """What is typed."""
        return self.typed.value

    @property
    def _text(self) -> str:
        return self.value.strip()

    def _leave(self) -> None:
        # A filter in force stays in sight: a list that leaves something out must say so.
        self.set_class(bool(self._text), "-used")
        self.post_message(self.Changed(self._text, done=True))
