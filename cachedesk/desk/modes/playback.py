"""The desk over a recording: the same screens, read only, with a strip that says where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widgets import Input

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.actions import ACTIONS, Action, Group
from cachedesk.desk.app import DeskApp
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.replay_strip import ReplayStrip, StripView
from cachedesk.recording.player import Player

SKIP_SECONDS = 5.0

_POLLS_PER_SECOND = 10.0


def _replay_action(
    name: str, key: str, act: str, label: str, meaning: str, *, has_button: bool = False
) -> Action:
    return Action(
        f"replay-{name}", key, act, label, label, Group.LOOK, meaning, has_button=has_button
    )


_OWN_ACTIONS: tuple[Action, ...] = (
    _replay_action(
        "toggle",
        "space",
        "replay_toggle",
        "play/pause",
        "Pause the replay, or play on; at the end, play from the start.",
        has_button=True,
    ),
    _replay_action(
        "skip-back", "left", "replay_skip(-1)", "back 5 s", "Go back five seconds.", has_button=True
    ),
    _replay_action(
        "skip-on", "right", "replay_skip(1)", "on 5 s", "Go on five seconds.", has_button=True
    ),
    _replay_action(
        "step-back",
        "comma",
        "replay_step(-1)",
        "step back",
        "Pause, and go back to the record before.",
        has_button=True,
    ),
    _replay_action(
        "step-on",
        "full_stop",
        "replay_step(1)",
        "step on",
        "Pause, and go on to the next record.",
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
        "Play at the next higher speed, up to 16.",
        has_button=True,
    ),
    _replay_action(
        "start",
        "home",
        "replay_start",
        "start",
        "Go to the start of the recording.",
    ),
    _replay_action(
        "end",
        "end",
        "replay_end",
        "end",
        "Go to the end of the recording.",
    ),
)

_EXCLUDED = {"freeze", "look-back", "look-on", "inspect"}
"""What a replay does in another way, or cannot do without a stack."""

REPLAY_ACTIONS: tuple[Action, ...] = (
    *_OWN_ACTIONS,
    *(action for action in ACTIONS if action.name not in _EXCLUDED and not action.commands),
)
"""Everything a user can do at the desk of a replay."""


class ReplayApp(DeskApp):
    """The desk over a player.

    Args:
        player: what to show, and whom the keys of the replay steer.
        data_label: the recording's name, for the top line.
        follows: look at the player again and again; else only when a key was pressed.
        folder: where pictures go.
    """

    # Before whatever has the focus: a list would take some of these keys.
    BINDINGS: ClassVar[list[BindingType]] = [
        replace(action.binding, priority=True) for action in _OWN_ACTIONS
    ]

    def __init__(
        self,
        player: Player,
        *,
        data_label: str = "",
        follows: bool = True,
        folder: Path | None = None,
    ) -> None:
        source = _PlayerSource(player)
        super().__init__(
            source,
            None,
            refresh_hz=None,
            data_label=data_label,
            actions=REPLAY_ACTIONS,
            folder=folder,
        )
        self._player = player
        self._source = source
        self._follows = follows
        self._faults = player.fault_seconds()
        self._shown_record: int | None = None
        self._at: float | None = None
        self.strip = ReplayStrip(id="replay")

    @on(DeskScreen.Ready)
    async def begin_replay(self) -> None:
        """Add the strip, and begin to follow the player."""
        await self.desk.mount(self.strip, before=self.desk.query_one(ActionBar))
        if self._follows:
            self.set_interval(1 / _POLLS_PER_SECOND, self._follow_player)
        self._follow_player()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for keys of the replay while something else needs them."""
        if action.startswith("replay_"):
            return self.screen is self.desk and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_replay_toggle(self) -> None:
        """Pause, or play on."""
        self._steer(self._player.toggle)

    def action_replay_skip(self, way: int) -> None:
        """Go on, or back when ``way`` is below zero."""
        self._steer(partial(self._player.skip, way * SKIP_SECONDS))

    def action_replay_step(self, records: int) -> None:
        """Pause, and go this many records on or back."""
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
        """Pause, or play on."""
        self.action_replay_toggle()

    @on(ReplayStrip.Sought)
    def seek_by_mouse(self, message: ReplayStrip.Sought) -> None:
        """Go to the second that was clicked at."""
        self._steer(partial(self._player.seek, message.seconds))

    def _steer(self, move: Callable[[], None]) -> None:
        move()
        self._follow_player()

    def _follow_player(self) -> None:
        """Show where the player is, and ask for its snapshot when that is another one."""
        where = self._player.where()
        self.strip.view = StripView(where, self._at, self._faults)
        if where.record != self._shown_record:
            self._puller.soon()

    def _show(self, snapshot: Snapshot) -> None:
        self._shown_record, self._at = self._source.record, snapshot.at
        super()._show(snapshot)
        # A key may have been pressed meanwhile.
        self.call_later(self._follow_player)


class _PlayerSource:
    """The player as the source of a desk: what was recorded is not being recorded now."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self.record: int | None = None

    def snapshot(self) -> Snapshot:
        """Return what to show, and note which record that is."""
        self.record, snapshot = self._player.look()
        return replace(snapshot, recording="")
