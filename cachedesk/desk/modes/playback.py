"""The desk over a recording: the usual screens, read-only, and a strip that shows the position."""

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

_EXCLUDED = {"stories", "freeze", "look-back", "look-on", "inspect"}
"""Actions that a replay has its own keys for, or that need a stack."""

REPLAY_ACTIONS: tuple[Action, ...] = (
    *_OWN_ACTIONS,
    *(action for action in ACTIONS if action.name not in _EXCLUDED and not action.commands),
)
"""Every action of the desk during a replay."""


class ReplayApp(DeskApp):
    """The desk over a recording.

    Args:
        player: plays the recording; the keys of the replay control it.
        data_label: the name of the recording, for the top line.
        follows: whether to poll the player; otherwise it is read only after a key press.
        folder: the folder in which pictures are saved; ``None`` disables saving.
    """

    # With priority, because a focused list would use some of these keys.
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
        """Mount the strip and start to poll the player."""
        await self.desk.mount(self.strip, before=self.desk.query_one(ActionBar))
        if self._follows:
            self.set_interval(1 / _POLLS_PER_SECOND, self._follow_player)
        self._follow_player()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the keys of the replay while another screen or an input needs them."""
        if action.startswith("replay_"):
            return self.screen is self.desk and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_replay_toggle(self) -> None:
        """Pause or resume."""
        self._steer(self._player.toggle)

    def action_replay_skip(self, direction: int) -> None:
        """Go five seconds forward (1) or back (-1)."""
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
        """Show the player's position, and pull its snapshot if the record has changed."""
        where = self._player.where()
        self.strip.view = StripView(where, self._at, self._faults)
        if where.record != self._shown_record:
            self._puller.soon()

    def _show(self, snapshot: Snapshot) -> None:
        self._shown_record, self._at = self._source.record, snapshot.at
        super()._show(snapshot)
        # The position may have changed while the snapshot was being pulled.
        self.call_later(self._follow_player)


class _PlayerSource:
    """The player as a source of snapshots, without the mark that a recording is running."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self.record: int | None = None

    def snapshot(self) -> Snapshot:
        """Return the snapshot to show, and remember its record."""
        self.record, snapshot = self._player.look()
        return replace(snapshot, recording="")
