"""The base class of the apps over stacks: they pull snapshots and send commands.

An app of one stack and an app of two differ in what they pull and in the screen that shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from textual import on, work
from textual.widget import Widget

from cachedesk.core.commands import (
    Command,
    Control,
    EvictKey,
    Heal,
    Inject,
    PauseWorker,
    Record,
    ResumeWorker,
    StepWorker,
)
from cachedesk.core.errors import CachedeskError
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.action_app import ActionApp
from cachedesk.desk.actions import ACTIONS, Action
from cachedesk.desk.panels.spec import PanelWidget
from cachedesk.desk.pulling import PulledSource, Puller
from cachedesk.desk.screens.evict import EvictScreen
from cachedesk.desk.screens.faults import FaultsScreen
from cachedesk.desk.screens.help import HelpScreen
from cachedesk.desk.screens.inspector import InspectorScreen
from cachedesk.desk.screens.stage import Stage
from cachedesk.desk.screens.steering import SteeringScreen

DEFAULT_HZ = 2.0

T = TypeVar("T")


class Keys(Protocol):
    """The list of keys on that screen."""

    @property
    def listed_selection(self) -> bytes | None:
        """The selected key; ``None`` without one."""
        ...

    @property
    def filter_text(self) -> str:
        """What the keys are filtered by; empty without a filter."""
        ...


class StackApp(ActionApp, Generic[T]):
    """An app over one stack or several.

    Args:
        source: gives what is shown; ``snapshot()`` is never called on the event loop.
        control: carries out commands; ``None``: read-only.
        offered: the actions that are available.
        actions: every action, with its key.
        refresh_hz: pulls per second; ``None`` pulls once, after the widgets are mounted.
        theme: the name of the theme; empty: the environment's choice, or the default.
        folder: the data folder, where files are saved in subfolders; ``None`` disables saving.
    """

    def __init__(
        self,
        source: PulledSource[T],
        control: Control | None,
        *,
        offered: tuple[Action, ...],
        actions: tuple[Action, ...],
        refresh_hz: float | None,
        theme: str,
        folder: Path | None,
    ) -> None:
        super().__init__(offered, theme=theme, folder=folder)
        self._control = control
        self._refresh_hz = refresh_hz
        self.set_keymap({action.name: action.key for action in actions})
        self._puller = Puller(self, source, self._show, self._lose)

    @property
    def stage(self) -> Stage:
        """The screen that shows what is pulled."""
        raise NotImplementedError

    @property
    def keys(self) -> Keys:
        """The list of keys on that screen."""
        raise NotImplementedError

    def _show(self, pulled: T) -> None:
        """Show what was pulled."""
        raise NotImplementedError

    def _lose(self, reason: str) -> None:
        self.stage.lose(reason)

    def _known(self) -> Snapshot | None:
        """Return the newest snapshot that commands refer to; show a warning if there is none."""
        raise NotImplementedError

    @on(Stage.Ready)
    async def begin(self) -> None:
        """Pull once, or start the one timer that pulls."""
        if self._refresh_hz is None:
            await self._puller.once()
        else:
            self._puller.every(1 / self._refresh_hz)

    def set_refresh(self, hertz: float) -> None:
        """Pull this many times per second from now on."""
        self._refresh_hz = hertz
        self._puller.every(1 / hertz)

    def perform(self, command: Command) -> None:
        """Carry out ``command`` on a thread; show an error if it fails."""
        if self._control is not None:
            self._perform(self._control, command)

    @property
    def takes_commands(self) -> bool:
        """Whether there is a stack to command."""
        return self._control is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False, which disables an action, for commands if there is nothing to command."""
        commands = {action.app_action.partition("(")[0] for action in ACTIONS if action.commands}
        return self.takes_commands or action not in commands

    def action_inject(self, fault: str) -> None:
        """Inject the fault of this name."""
        self.perform(Inject(fault))

    def action_faults(self) -> None:
        """Open the fault catalogue and carry out the chosen command."""
        if (latest := self._known()) is not None:
            self.push_screen(FaultsScreen(latest), self._carry_out)

    def action_heal(self) -> None:
        """End every active fault."""
        self.perform(Heal())

    def action_evict_key(self) -> None:
        """Evict the selected key."""
        if (key := self._selected()) is not None:
            self.perform(EvictKey(key))

    def action_evict(self) -> None:
        """Ask what to evict and evict it."""
        if (latest := self._known()) is not None:
            screen = EvictScreen(latest, self.keys.listed_selection, self.keys.filter_text)
            self.push_screen(screen, self._carry_out)

    def action_toggle_worker(self) -> None:
        """Pause the worker, or resume it if it is paused."""
        if (latest := self._known()) is not None:
            self.perform(ResumeWorker() if latest.worker.paused else PauseWorker())

    def action_step_worker(self) -> None:
        """Let the worker flush one batch."""
        self.perform(StepWorker())

    def action_steer(self) -> None:
        """Open the steering screen."""
        if (latest := self._known()) is not None:
            hertz = self._refresh_hz or DEFAULT_HZ
            self.push_screen(SteeringScreen(latest, self.perform, hertz, self.set_refresh))

    def action_record(self) -> None:
        """Start recording to a new file in the data folder, or end the recording."""
        if (latest := self._known()) is None:
            return
        if latest.recording:
            self.perform(Record(None))
        elif (path := self._new_file("rec")) is not None:
            self.perform(Record(str(path)))
            self.saved.extend(self._recordings(path))

    def action_toggle_frozen(self) -> None:
        """Freeze or unfreeze the display."""
        self.stage.frozen = not self.stage.frozen

    def action_zoom(self, step: int) -> None:
        """Show less time (1), more time (-1) or the default (0) on the charts."""
        self.stage.zoom(step)

    def action_help(self) -> None:
        """Open the help screen: the focused widget, then every key."""
        self.push_screen(HelpScreen(self._offered, _help_of(self.focused)))

    def _carry_out(self, command: Command | None) -> None:
        if command is not None:
            self.perform(command)

    def _recordings(self, path: Path) -> Iterable[Path]:
        """Return the files that a recording to ``path`` makes."""
        return (path,)

    def _tell_dialog(self, latest: Snapshot) -> None:
        """Give ``latest`` to the dialog on top, if that shows the state of a stack or of a key."""
        if isinstance(self.screen, FaultsScreen | SteeringScreen | EvictScreen):
            self.screen.apply(latest)
        elif isinstance(self.screen, InspectorScreen):
            self.screen.pull()

    def _selected(self) -> bytes | None:
        """Return the selected key; show a warning if there is none."""
        if self.keys.listed_selection is None:
            filtered = bool(self.keys.filter_text)
            self._warn("No key matches the filter." if filtered else "There is no key yet.")
        return self.keys.listed_selection

    @work(thread=True, group="commands")
    def _perform(self, control: Control, command: Command) -> None:
        try:
            control.perform(command)
        except CachedeskError as error:
            self.notify(str(error), title="Not done", severity="error", markup=False)
        except Exception as error:  # noqa: BLE001 - a defect in the engine must not close the desk
            title = "Failed unexpectedly"
            text = f"{type(error).__name__}: {error}"
            self.notify(text, title=title, severity="error", timeout=15, markup=False)
        else:
            # The effect is an event or visible on the screen; a toast would cover it.
            if self.return_code is None:
                self.call_from_thread(self._puller.soon)


def _help_of(focused: Widget | None) -> str | None:
    if isinstance(focused, PanelWidget):
        return focused.help_text
    return focused.HELP if focused else None
