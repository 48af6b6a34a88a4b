"""A notice: one thing to say where a desk was expected, and nothing else."""

from __future__ import annotations

import sys
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.widgets import Static

from cachedesk.desk.terminal_app import TerminalApp
from cachedesk.engine.printable import printable

OCCUPIED = (
    "This desk is open in another tab",
    "One stack has one desk. It opens here as soon as the other tab is closed.",
)


class NoticeApp(TerminalApp):
    """Shows a title and a text until it is closed.

    Args:
        title: what it is about.
        text: what there is to say.
    """

    CSS = """
    Screen { align: center middle; }
    #notice { width: 64; max-width: 96%; padding: 1 2; border: round $warning; }
    #notice-title { text-style: bold; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape", "quit", "Quit", show=False)]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.theme = "gruvbox"
        self._heading = printable(title)
        self._text = printable(text)

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with VerticalGroup(id="notice"):
            yield Static(self._heading, id="notice-title", markup=False)
            yield Static(self._text, markup=False)


if __name__ == "__main__":
    NoticeApp(*(sys.argv[1:3] if len(sys.argv) > 2 else OCCUPIED)).run()
