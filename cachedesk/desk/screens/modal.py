"""Screens on top of the desk; each gives its result once, even if a key is pressed twice."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar, cast

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.css.query import NoMatches
from textual.events import DescendantFocus, Mount
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, OptionList
from textual.worker import Worker

from cachedesk.desk.screens.sized import SizedScreen
from cachedesk.desk.widgets.options import Options

R = TypeVar("R")

_SETTLING_SECONDS = 2.0


class FinishOnce(Screen[R]):
    """A screen whose ``dismiss`` takes effect once, and only while it is the topmost screen.

    A second Enter, or the second half of a double click, may arrive before the screen is gone.
    Without this guard the result would be given twice and the screen below would be popped.
    """

    class Settled(Message):
        """A widget of the screen has the focus, so the screen can handle keys."""

    _finished = False
    settled = False
    """Whether keys reach the widget they are meant for; until then they are held back."""

    @on(Mount)
    def _settle_in_time(self) -> None:
        # The screen may have no widget that takes the focus.
        self.set_timer(_SETTLING_SECONDS, self._settle)

    @on(DescendantFocus)
    def _settle(self) -> None:
        if not self.settled:
            self.settled = True
            self.app.post_message(self.Settled())

    def dismiss(self, result: R | None = None) -> AwaitComplete:
        """Close the screen and pass ``result`` to its opener; do nothing the second time."""
        if self._finished or self.app.screen is not self:
            return cast("AwaitComplete", AwaitComplete.nothing())  # type: ignore[no-untyped-call]
        self._finished = True
        return super().dismiss(result)


class Modal(ModalScreen[R], FinishOnce[R], SizedScreen[R]):
    """The base class of every modal screen of the desk."""


class PaletteList(CommandList, Options):
    """Textual's list of commands, of which another search may find fewer."""


class Palette(CommandPalette, FinishOnce[None]):
    """Textual's command palette, which runs a command only once."""

    def compose(self) -> ComposeResult:
        """Yield what Textual's palette has, with a list of our own."""
        for widget in super().compose():
            yield PaletteList() if isinstance(widget, CommandList) else widget

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _run_once(self, event: Input.Submitted | OptionList.OptionSelected) -> None:
        # Textual would run the command for each Enter that comes before the palette is gone, and
        # so open a screen for each.
        if self._finished:
            event.stop()
            event.prevent_default()

    def _gather_commands(self, search_value: str) -> Worker[None]:
        # The search may still look for the list when the palette is gone; that is no reason to end
        # the app.
        worker = super()._gather_commands(search_value)
        worker.exit_on_error = False
        return worker

    async def _watch__show_busy(self) -> None:
        # The mark of a long search may be due when the palette has lost its widgets.
        with suppress(NoMatches):
            await super()._watch__show_busy()

    def _action_command_list(self, action: str) -> None:
        # A list without any room has no lines, in which Textual would look for the next page.
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)

    def _select_or_command(self, event: object = None) -> None:
        super()._select_or_command(event)  # type: ignore[arg-type]
        if self._finished:
            # The command has been given to the app; a second Enter would run it again.
            self._selected_command = None
