"""The base class of the terminal apps: one key at a time, and no traceback over the terminal."""

from __future__ import annotations

import traceback
from collections import deque
from contextlib import suppress
from functools import partial

from rich.console import RenderableType
from textual import on
from textual.app import App, ScreenStackError
from textual.command import CommandPalette
from textual.errors import NoWidget
from textual.events import Event, Key, MouseDown
from textual.message import Message
from textual.message_pump import MessagePump
from textual.notifications import Notify, SeverityLevel
from textual.theme import ThemeProvider

from cachedesk.core.printable import printable
from cachedesk.desk.screens.modal import FinishOnce, Palette
from cachedesk.desk.terminal.lasting_toast import LastingToast

_PATIENCE_SECONDS = 5.0
"""How long to wait for a key to be handled, in seconds; its widget may have been removed."""


class TerminalApp(App[None]):
    """The base class of every app of this package."""

    class KeyTaken(Message):
        """Sent twice to the target of a key. When it arrives for the second time, the key and the
        messages that the target posted because of it have been handled."""

        def __init__(self, target: MessagePump, *, again: bool) -> None:
            super().__init__()
            self.target = target
            self.again = again

    def __init__(self) -> None:
        super().__init__()
        self.crash = ""
        """The traceback of the error that ended the app; empty without one."""
        self._in_flight: Key | None = None
        self._held: deque[Key] = deque()

    async def on_event(self, event: Event) -> None:
        """Handle a key only after the previous one has been handled.

        A key passes from the focused widget through the message queue of each of its parents, and
        handling it may move the focus. Without waiting, ``/`` and the letters typed right after it
        would all go to the list, which had the focus before, as commands.
        """
        if isinstance(event, MouseDown) and self._hits_a_leaving_widget(event):
            return
        if not isinstance(event, Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._busy_with_keys or self._held:
            if not self._held:
                self._limit_the_wait()
            self._held.append(event)
        else:
            await self._take(event)

    def _hits_a_leaving_widget(self, event: MouseDown) -> bool:
        """Return whether a toast is clicked again that leaves because of the first click: Textual
        would look for its parent, which it has no more."""
        if not self.screen_stack:
            return False
        with suppress(NoWidget):
            return self.screen.get_widget_at(event.x, event.y)[0].parent is None
        return False

    @property
    def keys_pending(self) -> bool:
        """Whether a key has arrived that has not been handled yet; tests wait for it."""
        return self._in_flight is not None or bool(self._held)

    @property
    def _busy_with_keys(self) -> bool:
        if self._in_flight is not None or not self.screen_stack:
            return self._in_flight is not None
        return isinstance(self.screen, FinishOnce) and not self.screen.settled

    async def _take(self, key: Key) -> None:
        if not self.screen_stack:
            # The app is closing: no screen is left to handle the key.
            return
        self._in_flight = key
        target = self.focused or self.screen
        try:
            await super().on_event(key)
        except ScreenStackError:
            # The app began to close while it handled the key.
            if self.screen_stack:
                raise
        if not target.post_message(self.KeyTaken(target, again=False)):
            self._in_flight = None

    @on(KeyTaken)
    async def _key_was_taken(self, taken: KeyTaken) -> None:
        target = taken.target
        if taken.again or not target.post_message(self.KeyTaken(target, again=True)):
            # Only after the next refresh can Tab reach a widget that this key has shown.
            self.call_after_refresh(self._take_next)

    async def _take_next(self) -> None:
        self._in_flight = None
        await self._take_held()

    @on(FinishOnce.Settled)
    async def _take_held(self) -> None:
        while self._held and not self._busy_with_keys:
            await self._take(self._held.popleft())

    def _limit_the_wait(self) -> None:
        self.set_timer(_PATIENCE_SECONDS, partial(self._stop_waiting, self._in_flight))

    async def _stop_waiting(self, key: Key | None) -> None:
        if key is self._in_flight:
            self._in_flight = None
            await self._take_held()
        if self._held:
            self._limit_the_wait()

    def clear_selection(self) -> None:
        """Clear the selected text, if there is a screen.

        From Python 3.12 on tasks start eagerly: an ``Input`` is mounted before the first screen is
        on the stack, and calls this (Textualize/textual#6444).
        """
        with suppress(ScreenStackError):
            super().clear_selection()

    def action_command_palette(self) -> None:
        """Open the command palette."""
        if self.use_command_palette and not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(id="--command-palette"))

    def search_themes(self) -> None:
        """Let the user choose a theme."""
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show a toast without control characters: an error may quote an untrusted file."""
        text = "\n".join(map(printable, message.split("\n")))
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(LastingToast(text, title, severity, seconds, markup=markup)))

    def panic(self, *renderables: RenderableType) -> None:
        """Exit at once and keep the text that Textual would have printed."""
        if not self.crash:
            with self.console.capture() as capture:
                self.console.print(*renderables)
            self.crash = capture.get()
        super().panic()

    def _handle_exception(self, error: Exception) -> None:
        if not self.crash:
            self.crash = "".join(traceback.format_exception(error))
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # Textual would print a traceback of hundreds of lines, with all local variables.
        self._close_messages_no_wait()
