"""The desk over two stacks: one keyboard, each command sent to both sides at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.events import DeliveryComplete
from textual.screen import Screen

from cachedesk.console.signals import Signals
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
from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.actions import ACTIONS, Action
from cachedesk.desk.appearance import Appearance
from cachedesk.desk.pulling import Puller
from cachedesk.desk.saved_files import next_free
from cachedesk.desk.screens.evict import EvictScreen
from cachedesk.desk.screens.faults import FaultsScreen
from cachedesk.desk.screens.help import HelpScreen
from cachedesk.desk.screens.steering import SteeringScreen
from cachedesk.desk.screens.versus import VersusScreen
from cachedesk.desk.terminal.leaving import Deadline
from cachedesk.desk.terminal.running import run_app
from cachedesk.desk.terminal.terminal_app import TerminalApp
from cachedesk.desk.themes import PAPER, chosen
from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines
from cachedesk.desk.views.pair_headline import newest
from cachedesk.lab.versus.pair import (
    NAMES,
    Pair,
    PairSnapshot,
    PairSource,
    SideResult,
    run_after_open,
    side_paths,
)

DEFAULT_HZ = 2.0
_MOST_IDS = 12

_NAMES = frozenset(
    (
        "kill-redis", "hold-redis-down", "crash-worker", "lock-database", "faults", "heal",
        "evict-key", "evict", "pause-worker", "step-worker", "steer", "record",
        "freeze", "zoom-in", "zoom-out", "zoom-reset", "save-picture", "menu", "help", "quit",
    )
)  # fmt: skip
"""The actions of the desk that make sense for two stacks."""


def versus_actions(actions: Iterable[Action] = ACTIONS, *, read_only: bool) -> tuple[Action, ...]:
    """Return the actions of the desk that a pair has."""
    return tuple(
        action
        for action in actions
        if action.name in _NAMES and not (read_only and action.commands)
    )


class VersusApp(TerminalApp):
    """The screen of two stacks.

    Args:
        source: gives the pairs to show.
        control: carries out each command on both sides; ``None``: read-only.
        refresh_hz: pulls per second; ``None`` pulls once.
        actions: every action of the desk, with its key.
        theme: the name of the theme; empty: the default.
        label: stands in the top line.
        more: further actions, which take precedence over others of the same key.
        folder: where pictures and recordings are saved; ``None`` disables saving.
    """

    TITLE = "cachedesk"
    NOTIFICATION_TIMEOUT = 4.0
    DEFAULT_MODE = "versus"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(action.binding for action in versus_actions(read_only=False)),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
    ]

    def __init__(
        self,
        source: PairSource,
        control: Control | None,
        *,
        refresh_hz: float | None = DEFAULT_HZ,
        actions: tuple[Action, ...] = ACTIONS,
        theme: str = "",
        label: str = "",
        more: tuple[Action, ...] = (),
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        self.register_theme(PAPER)
        self.theme = chosen(theme, os.environ)
        self.error: CachedeskError | None = None
        """Why the sides could not be opened."""
        self.saved: list[Path] = []
        """The pictures that were saved and the recordings that were started."""
        self._control = control
        self._refresh_hz = refresh_hz
        self._folder = folder
        taken = {action.key for action in more}
        usual = versus_actions(actions, read_only=control is None)
        self._offered = (*more, *(action for action in usual if action.key not in taken))
        self.set_keymap({action.name: action.key for action in actions})
        self.versus = VersusScreen(self._offered, read_only=control is None, label=label)
        self._puller = Puller(self, source, self._show, self.versus.lose)
        self.add_mode("versus", lambda: self.versus)

    @on(VersusScreen.Ready)
    async def begin(self) -> None:
        """Pull once, or start the one timer that pulls."""
        if self._refresh_hz is None:
            await self._puller.once()
        else:
            self._puller.every(1 / self._refresh_hz)

    def fail(self, error: CachedeskError) -> None:
        """Leave with this error; may be called on any thread."""
        self.error = error
        self.exit()

    def set_refresh(self, hertz: float) -> None:
        """Pull this many times per second from now on."""
        self._refresh_hz = hertz
        self._puller.every(1 / hertz)

    def perform(self, command: Command) -> None:
        """Carry out ``command`` on both sides, on a thread; show an error if it fails."""
        if self._control is not None:
            self._perform(self._control, command)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield every action and Textual's own commands for the command palette."""
        for action in self._offered:
            if action.name not in ("quit", "menu"):
                act = partial(self.run_action, action.app_action)
                yield SystemCommand(action.title, f"{action.meaning} ({action.shown_key})", act)
        yield from super().get_system_commands(screen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False, which disables an action, for commands when nothing can be changed."""
        commands = {action.app_action.partition("(")[0] for action in ACTIONS if action.commands}
        return not (self._control is None and action in commands)

    def action_inject(self, fault: str) -> None:
        """Inject the fault of this name on both sides."""
        self.perform(Inject(fault))

    def action_faults(self) -> None:
        """Open the fault catalogue and carry out the chosen command on both sides."""
        if (latest := self._known()) is not None:
            self.push_screen(FaultsScreen(latest), self._carry_out)

    def action_heal(self) -> None:
        """End every active fault of both sides."""
        self.perform(Heal())

    def action_evict_key(self) -> None:
        """Evict the selected key on both sides."""
        if (key := self.versus.table.listed_selection) is None:
            self._warn("There is no key yet.")
        else:
            self.perform(EvictKey(key))

    def action_evict(self) -> None:
        """Ask what to evict and evict it on both sides."""
        if (latest := self._known()) is not None:
            screen = EvictScreen(latest, self.versus.table.listed_selection, "")
            self.push_screen(screen, self._carry_out)

    def action_toggle_worker(self) -> None:
        """Pause the worker of both sides, or resume both if one is paused."""
        latest = self._known()
        paused = latest is not None and latest.worker.paused
        self.perform(ResumeWorker() if paused else PauseWorker())

    def action_step_worker(self) -> None:
        """Let both workers flush one batch."""
        self.perform(StepWorker())

    def action_steer(self) -> None:
        """Open the steering screen; it shows the right side, and changes both."""
        if (latest := self._known()) is not None:
            hertz = self._refresh_hz or DEFAULT_HZ
            self.push_screen(SteeringScreen(latest, self.perform, hertz, self.set_refresh))

    def action_record(self) -> None:
        """Record both sides, each to a new file in the data folder, or end that."""
        if (latest := self._known()) is None:
            return
        if latest.recording:
            self.perform(Record(None))
        elif (path := self._new_file("rec")) is not None:
            self.saved.extend(side_paths(path))
            self.perform(Record(str(path)))

    def action_toggle_frozen(self) -> None:
        """Freeze or unfreeze the display."""
        self.versus.frozen = not self.versus.frozen

    def action_zoom(self, step: int) -> None:
        """Show less time (1), more time (-1) or the default (0) on the charts."""
        self.versus.zoom(step)

    def action_save_picture(self) -> None:
        """Save the screen as an SVG picture in the data folder."""
        if (path := self._new_file("svg")) is not None:
            self.deliver_text(
                StringIO(self.export_screenshot()),
                save_directory=path.parent,
                save_filename=path.name,
                open_method="browser",
                mime_type="image/svg+xml",
            )

    @on(DeliveryComplete)
    def _picture_saved(self, event: DeliveryComplete) -> None:
        if event.path is not None:
            self.saved.append(event.path)
            self.notify(f"Saved {event.path.parent.name}/{event.path.name}", markup=False)

    def action_help_quit(self) -> None:
        """Show which key quits, because users try Ctrl+C first."""
        self.notify("Press q to leave.", markup=False)

    def action_help(self) -> None:
        """Open the help screen."""
        self.push_screen(HelpScreen(self._offered, self.versus.table.HELP))

    def _carry_out(self, command: Command | None) -> None:
        if command is not None:
            self.perform(command)

    def _show(self, pair: PairSnapshot) -> None:
        # The one place where untrusted text enters.
        pair = printable(pair)
        self.versus.apply(pair)
        if (latest := newest(pair)) and isinstance(
            self.screen, FaultsScreen | SteeringScreen | EvictScreen
        ):
            self.screen.apply(latest)

    def _known(self) -> Snapshot | None:
        """Return the newest snapshot of a side that runs; show a warning if there is none."""
        latest = newest(self.versus.latest) if self.versus.latest else None
        if latest is None:
            self._warn("Neither side is running.")
        return latest

    def _new_file(self, suffix: str) -> Path | None:
        if self._folder is None:
            self._warn("Cannot save: this desk has no data folder.")
            return None
        try:
            return next_free(self._folder, suffix, "versus")
        except OSError as error:
            self._warn(f"Cannot save to {self._folder}: {error.strerror}.")
            return None

    def _warn(self, sentence: str) -> None:
        self.notify(sentence, severity="warning", markup=False)

    @work(thread=True, group="commands")
    def _perform(self, control: Control, command: Command) -> None:
        try:
            control.perform(command)
        except CachedeskError as error:
            self.notify(str(error), title="Not done", severity="error", markup=False)
        else:
            if self.return_code is None:
                self.call_from_thread(self._puller.soon)


def open_versus(pair: Pair, appearance: Appearance, folder: Path | None) -> int:
    """Show ``pair`` until the user quits, then close and judge both sides.

    Args:
        pair: the sides, whose processes were started.
        appearance: how the desk looks and behaves.
        folder: where pictures and recordings are saved.

    Returns:
        The exit status: 0; 1 if a side whose safeguards are all on broke a promise; 128 plus the
        number of the signal that ended the desk; 70 after an internal error.

    Raises:
        CachedeskError: a side could not be opened.
    """
    app = VersusApp(
        pair,
        None if appearance.read_only else pair,
        refresh_hz=appearance.refresh_hz,
        actions=appearance.actions,
        theme=appearance.theme,
        folder=folder,
    )
    with Signals() as signals, Deadline(pair.close, lambda: signals.exit_code or 1) as deadline:
        opening = run_after_open(pair, app.fail)
        try:
            status = run_app(app, signals, deadline, folder)
            results = None if app.error or signals.received.is_set() else pair.finish()
        finally:
            pair.close()
            opening.join()
    if app.error is not None:
        raise app.error
    if results is None:
        return status
    print_closing_message(closing_lines(results, app.saved))
    guarded = (
        result.verdict
        for result, side in zip(results, pair.sides, strict=True)
        if result.verdict and not side.setup.safeguards.off
    )
    return status or (0 if all(verdict.sound for verdict in guarded) else 1)


def closing_lines(results: Iterable[SideResult], saved: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each side: what was accepted, and what was lost by its ids."""
    for name, result in zip(NAMES, results, strict=True):
        yield f"{name} ({result.title}): {outcome(result)}"
    yield from saved_file_lines(saved)


def outcome(result: SideResult) -> str:
    """Return how a side ended, in one sentence without a full stop."""
    verdict = result.verdict
    if verdict is None:
        return result.ended or "not judged"
    accepted = f"{count_of(verdict.accepted, 'write')} accepted"
    if not verdict.judged:
        return f"{accepted}, not judged"
    if not verdict.lost:
        wrong = f", {count_of(len(verdict.wrong), 'wrong value')}" if verdict.wrong else ""
        stale = f", {count_of(verdict.stale_reads, 'stale read')}" if verdict.stale_reads else ""
        return f"{accepted}, none lost{wrong}{stale}"
    ids = " ".join(f"#{seq}" for seq in verdict.lost[:_MOST_IDS])
    more = " …" if len(verdict.lost) > _MOST_IDS else ""
    return f"{accepted}, {len(verdict.lost):,} LOST: {ids}{more}"
