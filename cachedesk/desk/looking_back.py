"""Looking back on a live desk: the keys that move through its past, and what is shown of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.actions import ActionParseResult
from textual.app import SystemCommand
from textual.dom import DOMNode
from textual.timer import Timer
from textual.widgets import Input

from cachedesk.core.commands import Bookmark
from cachedesk.core.printable import printable
from cachedesk.core.snapshot import BOOKMARK, Mark, Snapshot, Source
from cachedesk.desk.actions import ACTIONS, Action
from cachedesk.desk.pulling import Puller
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.stack_app import StackApp
from cachedesk.desk.time_machine import Moment, Past, TimeMachine
from cachedesk.desk.views.formats import clock
from cachedesk.desk.widgets.action_bar import ActionBar
from cachedesk.desk.widgets.event_list import EventList
from cachedesk.desk.widgets.replay_strip import ReplayStrip, StripView
from cachedesk.recording.player import Playback

STEP_SECONDS = 5.0
BEFORE_SECONDS = 1.0
"""How long before an event the desk goes to, so that its cause is still to come."""
_POLLS_PER_SECOND = 4.0
_HINT = "P plays, End: live"

_WHILE_LOOKING_BACK = ("look_oldest", "look_now", "look_play")
"""Actions that have a meaning in the past only; at other times a list may use their keys."""
_MOVES = ("look_back", "look_step", *_WHILE_LOOKING_BACK)

_OF_THE_LIVING = {
    action.app_action: action
    for action in ACTIONS
    if action.name == "inspect" or (action.commands and action.name != "record")
}
"""Actions on the running stack. While the desk shows the past they are refused: their effect would
not be seen."""


def number_of(mark: Mark) -> int:
    """Return the number of a bookmark; 0 if it has none, as in a damaged recording."""
    digits = mark.name.removeprefix(BOOKMARK)
    return int(digits) if digits.isdecimal() and len(digits) < 5 else 0


class LookingBack(StackApp[Snapshot]):
    """An app over one stack that can show its past; it sets ``desk``.

    Args:
        source: gives the newest snapshots.
        rest: as for ``StackApp``.
    """

    LOOKS_BACK: ClassVar[bool] = True
    """Whether the app keeps what its source gives. A recording has its own past."""

    desk: DeskScreen

    def __init__(self, source: Source, *rest: Any, **more: Any) -> None:
        self.time_machine = TimeMachine(source)
        super().__init__(self.time_machine if self.LOOKS_BACK else source, *rest, **more)
        self._past = Puller(self, Past(self.time_machine), self._show_moment, self._lose)
        self._past_strip = ReplayStrip(id="past")
        self._past_shown: int | None = None
        self.played = ""
        """What the part of the past is called that is played."""
        self._polling: Timer | None = None

    def take_over_past(self, before: LookingBack) -> None:
        """Continue with the past and the bookmarks of the desk that was shown before."""
        self.time_machine.ring = before.time_machine.ring
        self.desk.set_reactive(DeskScreen.bookmarks, before.desk.bookmarks)

    @property
    def looks_back(self) -> bool:
        """Whether the desk shows a moment of the past."""
        return self.time_machine.looks_back

    def offers(self, action: Action) -> bool:
        """Return whether the menu offers ``action`` at this moment."""
        return self.looks_back or action.app_action not in _WHILE_LOOKING_BACK

    @on(DeskScreen.Ready)
    async def mount_past_strip(self) -> None:
        """Mount the strip of the past, hidden."""
        if not self.LOOKS_BACK:
            return
        self._past_strip.display = False
        await self.desk.mount(self._past_strip, before=self.desk.query_one(ActionBar))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the keys of the past while another screen or an input needs them."""
        if action in _MOVES:
            free = self.screen is self.desk and not isinstance(self.focused, Input)
            return free and (self.looks_back or action not in _WHILE_LOOKING_BACK)
        return super().check_action(action, parameters)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run ``action``; while the desk shows the past, refuse what acts on the running stack."""
        refused = _OF_THE_LIVING.get(action) if isinstance(action, str) else None
        if refused is not None and self.looks_back and self.screen is self.desk:
            self._refuse_in_the_past(refused)
            return False
        return await super().run_action(action, default_namespace, namespaces)

    def action_toggle_frozen(self) -> None:
        """Stop at this moment; from the past, return to now."""
        where = self.time_machine.where()
        if where is None:
            self._travel(self.time_machine.stand)
        elif where.playing:
            self.action_look_play()
        else:
            self.action_look_now()

    def action_look_back(self, steps: int) -> None:
        """Go back by this many times five seconds (negative), or forward."""
        self._travel(partial(self.time_machine.skip, steps * STEP_SECONDS))

    def action_look_step(self, records: int) -> None:
        """Go back by this many snapshots (negative), or forward."""
        self._travel(partial(self.time_machine.step, records))

    def action_look_oldest(self) -> None:
        """Go to the oldest moment that is kept."""
        self._travel(partial(self.time_machine.go_to, float("-inf")))

    def action_look_now(self) -> None:
        """Return to now."""
        self._travel(self.time_machine.go_back_to_now)

    def action_look_play(self) -> None:
        """Play on from the moment shown, or pause."""
        if self.time_machine.player is not None:
            self._travel(self.time_machine.toggle)

    @on(EventList.Sought)
    def go_before(self, message: EventList.Sought) -> None:
        """Show the moment just before an entry of the events."""
        self.go_to(message.incident.shown_at - BEFORE_SECONDS)

    def go_to(self, at: float) -> None:
        """Show the desk as it was at this time, in wall-clock seconds since 1970."""
        ring = self.time_machine.ring
        if at < ring.started_at + ring.begins_seconds:
            self._warn("That is further back than what is kept; this is the oldest moment.")
        self._travel(partial(self.time_machine.go_to, at))

    def action_bookmark(self) -> None:
        """Mark the moment shown."""
        shown = self.desk.shown
        if shown is None:
            return
        number = 1 + max((number_of(mark) for mark in self.desk.bookmarks), default=0)
        mark = Mark(f"{BOOKMARK}{number}", shown.at, shown.at)
        self.desk.bookmarks = (*self.desk.bookmarks, mark)
        if any(action.name == "record" for action in self._offered):
            self.perform(Bookmark(number, shown.at))
        self.notify(f"Bookmark {number}: {clock(shown.at)}. The menu goes there.", markup=False)
        self._follow_past()

    def more_commands(self) -> Iterable[SystemCommand]:
        """Yield a way to each bookmark."""
        yield from super().more_commands()
        for mark in self.desk.bookmarks:
            title = f"Go to: {mark.name}, {clock(mark.start_at)}"
            yield SystemCommand(title, "Show that moment.", partial(self.go_to, mark.start_at))

    @on(ReplayStrip.Toggled)
    def play_past_by_mouse(self) -> None:
        """Play or pause."""
        if self.looks_back:
            self.action_look_play()

    @on(ReplayStrip.Sought)
    def seek_past_by_mouse(self, message: ReplayStrip.Sought) -> None:
        """Go to the moment that was clicked."""
        where, player = self.time_machine.where(), self.time_machine.player
        if where is not None and player is not None:
            self._travel(partial(self.time_machine.skip_to, message.seconds - where.seconds))

    def _travel(self, move: Callable[[], None]) -> None:
        move()
        self._follow_past()

    def _follow_past(self) -> None:
        """Show the position of the time machine, and pull the moment if its record has changed."""
        where = self.time_machine.where()
        # The screen is styled anew, once for both, when ``frozen`` changes.
        self.desk.set_class(where is not None, "-with-past", update=False)
        self.desk.frozen = where is not None
        self._past_strip.display = where is not None
        self._poll(often=where is not None and where.playing)
        if where is None:
            self._past_shown = None
            return
        self._past_strip.view = self._past_view(where)
        player = self.time_machine.player
        if player is not None and player.where().record != self._past_shown:
            self._past.soon()

    def _past_view(self, where: Playback) -> StripView:
        latest, began_at = self.desk.latest, self._strip_began_at(where)
        marks = latest.marks if latest is not None else ()
        return StripView(
            where,
            faults=tuple(mark.start_at - began_at for mark in marks if not mark.is_bookmark),
            bookmarks=tuple(mark.start_at - began_at for mark in self.desk.bookmarks),
            name=self.played if self.time_machine.plays_part else "PAST",
            hint=_HINT,
        )

    def _strip_began_at(self, where: Playback) -> float:
        """Return the time at which the bar of the strip begins, in seconds since 1970."""
        player, ring = self.time_machine.player, self.time_machine.ring
        position = player.where().seconds if player is not None else 0.0
        return ring.started_at + position - where.seconds

    def _poll(self, *, often: bool) -> None:
        if often and self._polling is None:
            self._polling = self.set_interval(1 / _POLLS_PER_SECOND, self._follow_past)
        elif not often and self._polling is not None:
            self._polling.stop()
            self._polling = None

    def _show_moment(self, moment: Moment | None) -> None:
        if moment is not None and self.looks_back:
            self._past_shown = moment.record
            moment = printable(moment)
            self.desk.show_moment(moment.snapshot, moment.later)
            # The position may have changed while the snapshot was being decoded.
            self.call_later(self._follow_past)

    def _refuse_in_the_past(self, action: Action) -> None:
        shown = self.desk.shown
        when = clock(shown.at) if shown is not None else "the past"
        key = next((its.shown_key for its in self._offered if its.name == action.name), "this")
        self.notify(
            f"The desk shows {when}, but {key} acts on the running stack: press End first.",
            severity="warning",
            markup=False,
        )
