"""The incident cards of a desk: when one appears, what closes it, and what Enter does on it."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from textual import on
from textual.events import Key
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.stack_app import StackApp
from cachedesk.desk.views.afterglow import AFTERGLOW_SECONDS
from cachedesk.desk.views.incident_card import incident_card
from cachedesk.desk.views.incident_figures import IncidentFigures, IncidentHistory
from cachedesk.desk.views.incidents import Incident
from cachedesk.desk.views.safeguard_verdict import Comparison
from cachedesk.desk.widgets.event_list import EventList
from cachedesk.desk.widgets.incident_card import SIDE_BY_SIDE, IncidentCardPane


class CardApp(StackApp[Snapshot]):
    """An app that shows a card when a fault has ended.

    Args:
        cards: whether cards appear by themselves.
        rest: as for ``StackApp``.
    """

    READING_SECONDS: ClassVar[float] = 0.7
    """How long a card is shown before Enter is taken as an answer to it: a user who presses Enter
    just when it appears means something else."""

    def __init__(self, *rest: Any, cards: bool = True, **more: Any) -> None:
        super().__init__(*rest, **more)
        self.cards = cards
        self.history = IncidentHistory()
        """The figures of the faults so far; the desk that is opened next takes it over."""
        self._carded: Incident | None = None
        self._just_closed: Incident | None = None
        self._side: Comparison | None = None
        self._card_since = 0.0

    @property
    def stage(self) -> DeskScreen:
        """The desk."""
        raise NotImplementedError

    @property
    def cards_appear(self) -> bool:
        """Whether a card appears by itself now."""
        return self.cards and not self.stage.frozen

    @property
    def opens_side_by_side(self) -> bool:
        """Whether this app can be left for two stacks."""
        raise NotImplementedError

    def open_side_by_side(self, difference: str, fault: str | None = None) -> None:
        """Leave for two stacks that have this ``difference``, and inject the fault on both."""
        raise NotImplementedError

    def follow(self, snapshot: Snapshot) -> None:
        """Update the figures of every incident; show the card of one that has just ended."""
        before, self.history = self.history, self.history.after(snapshot)
        if self.stage.frozen:
            return
        ended = self.history.just_ended(before)
        if ended is not None and self.cards_appear:
            self._show_card(ended)
        elif self._carded is not None:
            figures = self.history.figures(self._carded)
            if figures is None or self._is_past(figures.incident, snapshot):
                self.close_card()
            else:
                self._show_card(figures)

    @property
    def card_is_seen(self) -> bool:
        """Whether a card is on the screen: it waits while another panel fills that."""
        pane = self.stage.card_pane
        shown = all(node.display for node in pane.ancestors_with_self if isinstance(node, Widget))
        return self._carded is not None and shown and pane.size.height > 0

    def open_card(self, incident: Incident) -> None:
        """Show the card of ``incident``, unless the same key has just closed it."""
        figures = self.history.figures(incident)
        if figures is None:
            self._warn("There is no card for this entry: it is not a fault.")
        elif self._just_closed is None or not self._just_closed.continues(incident):
            self.stage.uncover_lists()
            self._show_card(figures)

    def close_card(self) -> None:
        """Hide the card."""
        self._just_closed, self._carded, self._side = self._carded, None, None
        self.stage.card_pane.card = None

    def action_incident(self) -> None:
        """Show the card of the newest incident or, in the list of events, of the selected one; or
        close it."""
        if isinstance(self.focused, EventList) and (selected := self.focused.selection):
            self.open_card(selected)
            return
        newest = max(self.history.found, key=lambda it: it.incident.started_at, default=None)
        if newest is None:
            self._warn("There was no fault yet.")
        else:
            self.open_card(newest.incident)

    def toggle_cards(self) -> None:
        """Let cards appear by themselves, or no longer."""
        self.cards = not self.cards
        if not self.cards:
            self.close_card()
        self.notify(f"Incident cards are {'on' if self.cards else 'off'}.", markup=False)

    async def _take(self, key: Key) -> None:
        """Close the card at any key, which acts as usual; Enter on the card acts for it."""
        self._just_closed = None
        if self.card_is_seen and self.screen is self.stage:
            side = self._side
            read = time.monotonic() - self._card_since >= self.READING_SECONDS
            self.close_card()
            if key.key == "enter" and side is not None and read:
                self._compare(side)
                return
        await super()._take(key)

    @on(EventList.Chosen)
    async def _entry_chosen(self, message: EventList.Chosen) -> None:
        """Open the card of a fault; for any other entry, expand the list."""
        if self.history.figures(message.incident) is None:
            await self.run_action("expand")
        else:
            self.open_card(message.incident)

    @on(IncidentCardPane.Clicked)
    def _card_clicked(self, message: IncidentCardPane.Clicked) -> None:
        side = self._side
        self.close_card()
        if message.side and side is not None:
            self._compare(side)

    def _is_past(self, incident: Incident, snapshot: Snapshot) -> bool:
        """Return whether ``snapshot`` is of before the incident, or the card has waited too long to
        be seen."""
        ended_at = incident.started_at if incident.ended_at is None else incident.ended_at
        waited = snapshot.at - ended_at if not self.card_is_seen else 0.0
        return snapshot.at < incident.started_at or waited > AFTERGLOW_SECONDS

    def _compare(self, side: Comparison) -> None:
        latest = self.stage.latest
        on = latest is None or getattr(latest.safeguards, side.safeguard)
        self.open_side_by_side(f"{side.safeguard}={'off' if on else 'on'}", side.fault)

    def _show_card(self, figures: IncidentFigures) -> None:
        pane, latest = self.stage.card_pane, self.stage.latest
        if self._carded is None or not self._carded.continues(figures.incident):
            self._card_since = time.monotonic()
        self._carded = figures.incident
        card = incident_card(figures, latest.workload if latest else "")
        self._side = card.side if self.opens_side_by_side else None
        pane.enter = f"{self._side.words}{SIDE_BY_SIDE}" if self._side else ""
        pane.card = card
