"""Two stacks over the recordings of both: the usual screen, read-only, and the replay strip."""

from __future__ import annotations

from pathlib import Path

from textual import on

from cachedesk.desk.modes.replay_keys import OWN_ACTIONS, POLLS_PER_SECOND, ReplayKeys
from cachedesk.desk.modes.versus import VersusApp
from cachedesk.desk.screens.versus import VersusScreen
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.replay_strip import ReplayStrip, StripView
from cachedesk.lab.versus.pair import PairSnapshot
from cachedesk.lab.versus.pair_player import PairPlayer


class VersusReplayApp(ReplayKeys, VersusApp):
    """The screen of two stacks over their recordings.

    Args:
        player: plays both.
        label: stands in the top line.
        follows: whether to poll the player; otherwise it is read only after a key press.
        folder: where pictures are saved; ``None`` disables saving.
    """

    def __init__(
        self,
        player: PairPlayer,
        *,
        label: str = "",
        follows: bool = True,
        folder: Path | None = None,
    ) -> None:
        super().__init__(
            player, None, refresh_hz=None, label=label, more=OWN_ACTIONS, folder=folder
        )
        self._player = player
        self._pair_player = player
        self._replayed = self.versus
        self._follows = follows
        self._faults = player.fault_seconds()
        self._shown_record: int | None = None
        self.strip = ReplayStrip(id="replay")

    @on(VersusScreen.Ready)
    async def begin_replay(self) -> None:
        """Mount the strip and start to poll the player."""
        await self.versus.mount(self.strip, before=self.versus.query_one(ActionBar))
        if self._follows:
            self.set_interval(1 / POLLS_PER_SECOND, self._follow_player)
        self._follow_player()

    def _follow_player(self) -> None:
        """Show the player's position, and pull its pair if the record has changed."""
        where = self._player.where()
        self.strip.view = StripView(where, self._pair_player.at, self._faults)
        if where.record != self._shown_record:
            self._puller.soon()

    def _show(self, pair: PairSnapshot) -> None:
        self._shown_record = self._pair_player.record
        super()._show(pair)
        # The position may have changed while the pair was being pulled.
        self.call_later(self._follow_player)
