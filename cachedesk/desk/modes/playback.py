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

_LOOKS_A_SECOND = 10.0


def _deed(
    name: str, key: str, act: str, label: str, meaning: str, *, usual: bool = False
) -> Action:
    return Action(f"replay-{name}", key, act, label, label, Group.LOOK, meaning, usual=usual)


_PLAYING: tuple[Action, ...] = (
    _deed("toggle", "space", "replay_toggle", "play/pause",
          "Pause the replay, or play on; at the end, play from the start.", usual=True),
    _deed("skip-back", "left", "replay_skip(-1)", "back 5 s", "Go back five seconds.", usual=True),
    _deed("skip-on", "right", "replay_skip(1)", "on 5 s", "Go on five seconds.", usual=True),
    _deed("step-back", "comma", "replay_step(-1)", "step back",
          "Pause, and go back to the record before.", usual=True),
    _deed("step-on", "full_stop", "replay_step(1)", "step on",
          "Pause, and go on to the next record.", usual=True),
    _deed("slower", "left_square_bracket", "replay_slower", "slower",
          "Play at the next lower speed, down to a quarter.", usual=True),
    _deed("faster", "right_square_bracket", "replay_faster", "faster",
          "Play at the next higher speed, up to 16.", usual=True),
    _deed("start", "home", "replay_start", "start", "Go to the start of the recording."),
    _deed("end", "end", "replay_end", "end", "Go to the end of the recording."),
)  # fmt: skip

_MISSING = {"freeze", "look-back", "look-on", "inspect"}
"""What a replay does in another way, or cannot do without a stack."""

REPLAY_ACTIONS: tuple[Action, ...] = (
    *_PLAYING,
    *(deed for deed in ACTIONS if deed.name not in _MISSING and not deed.commands),
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
        replace(deed.binding, priority=True) for deed in _PLAYING
    ]

    def __init__(
        self,
        player: Player,
        *,
        data_label: str = "",
        follows: bool = True,
        folder: Path | None = None,
    ) -> None:
        source = _Playing(player)
        super().__init__(
            source,
            None,
            refresh_hz=None,
            data_label=data_label,
            deeds=REPLAY_ACTIONS,
            folder=folder,
        )
        self._player = player
        self._playing = source
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
            self.set_interval(1 / _LOOKS_A_SECOND, self._look)
        self._look()

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

    def _steer(self, deed: Callable[[], None]) -> None:
        deed()
        self._look()

    def _look(self) -> None:
        """Show where the player is, and ask for its snapshot when that is another one."""
        where = self._player.where()
        self.strip.view = StripView(where, self._at, self._faults)
        if where.record != self._shown_record:
            self._puller.soon()

    def _show(self, snapshot: Snapshot) -> None:
        self._shown_record, self._at = self._playing.record, snapshot.at
        super()._show(snapshot)
        # A key may have been pressed meanwhile.
        self.call_later(self._look)


class _Playing:
    """The player as the source of a desk: what was recorded is not being recorded now."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self.record: int | None = None

    def snapshot(self) -> Snapshot:
        """Return what to show, and note which record that is."""
        self.record, snapshot = self._player.look()
        return replace(snapshot, recording="")
