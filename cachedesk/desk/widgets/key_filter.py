"""The filter of the keys: an input line that is shown only while it is used."""

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
    """Filters while the user types; Enter keeps the filter, Escape or a click on ✕ clears it.

    ``found``: how many keys are listed, and of how many; always shown.
    """

    @dataclass
    class Changed(Message):
        """The text of the filter has changed; ``done``: the user returns to the list."""

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
    count = query_one("#key-filter-found", Static)

    def __init__(self) -> None:
        super().__init__(id="key-filter")

    def compose(self) -> ComposeResult:
        """Yield the sign of the filter, the input, the number of keys, and the clear button."""
        yield Static(Content.styled("/ ", "bold $text-primary"))
        yield Input(compact=True, placeholder="part of a key, or views:*")
        yield Static("0 of 0", id="key-filter-found")
        yield Static(_CLEAR, id="key-filter-clear", markup=False)

    def start(self) -> None:
        """Show the filter and focus its input."""
        self.add_class("-used")
        # Synchronously, because the next keys are meant for the input.
        self.screen.set_focus(self.typed)

    def watch_found(self, found: tuple[int, int]) -> None:
        """Show how many keys are listed."""
        if self.is_mounted:
            self.count.update(Content.styled("{} of {}".format(*found), "bold"))

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
        """Clear the filter and return to the list."""
        self.typed.clear()
        self._leave()

    @property
    def value(self) -> str:
        """The text of the input."""
        return self.typed.value

    @property
    def _text(self) -> str:
        return self.value.strip()

    def _leave(self) -> None:
        # An active filter stays visible, because the list leaves out keys.
        self.set_class(bool(self._text), "-used")
        self.post_message(self.Changed(self._text, done=True))
