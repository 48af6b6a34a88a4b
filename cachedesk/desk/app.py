"""The desk's app: pulls snapshots off the event loop, and sends commands the other way."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from cachedesk.desk.background import in_background
from cachedesk.desk.deeds import DEEDS, deeds_for
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.screens.faults import FaultsScreen
from cachedesk.desk.screens.help import HelpScreen
from cachedesk.engine.commands import (
    Command,
    Control,
    EvictAll,
    EvictKey,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    StepWorker,
)
from cachedesk.engine.errors import CachedeskError
from cachedesk.engine.snapshot import Source

THEME = "gruvbox"

PATIENCE_SECONDS = 3.0
"""A source that has not answered for this long is shown as lost."""


class DeskApp(App[None]):
    """The desk over any source of snapshots.

    Args:
        source: what to show; only its ``snapshot()`` is called, never on the event loop.
        control: who carries commands out; ``None`` makes the desk read only.
        refresh_hz: how often to pull; ``None`` pulls once, when the widgets are there.
        data_label: where the data is, for the top line.
    """

    TITLE = "cachedesk"
    NOTIFICATION_TIMEOUT = 4.0
    DEFAULT_MODE = "desk"
    BINDINGS: ClassVar[list[BindingType]] = [deed.binding for deed in DEEDS]

    def __init__(
        self,
        source: Source,
        control: Control | None,
        *,
        refresh_hz: float | None = 2.0,
        data_label: str = "",
    ) -> None:
        super().__init__()
        if "TEXTUAL_THEME" not in os.environ:
            self.theme = THEME
        self._source = source
        self._control = control
        self._refresh_hz = refresh_hz
        self._pulling_since: float | None = None
        self.desk = DeskScreen(read_only=control is None, data_label=data_label)
        # A mode and not the default screen: Textual loads no stylesheet for the latter.
        self.add_mode("desk", lambda: self.desk)

    @on(DeskScreen.Ready)
    async def begin(self) -> None:
        """Pull once, or start the one timer that pulls."""
        if self._refresh_hz is None:
            await self._pull()
            return
        self.set_interval(1 / self._refresh_hz, self._pull_unless_pulling)
        self._pull_unless_pulling()

    def perform(self, command: Command) -> None:
        """Have the control carry ``command`` out on a thread, and show what it said."""
        if self._control is not None:
            self._perform(self._control, command)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield every deed and Textual's own commands for the command palette."""
        for deed in deeds_for(read_only=self._control is None):
            if deed.name != "quit":  # Textual brings its own
                act = partial(self.run_action, deed.action)
                yield SystemCommand(deed.label.capitalize(), deed.meaning, act)
        yield from super().get_system_commands(screen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False, which hides an action, for commands on a read-only desk."""
        commands = {deed.action.partition("(")[0] for deed in DEEDS if deed.commands}
        return not (self._control is None and action in commands)

    def action_inject(self, fault: str) -> None:
        """Inject the fault of this name."""
        self.perform(Inject(fault))

    def action_faults(self) -> None:
        """Open the fault catalogue, and carry out what is chosen there."""
        latest = self.desk.latest
        if latest is None:
            self.notify("Nothing is known of the stack yet.", severity="warning", markup=False)
            return
        self.push_screen(FaultsScreen(latest.catalogue, latest.at), self._carry_out)

    def action_heal(self) -> None:
        """End every active fault."""
        self.perform(Heal())

    def action_evict_key(self) -> None:
        """Evict the selected key."""
        key = self.desk.hot_keys.selected
        if key is None:
            self.notify("There is no key to evict yet.", severity="warning", markup=False)
        else:
            self.perform(EvictKey(key))

    def action_evict_all(self) -> None:
        """Evict every key."""
        self.perform(EvictAll())

    def action_toggle_worker(self) -> None:
        """Pause the worker, or let it go on when it is paused."""
        latest = self.desk.latest
        paused = latest is not None and latest.worker.paused
        self.perform(ResumeWorker() if paused else PauseWorker())

    def action_step_worker(self) -> None:
        """Let the worker flush one batch."""
        self.perform(StepWorker())

    def action_toggle_frozen(self) -> None:
        """Freeze or thaw the display."""
        self.desk.frozen = not self.desk.frozen

    def action_help(self) -> None:
        """Show the help screen."""
        self.push_screen(HelpScreen(deeds_for(read_only=self._control is None)))

    def _carry_out(self, command: Command | None) -> None:
        if command is not None:
            self.perform(command)

    def _pull_unless_pulling(self) -> None:
        if self._pulling_since is None:
            self.run_worker(self._pull(), group="pull")
            return
        waited = time.monotonic() - self._pulling_since
        if waited >= PATIENCE_SECONDS and self.is_running:
            self.desk.lose(f"no answer for {waited:.0f} s")

    async def _pull(self) -> None:
        self._pulling_since = time.monotonic()
        try:
            snapshot = await in_background(self._source.snapshot)
        except Exception as error:  # noqa: BLE001 - whatever it is, the screen says so and goes on
            if self.is_running:
                self.desk.lose(f"{type(error).__name__}: {error}")
        else:
            # An answer may come when the widgets it was meant for are already gone.
            if self.is_running:
                self.desk.apply(snapshot)
                if isinstance(self.screen, FaultsScreen):
                    self.screen.apply(snapshot.catalogue, snapshot.at)
        finally:
            self._pulling_since = None

    @work(thread=True, group="commands")
    def _perform(self, control: Control, command: Command) -> None:
        try:
            said = control.perform(command)
        except CachedeskError as error:
            self.notify(str(error), title="Not done", severity="error", markup=False)
        except Exception as error:  # noqa: BLE001 - a defect in the engine must not close the desk
            title = "Failed unexpectedly"
            said = f"{type(error).__name__}: {error}"
            self.notify(said, title=title, severity="error", timeout=15, markup=False)
        else:
            # What was done is an event, or to be seen; a toast would only cover it.
            self.call_from_thread(self._pull_unless_pulling)
