"""The app over a watched server: it shows snapshots of a watcher, twice a second."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Protocol

from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.widgets import Input

from cachedesk.console.signals import Signals
from cachedesk.core.errors import CachedeskError
from cachedesk.core.watched_server import WatchedServer
from cachedesk.desk.action_app import ActionApp
from cachedesk.desk.appearance import checked_appearance
from cachedesk.desk.screens.watch import WatchScreen
from cachedesk.desk.screens.watch_help import WatchHelpScreen
from cachedesk.desk.terminal.leaving import Deadline
from cachedesk.desk.terminal.running import run_app
from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines
from cachedesk.desk.watch_actions import WATCH_ACTIONS
from cachedesk.watch.snapshot import WatchSnapshot
from cachedesk.watch.watcher import Watcher

REFRESH_SECONDS = 0.5

WARNING = (
    "MONITOR makes each command of this server dearer while it is on. It is on for short windows "
    "within the budget; --no-monitor does without."
)


class Watching(Protocol):
    """What the app needs of a watcher."""

    def snapshot(self) -> WatchSnapshot:
        """Return what is known."""
        ...

    def toggle_pause(self) -> None:
        """Ask nothing, or go on."""
        ...

    def record(self, path: Path) -> None:
        """Begin to record to a new file."""
        ...

    def stop_recording(self) -> None:
        """End the recording."""
        ...


class WatchApp(ActionApp):
    """The screen of a watched server.

    Args:
        watcher: what is shown.
        theme: the colours, by name; empty: the usual, or what the environment names.
        folder: where pictures and traces go, each into a folder of its kind; ``None``: nowhere.
        warn: say at the start that MONITOR costs.
    """

    TITLE = "cachedesk watch"
    DEFAULT_MODE = "watch"
    NOTIFICATION_TIMEOUT = 6.0
    BINDINGS: ClassVar[list[BindingType]] = [action.binding for action in WATCH_ACTIONS]
    SAVED_NAME = "watch"

    def __init__(
        self, watcher: Watching, *, theme: str = "", folder: Path | None = None, warn: bool = False
    ) -> None:
        super().__init__(WATCH_ACTIONS, theme=theme, folder=folder)
        self._watcher = watcher
        self._warns = warn
        self._said = ""
        self.watched = WatchScreen()
        self.add_mode("watch", lambda: self.watched)

    def on_mount(self) -> None:
        """Show what is known, now and then again and again."""
        self.set_interval(REFRESH_SECONDS, self.refresh_watch)
        self.call_after_refresh(self.refresh_watch)
        if self._warns:
            self._warn(WARNING)

    def refresh_watch(self) -> None:
        """Show what is known now."""
        # The widgets are not there yet at the start, and leave one by one while the app ends.
        if not self.watched.is_mounted or not self.watched.children:
            return
        snapshot = self._watcher.snapshot()
        with suppress(NoMatches):
            self.watched.show(snapshot)
        if snapshot.said != self._said:
            self._said = snapshot.said
            self.notify(snapshot.said, severity="error", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for what belongs to the screen while something lies over it."""
        if action in ("sort", "filter"):
            return self.screen is self.watched and not isinstance(self.focused, Input)
        return True

    def action_sort(self) -> None:
        """Sort by the next column."""
        table = self.watched.table
        table.order = table.order.next

    def action_filter(self) -> None:
        """Let the user type which prefixes to list."""
        self.watched.start_filter()

    def action_toggle_pause(self) -> None:
        """Ask nothing, or go on."""
        self._watcher.toggle_pause()
        self.refresh_watch()

    def action_record(self) -> None:
        """Begin to record to a new file in the data folder, or end it."""
        snapshot = self._watcher.snapshot()
        if snapshot.recording is not None:
            self._watcher.stop_recording()
            played = f'cachedesk run --trace "{snapshot.recording.path}"'
            self.notify(f"{played} plays it.", markup=False)
        elif not snapshot.monitor:
            self._warn("Without MONITOR there is nothing to record.")
        elif (path := self._new_file("txt")) is not None:
            try:
                self._watcher.record(path)
            except CachedeskError as error:
                self._warn(str(error))
                return
            self.saved.append(path)
            self.notify(f"Recording to {path}. Values are in it.", markup=False)
        self.refresh_watch()

    def action_help(self) -> None:
        """Explain every figure and every key."""
        self.push_screen(WatchHelpScreen())


def open_watch(
    connect: Callable[[], WatchedServer],
    budget: float,
    *,
    monitor: bool,
    theme: str,
    folder: Path | None,
) -> int:
    """Watch a server on a screen, until the user leaves or a signal comes.

    Args:
        connect: opens a connection.
        budget: the share of the server's time that may be spent.
        monitor: whether MONITOR may be used.
        theme: the colours, by name.
        folder: where pictures and traces go.

    Returns:
        The exit status.

    Raises:
        CachedeskError: there is no such theme; the server does not answer, or refuses.
    """
    checked_appearance(theme=theme, refresh_hz=2.0, keys={}, hint=False, read_only=True)
    with Signals() as signals:
        watcher = Watcher(connect, budget, monitor=monitor)
        try:
            watcher.start()
            app = WatchApp(watcher, theme=theme, folder=folder, warn=monitor)
            with Deadline(watcher.close, lambda: signals.exit_code or 1) as deadline:
                status = run_app(app, signals, deadline, folder)
        finally:
            watcher.close()
    if not signals.received.is_set():
        print_closing_message(saved_file_lines(app.saved))
    return status
