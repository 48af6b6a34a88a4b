"""The keys of a replay: they control a player, on a desk over one recording or over a pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar, Protocol

from textual import on
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input

from cachedesk.desk.actions import Action, Group
from cachedesk.desk.terminal.terminal_app import TerminalApp
from cachedesk.desk.widgets.replay_strip import ReplayStrip
from cachedesk.recording.player import Playback

SKIP_SECONDS = 5.0

POLLS_PER_SECOND = 10.0


def _replay_action(
    name: str, key: str, act: str, label: str, meaning: str, *, has_button: bool = False
) -> Action:
    return Action(
        f"replay-{name}", key, act, label, label, Group.LOOK, meaning, has_button=has_button
    )


OWN_ACTIONS: tuple[Action, ...] = (
    _replay_action(
        "toggle",
        "space",
        "replay_toggle",
        "play/pause",
        "Pause or resume the replay; at the end, play from the start.",
        has_button=True,
    ),
    _replay_action(
        "skip-back", "left", "replay_skip(-1)", "back 5 s", "Go back five seconds.", has_button=True
    ),
    _replay_action(
        "skip-on", "right", "replay_skip(1)", "fwd 5 s", "Go forward five seconds.", has_button=True
    ),
    _replay_action(
        "skip-far-back", "shift+left", "replay_skip(-6)", "back 30 s", "Go back half a minute."
    ),
    _replay_action(
        "skip-far-on", "shift+right", "replay_skip(6)", "fwd 30 s", "Go forward half a minute."
    ),
    _replay_action(
        "step-back",
        "comma",
        "replay_step(-1)",
        "step back",
        "Pause, and go back to the previous record.",
        has_button=True,
    ),
    _replay_action(
        "step-on",
        "full_stop",
        "replay_step(1)",
        "step fwd",
        "Pause, and go to the next record.",
        has_button=True,
    ),
    _replay_action(
        "slower",
        "left_square_bracket",
        "replay_slower",
        "slower",
        "Play at the next lower speed, down to a quarter.",
        has_button=True,
    ),
    _replay_action(
        "faster",
        "right_square_bracket",
        "replay_faster",
        "faster",
        "Play at the next higher speed, up to 16 times.",
        has_button=True,
    ),
    _replay_action(
        "start",
        "home",
        "replay_start",
        "first moment",
        "Go to the start of the recording.",
    ),
    _replay_action(
        "end",
        "end",
        "replay_end",
        "last moment",
        "Go to the end of the recording.",
    ),
)
"""The actions that only a replay has."""


class Controlled(Protocol):
    """A player, as far as keys control it."""

    def where(self) -> Playback:
        """Return the current position."""
        ...

    def toggle(self) -> None:
        """Pause or resume."""
        ...

    def skip(self, seconds: float) -> None:
        """Move by this many seconds."""
        ...

    def step(self, records: int) -> None:
        """Pause, and move by this many records."""
        ...

    def seek(self, seconds: float) -> None:
        """Go to this second."""
        ...

    def faster(self) -> None:
        """Take the next higher speed."""
        ...

    def slower(self) -> None:
        """Take the next lower speed."""
        ...


class ReplayKeys(TerminalApp):
    """The keys of a replay, for an app that sets ``_player`` and ``_replayed``."""

    # With priority, because a focused list would use some of these keys.
    BINDINGS: ClassVar[list[BindingType]] = [
        replace(action.binding, priority=True) for action in OWN_ACTIONS
    ]

    _player: Controlled
    _replayed: Screen[None]
    """The screen that shows the recording."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the keys of the replay while another screen or an input needs them."""
        if action.startswith("replay_"):
            return self.screen is self._replayed and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_replay_toggle(self) -> None:
        """Pause or resume."""
        self._steer(self._player.toggle)

    def action_replay_skip(self, direction: int) -> None:
        """Go this many times five seconds forward, or back if it is negative."""
        self._steer(partial(self._player.skip, direction * SKIP_SECONDS))

    def action_replay_step(self, records: int) -> None:
        """Pause, and go this many records forward, or back if ``records`` is negative."""
        self._steer(partial(self._player.step, records))

    def action_replay_slower(self) -> None:
        """Play at the next lower speed."""
        self._steer(self._player.slower)

    def action_replay_faster(self) -> None:
        """Play at the next higher speed."""
        self._steer(self._player.faster)

    def action_replay_start(self) -> None:
        """Go to the start."""
        self._steer(partial(self._player.seek, 0.0))

    def action_replay_end(self) -> None:
        """Go to the end."""
        self._steer(partial(self._player.seek, self._player.where().length_seconds))

    @on(ReplayStrip.Toggled)
    def toggle_by_mouse(self) -> None:
        """Pause or resume."""
        self.action_replay_toggle()

    @on(ReplayStrip.Sought)
    def seek_by_mouse(self, message: ReplayStrip.Sought) -> None:
        """Go to the second that was clicked."""
        self._steer(partial(self._player.seek, message.seconds))

    def _steer(self, move: Callable[[], None]) -> None:
        move()
        self._follow_player()

    def _follow_player(self) -> None:
        """Show the player's position; pull if the record has changed."""
        raise NotImplementedError
