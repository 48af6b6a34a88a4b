"""The desk during a story: the usual screens over the stack of the act, and a narration strip."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Protocol

from textual import on, work
from textual.binding import BindingType
from textual.widgets import Input

from cachedesk.console.signals import Signals
from cachedesk.core.commands import Control
from cachedesk.core.key_report import Inspector
from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Source
from cachedesk.desk.actions import ACTIONS, Action, Group
from cachedesk.desk.app import DeskApp
from cachedesk.desk.appearance import Appearance
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.terminal.leaving import Deadline
from cachedesk.desk.terminal.running import run_app
from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines
from cachedesk.desk.widgets.story_strip import StoryStrip, StoryView
from cachedesk.desk.widgets.top_line import TopLine
from cachedesk.lab.stories.scene import Scene

_POLLS_PER_SECOND = 5.0
_PAUSE_SECONDS = 2.0
_LETTERS_PER_SECOND = 40.0


class StoryPlayer(Source, Control, Inspector, Protocol):
    """Plays a story; ``cachedesk.lab.stories.story_runner`` implements it."""

    def scene(self) -> Scene:
        """Return the current scene; cheap."""
        ...

    def advance(self) -> None:
        """Play the next step; may take several seconds."""
        ...

    def back(self) -> None:
        """Go back one step; may take several seconds."""
        ...

    def stop(self) -> None:
        """End the step that is being played as soon as possible."""
        ...


def _story_action(name: str, key: str, act: str, label: str, meaning: str) -> Action:
    return Action(f"story-{name}", key, act, label, label, Group.STEER, meaning, has_button=True)


_OWN_ACTIONS: tuple[Action, ...] = (
    _story_action("next", "right", "story_next", "next", "Play the next step of the story."),
    _story_action("back", "left", "story_back", "back",
          "Replay the act up to the previous step."),
    _story_action("run", "r", "story_run", "let it run",
          "Play the story at reading pace; press again to stop."),
)  # fmt: skip

_EXCLUDED = {"look-back", "look-on", "record"}
"""Actions whose keys the story uses, and those that need a session."""

STORY_ACTIONS: tuple[Action, ...] = (
    *_OWN_ACTIONS,
    *(action for action in ACTIONS if action.name not in _EXCLUDED),
)
"""Everything a user can do at the desk during a story."""


class StoryApp(DeskApp):
    """The desk during a story.

    Args:
        player: plays the story.
        refresh_hz: pulls per second; ``None`` pulls only after a step, for tests.
        theme: the name of the theme; empty: the default.
        follows: whether to poll the player; otherwise it is read only after a step.
        folder: the folder in which pictures are saved; ``None`` disables saving.
    """

    # With priority, because a focused list would use some of these keys.
    BINDINGS: ClassVar[list[BindingType]] = [
        replace(action.binding, priority=True) for action in _OWN_ACTIONS
    ]

    def __init__(
        self,
        player: StoryPlayer,
        *,
        refresh_hz: float | None = 2.0,
        theme: str = "",
        follows: bool = True,
        folder: Path | None = None,
    ) -> None:
        super().__init__(
            player,
            player,
            inspector=player,
            refresh_hz=refresh_hz,
            data_label=player.scene().story,
            actions=STORY_ACTIONS,
            theme=theme,
            folder=folder,
        )
        self._player = player
        self._follows = follows
        self._goes_on = False
        self._in_step = False
        self._quiet_since = time.monotonic()
        self.strip = StoryStrip(id="story")

    @on(DeskScreen.Ready)
    async def begin_story(self) -> None:
        """Mount the strip under the top line and start to poll the player."""
        await self.desk.mount(self.strip, after=self.desk.query_one(TopLine))
        if self._follows:
            self.set_interval(1 / _POLLS_PER_SECOND, self._show_scene)
        self._show_scene()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the keys of the story while another screen or an input needs them."""
        if action.startswith("story_"):
            return self.screen is self.desk and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_story_next(self) -> None:
        """Play the next step."""
        self._move(self._player.advance)

    def action_story_back(self) -> None:
        """Go back one step."""
        self._goes_on = False
        self._move(self._player.back)

    def action_story_run(self) -> None:
        """Start or stop playing the story automatically."""
        self._goes_on = not self._goes_on and not self._player.scene().ended
        if self._goes_on:
            self.action_story_next()
        self._show_scene()

    async def action_quit(self) -> None:
        """Quit; the exit status is 1 if the story has ended and a claim is broken, else 0."""
        scene = self._player.scene()
        broken = bool(scene.failed) or any(claim.holds is False for claim in scene.claims)
        # A step may wait for a condition that never holds; it must not delay the exit.
        self._player.stop()
        self.exit(return_code=1 if scene.ended and broken else 0)

    def _show_scene(self) -> None:
        scene = printable(self._player.scene())
        self.strip.view = StoryView(scene, self._goes_on)
        if scene.ended:
            self._goes_on = False
        read_seconds = _PAUSE_SECONDS + len(scene.say + scene.came) / _LETTERS_PER_SECOND
        if self._goes_on and time.monotonic() - self._quiet_since > read_seconds:
            self.action_story_next()

    def _move(self, step: Callable[[], None]) -> None:
        """Run ``step`` on a thread; ignore the key while another step is running."""
        if not self._in_step and (step == self._player.back or not self._player.scene().ended):
            self._in_step = True
            self._play(step)

    @work(thread=True, group="story")
    def _play(self, step: Callable[[], None]) -> None:
        try:
            step()
        finally:
            self._quiet_since = time.monotonic()
            self._in_step = False
        if self.return_code is None:
            self.call_from_thread(self._show_scene)
            self.call_from_thread(self._puller.soon)


def play(
    player: StoryPlayer, appearance: Appearance, close: Callable[[], None], folder: Path | None
) -> int:
    """Show a story on the desk until the user quits.

    Args:
        player: plays the story.
        appearance: how the desk looks and behaves.
        close: closes the player if the desk does not exit in time after a signal.
        folder: the folder for pictures and for the traceback of an internal error; ``None``
            disables saving.

    Returns:
        The exit status: 0; 1 if a claim is broken; 128 plus the number of the signal that ended
        the desk; 70 after an internal error.
    """
    with Signals() as signals, Deadline(close, lambda: signals.exit_code or 1) as deadline:
        app = StoryApp(
            player, refresh_hz=appearance.refresh_hz, theme=appearance.theme, folder=folder
        )

        def leave() -> None:
            player.stop()
            app.exit()

        status = run_app(app, signals, deadline, folder, leave)
    if not signals.received.is_set():
        print_closing_message(saved_file_lines(app.saved))
    return status
