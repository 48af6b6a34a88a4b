"""A cast: the desk plays a recording without a terminal, and what a terminal would show is kept."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from textual import on
from textual.driver import Driver
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from cachedesk.console.new_file import write_new
from cachedesk.core.printable import printable
from cachedesk.desk.modes.playback import ReplayApp
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.terminal.screen_changes import ScreenChanges
from cachedesk.desk.themes import chosen
from cachedesk.recording.asciicast import Marker, Output, Session, asciicast
from cachedesk.recording.frames import RecordingError
from cachedesk.recording.pacing import Shot
from cachedesk.recording.player import Player
from cachedesk.recording.recorder import shown
from cachedesk.recording.recording_file import RecordingFile

_LAST_PAUSES = 3


class CastApp(ReplayApp):
    """The desk over a recording, filmed.

    Args:
        recording: what to play.
        shots: which records to show when.
        size: columns and rows of the terminal.
        speed: the speed that the desk names.
        on_shot: called after each shot.
    """

    def __init__(
        self,
        recording: RecordingFile,
        shots: Iterable[Shot],
        size: tuple[int, int],
        *,
        speed: float = 1.0,
        on_shot: Callable[[], None] = lambda: None,
    ) -> None:
        self._recording = recording
        self._name = printable(shown(Path(recording.path.name)))
        self._shots = shots
        self.terminal_size = size
        """Columns and rows of the terminal."""
        self._on_shot = on_shot
        self._filming: asyncio.Task[None] | None = None
        self._changes = ScreenChanges()
        self._events: list[Output | Marker] = []
        # The player is moved by hand: time stands still for it.
        player = Player(recording, speed=speed, clock=lambda: 0.0)
        super().__init__(player, data_label=self._name, follows=False)
        # By choice only: the terminal at hand is not the one that it is played on.
        self.theme = chosen(os.environ.get("TEXTUAL_THEME", ""), {})
        self.animation_level = "none"

    def session(self) -> Session:
        """Return what was filmed, once the app has ended."""
        return Session(
            *self.terminal_size,
            int(self._recording.header.started_at),
            f"{self._name} on the desk of cachedesk",
            tuple(self._events),
        )

    def get_driver_class(self) -> type[Driver]:
        """Return what stands for the terminal."""
        return _NoTerminal

    @on(DeskScreen.Ready)
    def begin_cast(self) -> None:
        """Film, beside what the app does."""
        self._filming = asyncio.create_task(self._film())

    async def _film(self) -> None:
        try:
            for shot in self._shots:
                await self._show_shot(shot)
                self._on_shot()
        except Exception as error:  # noqa: BLE001 - it ends the app, which keeps it
            self._handle_exception(error)
        else:
            self.exit()

    async def _show_shot(self, shot: Shot) -> None:
        self._player.seek(self._recording.seconds(shot.record))
        while self._shown_record != shot.record:
            await self._puller.once()
            if self.desk.lost:
                raise RecordingError(self.desk.lost)
        self._events += [Marker(shot.at_seconds, name) for name in map(printable, shot.faults)]
        pilot = Pilot(self)
        # What arrives late is in the next shot, and after the last there is none.
        for _ in range(_LAST_PAUSES if shot.record == len(self._recording) - 1 else 1):
            await pilot.pause()
        text = self._changes.to(self.screen._compositor.render_strips())
        if text:
            self._events.append(Output(shot.at_seconds, text))


class _NoTerminal(HeadlessDriver):
    """No terminal, of the size that the app names."""

    def __init__(
        self,
        app: CastApp,
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=app.terminal_size)


def write_cast(path: Path, session: Session) -> int:
    """Write a cast to the new file ``path``; return how many bytes it has.

    Raises:
        RecordingError: there is something already, or it cannot be written; nothing of it is left.
    """
    content = asciicast(session)
    if complaint := write_new(path, content, "write the cast"):
        raise RecordingError(complaint)
    return len(content)


@contextmanager
def progress(shots: int, visible: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error; yield what to call after each of ``shots``."""
    if not visible:
        yield lambda: None
        return
    # The stream itself, because the app takes the place of ``sys.stderr``.
    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("filming", total=shots)
        yield lambda: bar.advance(task)
