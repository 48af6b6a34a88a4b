"""The desk over a recording: the usual screens, read-only, and a strip that shows the position."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from textual import on

from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.actions import ACTIONS, PAST_ACTIONS, Action
from cachedesk.desk.app import DeskApp
from cachedesk.desk.modes.replay_keys import OWN_ACTIONS, POLLS_PER_SECOND, ReplayKeys
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.views.clips import Clip
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.replay_strip import ReplayStrip, StripView
from cachedesk.recording.playable import Playable
from cachedesk.recording.player import Player

_EXCLUDED = {"stories", "freeze", "inspect", *PAST_ACTIONS}
"""Actions that a replay has its own keys for, or that need a stack."""

REPLAY_ACTIONS: tuple[Action, ...] = (
    *OWN_ACTIONS,
    *(action for action in ACTIONS if action.name not in _EXCLUDED and not action.commands),
)
"""Every action of the desk during a replay."""


class ReplayApp(ReplayKeys, DeskApp):
    """The desk over a recording.

    Args:
        player: plays the recording; the keys of the replay control it.
        data_label: the name of the recording, for the top line.
        follows: whether to poll the player; otherwise it is read only after a key press.
        folder: the folder in which pictures are saved; ``None`` disables saving.
    """

    LOOKS_BACK = False

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
        self._player: Player = player
        self._replayed = self.desk
        self._source = source
        self._follows = follows
        self._faults = player.fault_seconds()
        marked = tuple(mark for mark in printable(player.marks()) if mark.is_bookmark)
        self.desk.set_reactive(DeskScreen.bookmarks, marked)
        self._shown_record: int | None = None
        self._at: float | None = None
        self.strip = ReplayStrip(id="replay")

    @on(DeskScreen.Ready)
    async def begin_replay(self) -> None:
        """Mount the strip and start to poll the player."""
        await self.desk.mount(self.strip, before=self.desk.query_one(ActionBar))
        self.desk.add_class("-with-strip")
        if self._follows:
            self.set_interval(1 / POLLS_PER_SECOND, self._follow_player)
        self._follow_player()

    def _follow_past(self) -> None:
        self._follow_player()

    @property
    def recorded(self) -> Playable:
        """The recording."""
        return self._player.recording

    def newest(self) -> Snapshot | None:
        """Return the last snapshot of the recording."""
        return printable(self.recorded.at(len(self.recorded) - 1))

    def play(self, clip: Clip) -> None:
        """Play on from the start of ``clip``."""
        self.go_to(clip.start_at)
        if not self._player.where().playing:
            self._steer(self._player.toggle)

    def go_to(self, at: float) -> None:
        """Go to this time, in wall-clock seconds since 1970."""
        self._steer(partial(self._player.seek, at - self._player.started_at))

    def _follow_player(self) -> None:
        """Show the player's position, and pull its snapshot if the record has changed."""
        where = self._player.where()
        began_at = self._player.started_at
        bookmarks = tuple(mark.start_at - began_at for mark in self.desk.bookmarks)
        self.strip.view = StripView(where, self._at, self._faults, bookmarks)
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
