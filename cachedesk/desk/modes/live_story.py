"""The desk during a story: the usual screens over the stack of the act, and a narration strip."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Protocol

from textual import on, work
from textual.binding import BindingType
from textual.events import Resize
from textual.widgets import Input

from cachedesk.core.commands import Control
from cachedesk.core.key_report import Inspector
from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Source
from cachedesk.desk.actions import ACTIONS, Action, Group
from cachedesk.desk.app import DeskApp
from cachedesk.desk.panels.spec import Area
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.side_by_side import SideBySide
from cachedesk.desk.story_choice import FLIP_KEY, NEXT_KEY, Offer, StoryChoice
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.story_keys import StoryKeys
from cachedesk.desk.widgets.story_strip import StoryStrip, StoryView
from cachedesk.desk.widgets.top_line import TopLine
from cachedesk.lab.stories.scene import Scene

_POLLS_PER_SECOND = 5.0
_PAUSE_SECONDS = 2.0
_LETTERS_PER_SECOND = 40.0
_CHARTS_FROM_ROWS = 54
"""The height from which there is room for the charts beside the keys of a story."""
_HOT_KEYS_FROM_ROWS = 24
"""The height from which there is room for the hot keys beside the keys of a story."""
_LIST = ("t", "all stories")


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


def _offer_action(name: str, key: str, label: str, meaning: str) -> Action:
    act = f"story_offer('{key}')"
    return Action(f"story-{name}", key, act, label, label, Group.STEER, meaning)


_OWN_ACTIONS: tuple[Action, ...] = (
    _story_action("next", "right", "story_next", "next", "Play the next step of the story."),
    _story_action("back", "left", "story_back", "back",
          "Replay the act up to the previous step."),
    _story_action("run", "r", "story_run", "let it run",
          "Play the story at reading pace; press again to stop."),
    _offer_action("onward", NEXT_KEY, "next story", "At the end: play the next story."),
    _offer_action("flip", FLIP_KEY, "flip", "At the end: play it with its safeguard flipped."),
)  # fmt: skip

_EXCLUDED = {"look-back", "look-on", "record", "versus"}
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
        offers: what can be played at the end.
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
        offers: tuple[Offer, ...] = (),
        follows: bool = True,
        folder: Path | None = None,
    ) -> None:
        super().__init__(
            player,
            player,
            inspector=player,
            refresh_hz=refresh_hz,
            actions=STORY_ACTIONS,
            theme=theme,
            folder=folder,
            # The story explains its faults itself; the key shows the card.
            cards=False,
        )
        self._player = player
        self._offers = offers
        self._read = ""
        self._follows = follows
        self._goes_on = False
        self._in_step = False
        self._quiet_since = time.monotonic()
        self.strip = StoryStrip(id="story")
        self.key_lines = StoryKeys(id="story-keys")

    @on(DeskScreen.Ready)
    async def begin_story(self) -> None:
        """Mount the strip under the top line and the keys in the place of the charts, and start to
        poll the player."""
        await self.desk.mount(self.strip, after=self.desk.query_one(TopLine))
        await self.desk.mount(self.key_lines, before=self.desk.query_one("#charts"))
        self._make_room(self.size.height)
        if self._follows:
            self.set_interval(1 / _POLLS_PER_SECOND, self._show_scene)
        self._show_scene()

    def on_resize(self, event: Resize) -> None:
        """Make room for the strip and its keys."""
        if self.strip.is_mounted:
            self._make_room(event.size.height)

    def _make_room(self, rows: int) -> None:
        self.desk.wish(Area.CHART, shown=None if rows >= _CHARTS_FROM_ROWS else False)
        self.desk.wish(Area.MAIN, shown=None if rows >= _HOT_KEYS_FROM_ROWS else False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the keys of the story while another screen or an input needs them."""
        if action.startswith("story_"):
            free = self.screen is self.desk and not isinstance(self.focused, Input)
            return free and (action != "story_offer" or self._player.scene().ended)
        return super().check_action(action, parameters)

    @property
    def takes_commands(self) -> bool:
        """Whether the story has not ended; its stack is closed then."""
        return super().takes_commands and not self._player.scene().ended

    def offers(self, action: Action) -> bool:
        """Return whether the menu offers ``action`` at this moment."""
        return super().offers(action) and (self.takes_commands or not action.commands)

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

    def action_story_offer(self, key: str) -> None:
        """Play what is offered with this key at the end of the story."""
        for offer in self._offers:
            if offer.key == key:
                self.leave_for(offer.choice)

    def leave_for(self, choice: StoryChoice | SideBySide) -> None:
        """End this story, and play ``choice`` next."""
        self._player.stop()
        super().leave_for(choice)

    async def action_quit(self) -> None:
        """Quit; the exit status is 1 if the story has ended and a claim is broken, else 0."""
        scene = self._player.scene()
        broken = bool(scene.failed) or any(claim.holds is False for claim in scene.claims)
        # A step may wait for a condition that never holds; it must not delay the exit.
        self._player.stop()
        self.exit(return_code=1 if scene.ended and broken else 0)

    def _show_scene(self) -> None:
        scene = printable(self._player.scene())
        offers = tuple((offer.key, offer.words) for offer in self._offers)
        self.strip.view = StoryView(scene, self._goes_on, (*offers, _LIST) if offers else ())
        self.key_lines.lines = scene.keys
        self.key_lines.set_class(not scene.keys, "-empty")
        self.desk.query_one(ActionBar).commands = not scene.ended
        if scene.ended:
            self._goes_on = False
        # A sentence that stands over several steps is read once.
        say = "" if scene.say == self._read else scene.say
        read_seconds = _PAUSE_SECONDS + len(say + scene.came) / _LETTERS_PER_SECOND
        if self._goes_on and time.monotonic() - self._quiet_since > read_seconds:
            self._read = scene.say
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
