"""The desk's app: it shows the snapshots that it pulls and sends commands to the stack."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.events import DeliveryComplete, DeliveryFailed, Event, Key
from textual.screen import Screen
from textual.widgets import Input

from cachedesk.console.output import is_served
from cachedesk.core.commands import (
    Command,
    Control,
    EvictKey,
    Heal,
    Inject,
    PauseWorker,
    Record,
    ResumeWorker,
    SetSafeguard,
    StepWorker,
)
from cachedesk.core.errors import CachedeskError
from cachedesk.core.key_report import Inspector
from cachedesk.core.printable import printable
from cachedesk.core.safeguards import LABELS, NAMES
from cachedesk.core.snapshot import EventKind, Snapshot, Source
from cachedesk.desk.actions import ACTIONS, Action, actions_for
from cachedesk.desk.onboarding import passed
from cachedesk.desk.panels.spec import PanelWidget
from cachedesk.desk.pulling import Puller
from cachedesk.desk.saved_files import next_free
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.screens.evict import EvictScreen
from cachedesk.desk.screens.faults import FaultsScreen
from cachedesk.desk.screens.help import HelpScreen
from cachedesk.desk.screens.inspector import InspectorScreen
from cachedesk.desk.screens.steering import SteeringScreen
from cachedesk.desk.screens.stories import Listed, StoriesScreen, listed_stories
from cachedesk.desk.story_choice import StoryChoice
from cachedesk.desk.terminal.message_screen import MessageScreen
from cachedesk.desk.terminal.terminal_app import TerminalApp
from cachedesk.desk.themes import PAPER, chosen
from cachedesk.desk.views import versus_hint
from cachedesk.desk.views.headline import is_starting
from cachedesk.desk.views.safeguard_controls import is_on, meaning
from cachedesk.desk.widgets.key_table import KeyTable

DEFAULT_HZ = 2.0
_RESTART_NOTICE_SECONDS = 15.0
_PICTURE = "picture"


class DeskApp(TerminalApp):
    """The desk over any source of snapshots.

    Args:
        source: gives the snapshots to show; ``snapshot()`` is never called on the event loop.
        control: carries out commands; ``None`` makes the desk read-only.
        inspector: explains keys; ``None`` disables the inspector.
        refresh_hz: pulls per second; ``None`` pulls once, after the widgets are mounted.
        data_label: the location of the data, for the top line.
        actions: the available actions with their keys.
        theme: the name of the theme; empty: the environment's choice, or the default.
        greeting: whether to greet a new user, until the first key press.
        restart_notice: what ended the previous desk; shown together with what was recovered.
        folder: the data folder, where pictures and recordings are saved in subfolders; ``None``
            disables saving.
    """

    TITLE = "cachedesk"
    NOTIFICATION_TIMEOUT = 4.0
    DEFAULT_MODE = "desk"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(action.binding for action in ACTIONS),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
    ]

    def __init__(
        self,
        source: Source,
        control: Control | None,
        *,
        inspector: Inspector | None = None,
        refresh_hz: float | None = DEFAULT_HZ,
        data_label: str = "",
        actions: tuple[Action, ...] = ACTIONS,
        theme: str = "",
        greeting: bool = False,
        restart_notice: str = "",
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        self._restart_notice = restart_notice
        self.refusal = ""
        """Why there is nothing to show; the next pull after it is set displays it."""
        self.saved: list[Path] = []
        """The pictures that were saved and the recordings that were started."""
        self.wanted: StoryChoice | None = None
        """The story to play after this app; ``None``: the user leaves."""
        self._folder = folder
        self.register_theme(PAPER)
        self.theme = chosen(theme, os.environ)
        self._control = control
        self._inspector = inspector
        self._refresh_hz = refresh_hz
        self._offered = actions_for(actions, read_only=control is None)
        self.set_keymap({action.name: action.key for action in actions})
        self.desk = DeskScreen(
            self._offered,
            read_only=control is None,
            data_label=printable(data_label),
            greeting=greeting,
        )
        self._puller = Puller(self, source, self._show, self.desk.lose)
        # A mode, because Textual loads no stylesheet for the default screen.
        self.add_mode("desk", lambda: self.desk)

    @on(DeskScreen.Ready)
    async def begin(self) -> None:
        """Pull once, or start the one timer that pulls."""
        if self._refresh_hz is None:
            await self._puller.once()
        else:
            self._puller.every(1 / self._refresh_hz)

    async def on_event(self, event: Event) -> None:
        """Hide the greeting at the first key press."""
        if isinstance(event, Key):
            self.desk.greeting = False
        await super().on_event(event)

    def set_refresh(self, hertz: float) -> None:
        """Pull this many times per second from now on."""
        self._refresh_hz = hertz
        self._puller.every(1 / hertz)

    def perform(self, command: Command) -> None:
        """Carry out ``command`` on a thread; show an error if it fails."""
        if self._control is not None:
            self._perform(self._control, command)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield every action and Textual's own commands for the command palette."""
        for action in self._offered:
            if action.name not in ("quit", "menu"):  # Textual adds a quit; the menu is this
                act = partial(self.run_action, action.app_action)
                yield SystemCommand(action.title, f"{action.meaning} ({action.shown_key})", act)
        if self._control is not None and self.desk.latest is not None:
            for name in NAMES:
                on = not is_on(self.desk.latest, name)
                title = f"Steer: safeguard {LABELS[name]} {'on' if on else 'off'}"
                switch = partial(self.perform, SetSafeguard(name, on))
                yield SystemCommand(title, meaning(name, on=on), switch)
        explain = partial(self.notify, versus_hint.HOW, timeout=15, markup=False)
        yield SystemCommand(versus_hint.TITLE, versus_hint.HOW, explain)
        yield from super().get_system_commands(screen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False, which disables an action, for commands on a read-only desk and for looking
        back while another screen is on top."""
        if action == "look_back":
            return self.screen is self.desk and not isinstance(self.focused, Input)
        commands = {action.app_action.partition("(")[0] for action in ACTIONS if action.commands}
        return not (self._control is None and action in commands)

    def action_stories(self) -> None:
        """List the stories; leave the desk for the one that is chosen."""
        if is_served():
            self._warn("Stories play in a terminal only: cachedesk story NAME.")
            return
        self.push_screen(StoriesScreen(self.listed, passed()), self._leave_for)

    @property
    def listed(self) -> tuple[Listed, ...]:
        """What the list of stories offers."""
        return listed_stories()

    def _leave_for(self, choice: StoryChoice | None) -> None:
        if choice is not None:
            self.leave_for(choice)

    def leave_for(self, choice: StoryChoice) -> None:
        """End this app, so that ``choice`` is played."""
        self.wanted = choice
        self.exit()

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
            screen = EvictScreen(
                latest, self.desk.key_table.listed_selection, self.desk.key_table.filter_text
            )
            self.push_screen(screen, self._carry_out)

    def action_toggle_worker(self) -> None:
        """Pause the worker, or resume it if it is paused."""
        latest = self.desk.latest
        paused = latest is not None and latest.worker.paused
        self.perform(ResumeWorker() if paused else PauseWorker())

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
            self.saved.append(path)

    @on(KeyTable.Inspect)
    def action_inspect(self) -> None:
        """Explain the selected key."""
        if (key := self._selected()) is None:
            return
        if self._inspector is None:
            self._warn("No stack is running, so a key cannot be explained.")
            return
        explain = partial(self._inspector.inspect, key)
        perform = self.perform if self._control is not None else None
        self.push_screen(InspectorScreen(key, explain, perform))

    def action_filter(self) -> None:
        """Open the filter of the keys."""
        self.desk.start_filter()

    def action_sort(self) -> None:
        """Sort the keys by the next criterion."""
        self.desk.key_table.cycle_order()

    def action_toggle_frozen(self) -> None:
        """Freeze or unfreeze the display."""
        self.desk.frozen = not self.desk.frozen

    def action_zoom(self, step: int) -> None:
        """Show less time (1), more time (-1) or the default (0) on the charts."""
        self.desk.zoom(step)

    def action_look_back(self, steps: int) -> None:
        """Freeze and look back in time (negative), or forward again."""
        self.desk.look_back(steps)

    def action_expand(self) -> None:
        """Expand the focused panel to the whole screen, or shrink it again."""
        self.desk.toggle_expanded()

    def action_toggle_panel(self, number: int) -> None:
        """Show or hide the panel of this number."""
        self.desk.toggle_panel(number)

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
        key = next(
            (action.shown_key for action in self._offered if action.name == "quit"), "ctrl+q"
        )
        self.notify(f"Press {key} to leave the desk.", markup=False)

    def action_help(self) -> None:
        """Open the help screen: the focused widget, then every key."""
        focused = self.focused
        here = focused.HELP if focused else None
        if isinstance(focused, PanelWidget):
            here = focused.help_text
        self.push_screen(HelpScreen(self._offered, here))

    def _carry_out(self, command: Command | None) -> None:
        if command is not None:
            self.perform(command)

    def _show(self, snapshot: Snapshot) -> None:
        if self.refusal:
            if not isinstance(self.screen, MessageScreen):
                self.push_screen(MessageScreen("The desk cannot be opened", self.refusal))
            return
        # The one place where untrusted text enters, such as that of a recording or a trigger.
        snapshot = printable(snapshot)
        self.desk.apply(snapshot)
        if self._restart_notice and not is_starting(snapshot):
            text = " ".join((self._restart_notice, *recovered(snapshot)))
            self.notify(
                text, title="Restarted after a kill", timeout=_RESTART_NOTICE_SECONDS, markup=False
            )
            self._restart_notice = ""
        if isinstance(self.screen, FaultsScreen | SteeringScreen | EvictScreen):
            self.screen.apply(snapshot)
        elif isinstance(self.screen, InspectorScreen):
            self.screen.pull()

    def _known(self) -> Snapshot | None:
        """Return the newest snapshot; show a warning if there is none yet."""
        latest = self.desk.latest
        if latest is None or is_starting(latest):
            self._warn("The stack is still starting.")
            return None
        return latest

    def _selected(self) -> bytes | None:
        """Return the selected key; show a warning if there is none."""
        keys = self.desk.key_table
        if keys.listed_selection is None:
            self._warn("No key matches the filter." if keys.filter_text else "There is no key yet.")
        return keys.listed_selection

    def _new_file(self, suffix: str) -> Path | None:
        """Return a new path to save to; show a warning if there is none."""
        if self._folder is None:
            self._warn("Cannot save: this desk has no data folder.")
            return None
        try:
            path = next_free(self._folder, suffix)
        except OSError as error:
            self._warn(f"Cannot save to {self._folder}: {error.strerror}.")
            return None
        return path

    def _warn(self, sentence: str) -> None:
        self.notify(sentence, severity="warning", markup=False)

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
            self.call_from_thread(self._puller.soon)


def recovered(snapshot: Snapshot) -> list[str]:
    """Return the recovery events of opening the stack as sentences."""
    texts = (event.text for event in snapshot.events if event.kind is EventKind.RECOVERY)
    return [f"{text[0].upper()}{text[1:]}." for text in texts if text]
