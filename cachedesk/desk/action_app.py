"""The base class of the apps whose keys are a list of actions: menu, pictures and new files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.events import DeliveryComplete, DeliveryFailed
from textual.filter import LineFilter
from textual.screen import Screen

from cachedesk.desk.actions import Action
from cachedesk.desk.saved_files import next_free
from cachedesk.desk.terminal.few_colours import ReadableGrounds
from cachedesk.desk.terminal.terminal_app import TerminalApp
from cachedesk.desk.themes import CONSOLE, OWN, chosen

_PICTURE = "picture"
_FEW_COLOURS = "standard"
"""What Rich calls a terminal of 16 colours."""


class ActionApp(TerminalApp):
    """An app with a list of actions.

    Args:
        offered: the actions that are available, with their keys.
        theme: the name of the theme; empty: the environment's choice, or the default.
        folder: the data folder, where files are saved in subfolders; ``None`` disables saving.
    """

    TITLE = "cachedesk"
    NOTIFICATION_TIMEOUT = 4.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", "Suspend", show=False)
    ]
    SAVED_NAME: ClassVar[str] = "desk"
    """The name of saved files, before their number."""

    def __init__(
        self, offered: tuple[Action, ...], *, theme: str = "", folder: Path | None = None
    ) -> None:
        self._readable_grounds = ReadableGrounds()
        super().__init__()
        self.saved: list[Path] = []
        """The pictures that were saved and the recordings that were started."""
        self._offered = offered
        self._folder = folder
        for own in OWN:
            self.register_theme(own)
        few = self.console.color_system == _FEW_COLOURS
        self.theme = chosen(theme, os.environ, few_colours=few)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what changes the colours of a line before it is drawn."""
        filters = super().get_line_filters()
        return (*filters, self._readable_grounds) if self.theme == CONSOLE.name else filters

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield every action, those of ``more_commands`` and Textual's own for the menu."""
        for action in self._offered:
            # Textual adds a quit; the menu is this
            if action.name not in ("quit", "menu") and self.offers(action):
                act = partial(self.run_action, action.app_action)
                yield SystemCommand(action.title, f"{action.meaning} ({action.shown_key})", act)
        yield from self.more_commands()
        yield from super().get_system_commands(screen)

    def offers(self, action: Action) -> bool:
        """Return whether the menu offers ``action`` at this moment."""
        return True

    def more_commands(self) -> Iterable[SystemCommand]:
        """Yield what the menu offers beside the actions."""
        return ()

    def action_save_picture(self) -> None:
        """Save the screen as an SVG picture in the data folder, or download it in a browser."""
        if (path := self._new_file("svg")) is not None:
            self.deliver_text(
                StringIO(self.export_screenshot()),
                save_directory=path.parent,
                save_filename=path.name,
                open_method="browser",
                mime_type="image/svg+xml",
                name=_PICTURE,
            )

    @on(DeliveryComplete)
    def _picture_saved(self, event: DeliveryComplete) -> None:
        """Show its name, short enough for one line of a toast."""
        if event.name == _PICTURE and event.path is not None:
            self.saved.append(event.path)
            self.notify(f"Saved {event.path.parent.name}/{event.path.name}", markup=False)

    @on(DeliveryFailed)
    def _picture_not_saved(self, event: DeliveryFailed) -> None:
        if event.name == _PICTURE:
            self._warn(f"Could not save the picture: {event.exception}.")

    def action_help_quit(self) -> None:
        """Show which key quits, because users try Ctrl+C first."""
        keys = (action.shown_key for action in self._offered if action.name == "quit")
        self.notify(f"Press {next(keys, 'ctrl+q')} to leave the desk.", markup=False)

    def _new_file(self, suffix: str, name: str = "") -> Path | None:
        """Return a new path to save to, by default with the name of this app; show a warning if
        there is none."""
        if self._folder is None:
            self._warn("Cannot save: this desk has no data folder.")
            return None
        try:
            return next_free(self._folder, suffix, name or self.SAVED_NAME)
        except OSError as error:
            self._warn(f"Cannot save to {self._folder}: {error.strerror}.")
            return None

    def _warn(self, sentence: str) -> None:
        self.notify(sentence, severity="warning", markup=False)
