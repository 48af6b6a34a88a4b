"""The desk's app: it shows the snapshots that it pulls and sends commands to the stack."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.events import Event, Key

from cachedesk.core.commands import Control, SetSafeguard
from cachedesk.core.key_report import Inspector
from cachedesk.core.printable import printable
from cachedesk.core.safeguards import LABELS, NAMES
from cachedesk.core.snapshot import EventKind, SelectiveSource, Snapshot, Source
from cachedesk.desk.actions import ACTIONS, Action, actions_for
from cachedesk.desk.card_app import CardApp
from cachedesk.desk.clip_app import ClipApp
from cachedesk.desk.onboarding import passed
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.screens.inspector import InspectorScreen
from cachedesk.desk.screens.stories import Listed, StoriesScreen, listed_stories
from cachedesk.desk.side_by_side import SideBySide
from cachedesk.desk.stack_app import DEFAULT_HZ
from cachedesk.desk.story_choice import StoryChoice
from cachedesk.desk.terminal.message_screen import MessageScreen
from cachedesk.desk.views.headline import is_starting
from cachedesk.desk.views.safeguard_controls import is_on, meaning
from cachedesk.desk.widgets.key_table import KeyTable

_RESTART_NOTICE_SECONDS = 15.0


class DeskApp(CardApp, ClipApp):
    """The desk over any source of snapshots.

    Args:
        source: gives the snapshots to show; ``snapshot()`` is never called on the event loop.
        control: carries out commands; ``None`` makes the desk read-only.
        inspector: explains keys; ``None`` disables the inspector.
        refresh_hz: pulls per second; ``None`` pulls once, after the widgets are mounted.
        data_label: the location of the data, for the top line.
        actions: the available actions with their keys.
        theme: the name of the theme; empty: the environment's choice, or the default.
        greeting: whether to greet a new user, until the first key press.
        restart_notice: what ended the previous desk; shown together with what was recovered.
        folder: the data folder, where pictures and recordings are saved in subfolders; ``None``
            disables saving.
        cards: whether the card of an incident appears when it has ended.
    """

    DEFAULT_MODE = "desk"
    BINDINGS: ClassVar[list[BindingType]] = [action.binding for action in ACTIONS]

    def __init__(
        self,
        source: Source,
        control: Control | None,
        *,
        inspector: Inspector | None = None,
        refresh_hz: float | None = DEFAULT_HZ,
        data_label: str = "",
        actions: tuple[Action, ...] = ACTIONS,
        theme: str = "",
        greeting: bool = False,
        restart_notice: str = "",
        folder: Path | None = None,
        cards: bool = True,
    ) -> None:
        super().__init__(
            source,
            control,
            cards=cards,
            offered=actions_for(actions, read_only=control is None),
            actions=actions,
            refresh_hz=refresh_hz,
            theme=theme,
            folder=folder,
        )
        self._restart_notice = restart_notice
        self.refusal = ""
        """Why there is nothing to show; the next pull after it is set displays it."""
        self.wanted: StoryChoice | SideBySide | None = None
        """What to show after this app: a story, or two stacks; ``None``: the user leaves."""
        self._inspector = inspector
        self._selective = source if isinstance(source, SelectiveSource) else None
        self.desk = DeskScreen(
            self._offered,
            read_only=control is None,
            data_label=printable(data_label),
            greeting=greeting,
        )
        # A mode, because Textual loads no stylesheet for the default screen.
        self.add_mode("desk", lambda: self.desk)

    @property
    def stage(self) -> DeskScreen:
        """The desk."""
        return self.desk

    @property
    def keys(self) -> KeyTable:
        """The list of hot keys."""
        return self.desk.key_table

    async def on_event(self, event: Event) -> None:
        """Hide the greeting at the first key press."""
        if isinstance(event, Key):
            self.desk.greeting = False
        await super().on_event(event)

    @on(DeskScreen.KeysShown)
    def read_hot_values(self, changed: DeskScreen.KeysShown) -> None:
        """Have the source read the values of the hot keys only while their panel is visible."""
        if self._selective is None:
            return
        self._selective.read_hot_values(wanted=changed.shown)
        if changed.shown:
            self._puller.soon()

    def more_commands(self) -> Iterable[SystemCommand]:
        """Yield a switch for each safeguard, and a way to each bookmark and clip."""
        yield from super().more_commands()
        if self.takes_commands and self.desk.latest is not None and not self.looks_back:
            for name in NAMES:
                on = not is_on(self.desk.latest, name)
                title = f"Steer: safeguard {LABELS[name]} {'on' if on else 'off'}"
                switch = partial(self.perform, SetSafeguard(name, on))
                yield SystemCommand(title, meaning(name, on=on), switch)
        title = f"Look: incident cards {'off' if self.cards else 'on'}"
        meaning_of_cards = "Show a card after each fault, or no longer."
        yield SystemCommand(title, meaning_of_cards, self.toggle_cards)

    def action_stories(self) -> None:
        """List the stories; leave the desk for the one that is chosen."""
        self.push_screen(StoriesScreen(self.listed, passed()), self._leave_for)

    @property
    def listed(self) -> tuple[Listed, ...]:
        """What the list of stories offers."""
        return listed_stories()

    def _leave_for(self, choice: StoryChoice | None) -> None:
        if choice is not None:
            self.leave_for(choice)

    def leave_for(self, choice: StoryChoice | SideBySide) -> None:
        """End this app, so that ``choice`` is shown."""
        self.wanted = choice
        self.exit()

    @property
    def opens_side_by_side(self) -> bool:
        """Whether this desk can be left for two stacks."""
        return False

    def open_side_by_side(self, difference: str, fault: str | None = None) -> None:
        """Leave for two stacks: one set up as that of this desk is now, and one that differs.

        Args:
            difference: what the right side has, as ``NAME=VALUE``, such as ``log=off``.
            fault: the fault to inject on both once they are open, such as ``redis.kill``.
        """
        self._warn("Two stacks can be opened from the desk of a live stack only.")

    def action_versus(self) -> None:
        """Ask what two stacks are to differ in, and leave for them."""
        self.open_side_by_side("")

    @on(KeyTable.Inspect)
    def action_inspect(self) -> None:
        """Explain the selected key."""
        if (key := self._selected()) is None:
            return
        if self._inspector is None:
            self._warn("No stack is running, so a key cannot be explained.")
            return
        explain = partial(self._inspector.inspect, key)
        perform = self.perform if self._control is not None else None
        self.push_screen(InspectorScreen(key, explain, perform))

    def action_filter(self) -> None:
        """Open the filter of the keys."""
        self.desk.start_filter()

    def action_sort(self) -> None:
        """Sort the keys by the next criterion."""
        self.desk.key_table.cycle_order()

    def action_expand(self) -> None:
        """Expand the focused panel to the whole screen, or shrink it again."""
        self.desk.toggle_expanded()

    def action_project(self) -> None:
        """Show only what a projector can show large, or everything again."""
        self.desk.projected = not self.desk.projected

    def action_toggle_panel(self, number: int) -> None:
        """Show or hide the panel of this number."""
        self.desk.toggle_panel(number)

    def _show(self, snapshot: Snapshot) -> None:
        if self.refusal:
            if not isinstance(self.screen, MessageScreen):
                self.push_screen(MessageScreen("The desk cannot be opened", self.refusal))
            return
        # The one place where untrusted text enters, such as that of a recording or a trigger.
        snapshot = printable(snapshot)
        self.desk.apply(snapshot)
        self.follow(snapshot)
        if self._restart_notice and not is_starting(snapshot):
            text = " ".join((self._restart_notice, *recovered(snapshot)))
            self.notify(
                text, title="Restarted after a kill", timeout=_RESTART_NOTICE_SECONDS, markup=False
            )
            self._restart_notice = ""
        self._tell_dialog(snapshot)

    def _known(self) -> Snapshot | None:
        """Return the newest snapshot; show a warning if there is none yet."""
        latest = self.desk.latest
        if latest is None or is_starting(latest):
            self._warn("The stack is still starting.")
            return None
        return latest


def recovered(snapshot: Snapshot) -> list[str]:
    """Return the recovery events of opening the stack as sentences."""
    texts = (event.text for event in snapshot.events if event.kind is EventKind.RECOVERY)
    return [f"{text[0].upper()}{text[1:]}." for text in texts if text]
