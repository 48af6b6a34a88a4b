"""A message in place of the desk, when the desk cannot be shown."""

from __future__ import annotations

import sys
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.widgets import Static

from cachedesk.core.printable import printable
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.terminal.terminal_app import TerminalApp

OCCUPIED = (
    "This desk is open in another tab",
    "A stack has one desk at a time. It opens here when the other tab is closed.",
)


class MessageScreen(Modal[None]):
    """Shows a title and a text; closing it ends the app with status 2.

    Args:
        title: the title of the message.
        text: the message.
    """

    CSS = """
    MessageScreen { align: center middle; background: $background; }
    #message-box { width: 64; max-width: 96%; padding: 1 2; border: round $warning; }
    #message-title { text-style: bold; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape", "leave", "Quit", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._heading = printable(title)
        self._text = printable(text)

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with VerticalGroup(id="message-box"):
            yield Static(self._heading, id="message-title", markup=False)
            yield Static(self._text, markup=False)

    def action_leave(self) -> None:
        """End the app."""
        self.app.exit(return_code=2)


class MessageApp(TerminalApp):
    """Shows a message until it is closed; takes the arguments of ``MessageScreen``."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.theme = "gruvbox"
        self._message_screen = MessageScreen(title, text)

    def on_mount(self) -> None:
        """Show the message."""
        self.push_screen(self._message_screen)


if __name__ == "__main__":
    MessageApp(*(sys.argv[1:3] if len(sys.argv) > 2 else OCCUPIED)).run()
