"""The desk over two stacks: one keyboard, each command sent to both sides at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType

from cachedesk.console.signals import Signals
from cachedesk.core.commands import Control
from cachedesk.core.errors import CachedeskError
from cachedesk.core.key_report import KeyReport
from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.actions import ACTIONS, Action
from cachedesk.desk.appearance import Appearance
from cachedesk.desk.screens.pair_inspector import PairInspectorScreen
from cachedesk.desk.screens.versus import VersusScreen
from cachedesk.desk.stack_app import DEFAULT_HZ, StackApp
from cachedesk.desk.terminal.leaving import Deadline
from cachedesk.desk.terminal.running import run_app
from cachedesk.desk.views.closing_message import (
    print_closing_message,
    saved_file_lines,
    while_closing,
)
from cachedesk.desk.views.pair_headline import newest
from cachedesk.desk.widgets.difference_table import DifferenceTable
from cachedesk.lab.versus.pair import (
    NAMES,
    Pair,
    PairSnapshot,
    PairSource,
    SideResult,
    run_after_open,
    side_paths,
)

_MOST_IDS = 12

_NAMES = frozenset(
    (
        "kill-redis", "hold-redis-down", "crash-worker", "lock-database", "faults", "heal",
        "evict-key", "evict", "pause-worker", "step-worker", "steer", "record",
        "inspect", "filter", "freeze", "zoom-in", "zoom-out", "zoom-reset", "save-picture",
        "menu", "help", "quit",
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


class VersusApp(StackApp[PairSnapshot]):
    """The screen of two stacks.

    Args:
        source: gives the pairs to show.
        control: carries out each command on both sides; ``None``: read-only.
        explain: returns the report of a key on the left side (0) or on the right one (1); called on
            a thread; ``None``: there is no stack to ask.
        refresh_hz: pulls per second; ``None`` pulls once.
        actions: every action of the desk, with its key.
        theme: the name of the theme; empty: the default.
        label: stands in the top line.
        more: further actions, which take precedence over others of the same key.
        folder: where pictures and recordings are saved; ``None`` disables saving.
    """

    DEFAULT_MODE = "versus"
    BINDINGS: ClassVar[list[BindingType]] = [
        action.binding for action in versus_actions(read_only=False)
    ]
    SAVED_NAME = "versus"

    def __init__(
        self,
        source: PairSource,
        control: Control | None,
        *,
        explain: Callable[[int, bytes], KeyReport] | None = None,
        refresh_hz: float | None = DEFAULT_HZ,
        actions: tuple[Action, ...] = ACTIONS,
        theme: str = "",
        label: str = "",
        more: tuple[Action, ...] = (),
        folder: Path | None = None,
    ) -> None:
        taken = {action.key for action in more}
        missing = "" if explain else "inspect"
        usual = versus_actions(actions, read_only=control is None)
        super().__init__(
            source,
            control,
            offered=(
                *more,
                *(it for it in usual if it.key not in taken and it.name != missing),
            ),
            actions=actions,
            refresh_hz=refresh_hz,
            theme=theme,
            folder=folder,
        )
        self._explain = explain
        self.error: CachedeskError | None = None
        """Why the sides could not be opened."""
        self.versus = VersusScreen(self._offered, read_only=control is None, label=label)
        self.add_mode("versus", lambda: self.versus)

    @property
    def stage(self) -> VersusScreen:
        """The screen of both sides."""
        return self.versus

    @property
    def keys(self) -> DifferenceTable:
        """The list of the keys of both sides."""
        return self.versus.table

    def fail(self, error: CachedeskError) -> None:
        """Leave with this error; may be called on any thread."""
        self.error = error
        self.exit()

    def action_filter(self) -> None:
        """Open the filter of the keys."""
        self.versus.start_filter()

    def action_inspect(self) -> None:
        """Explain the selected key on one side; a key shows the other one."""
        pair, explain = self.versus.latest, self._explain
        if explain is not None and pair is not None and (key := self._selected()) is not None:
            titles = (pair.left.title, pair.right.title)
            perform = self.perform if self._control is not None else None
            self.push_screen(PairInspectorScreen(key, titles, explain, perform))

    def _recordings(self, path: Path) -> Iterable[Path]:
        return side_paths(path)

    def _show(self, pair: PairSnapshot) -> None:
        # The one place where untrusted text enters.
        pair = printable(pair)
        self.versus.apply(pair)
        if (latest := newest(pair)) is not None:
            self._tell_dialog(latest)

    def _known(self) -> Snapshot | None:
        """Return the newest snapshot of a side that runs; show a warning if there is none."""
        latest = newest(self.versus.latest) if self.versus.latest else None
        if latest is None:
            self._warn("Neither side is running.")
        return latest


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
        explain=pair.explain,
        refresh_hz=appearance.refresh_hz,
        actions=appearance.actions,
        theme=appearance.theme,
        folder=folder,
    )
    with Signals() as signals, Deadline(pair.close, lambda: signals.exit_code or 1) as deadline:
        status, results = show_pair(app, pair, signals, deadline, folder)
    if results is None:
        return status
    print_closing_message(closing_lines(results, app.saved))
    guarded = (
        result.verdict
        for result, side in zip(results, pair.sides, strict=True)
        if result.verdict and not side.setup.safeguards.off
    )
    return status or (0 if all(verdict.sound for verdict in guarded) else 1)


def show_pair(
    app: VersusApp, pair: Pair, signals: Signals, deadline: Deadline, folder: Path | None
) -> tuple[int, tuple[SideResult, SideResult] | None]:
    """Run ``app`` over ``pair`` until the user leaves, then close and judge both sides.

    Args:
        app: the screen.
        pair: the sides, whose processes were started.
        signals: receives the signals; it is active already.
        deadline: armed when a signal arrives.
        folder: the folder for a traceback; ``None``: the folder of temporary files.

    Returns:
        The exit status, as of ``run_app``, and how the sides ended; ``None`` after a signal.

    Raises:
        CachedeskError: a side could not be opened.
    """
    opening = run_after_open(pair, app.fail)
    try:
        status = run_app(app, signals, deadline, folder)
        with while_closing("closing and judging both stacks …"):
            results = None if app.error or signals.received.is_set() else pair.finish()
    finally:
        pair.close()
        opening.join()
    if app.error is not None:
        raise app.error
    return status, results


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
