"""The filter of the keys: one line to type into, there only while it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class KeyFilter(Input):
    """What is typed filters at once; Enter keeps it, Escape lists all keys again."""

    @dataclass
    class Wanted(Message):
        """The filter is now this text; ``done`` when the user goes back to the list."""

        text: str
        done: bool = False

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "clear_and_leave", show=False)]
    DEFAULT_CSS = """
    KeyFilter {
        display: none;
        height: 1;
        border: none;
        padding: 0 1;
        background: $panel;
        &.-used { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__(
            id="key-filter", compact=True, placeholder="filter: part of a key, or views:*"
        )

    def start(self) -> None:
        """Let the user type."""
        self.add_class("-used")
        self.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Wanted(self.value.strip()))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def action_clear_and_leave(self) -> None:
        """List all keys again."""
        self.clear()
        self._leave()

    def _leave(self) -> None:
        # A filter in force stays in sight: a list that leaves something out must say so.
        self.set_class(bool(self.value.strip()), "-used")
        self.post_message(self.Wanted(self.value.strip(), done=True))
