"""The desk of a live stack, from which two stacks can be opened side by side."""

from __future__ import annotations

from typing import Any

from cachedesk.core.errors import ConfigError
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.app import DeskApp
from cachedesk.desk.screens.versus_choice import VersusChoiceScreen
from cachedesk.desk.side_by_side import SideBySide
from cachedesk.desk.views.headline import is_starting
from cachedesk.desk.views.versus_offers import offers
from cachedesk.lab.versus.opposed import opposed
from cachedesk.lab.versus.sides import SideSetup

_NOTICE_SECONDS = 15.0


class PairOpener(DeskApp):
    """The desk of a live stack.

    Args:
        rest: as for ``DeskApp``.
        settings: what the stack was opened with; ``None``: no pair can be opened.
        rate: operations per second that it was opened with; ``None``: no limit.
        notice: what came of what was shown before this desk; shown once.
    """

    def __init__(
        self,
        *rest: Any,
        settings: Settings | None = None,
        rate: float | None = None,
        notice: str = "",
        **more: Any,
    ) -> None:
        super().__init__(*rest, **more)
        self._settings = settings
        self._rate = rate
        self._notice = notice

    @property
    def opens_side_by_side(self) -> bool:
        """Whether this desk can be left for two stacks."""
        return self._control is not None and self._settings is not None

    def open_side_by_side(self, difference: str, fault: str | None = None) -> None:
        """Leave for two stacks, and come back afterwards."""
        if not self.opens_side_by_side:
            super().open_side_by_side(difference, fault)
        elif (latest := self._known()) is not None:
            try:
                setups = self._setups(difference, latest)
            except ConfigError as error:
                self._warn(f"Two stacks cannot be opened: {error}.")
            else:
                # While a stack is being warmed up, its own rate is not in its snapshots yet.
                rate = latest.rate if latest.ticks else self._rate
                self.leave_for(SideBySide(setups, rate, fault or ""))

    def action_versus(self) -> None:
        """Ask what two stacks are to differ in, and leave for them."""
        settings = self._settings
        if settings is None:
            super().action_versus()
        elif (latest := self._known()) is not None:

            def refusal(difference: str) -> str:
                try:
                    self._setups(difference, latest)
                except ConfigError as error:
                    return str(error)
                return ""

            def chosen(difference: str | None) -> None:
                if difference is not None:
                    self.open_side_by_side(difference)

            choices = offers(latest, settings.policies)
            self.push_screen(VersusChoiceScreen(choices, refusal), chosen)

    def _setups(self, difference: str, latest: Snapshot) -> tuple[SideSetup, SideSetup]:
        return opposed(difference, self._settings or Settings(), latest)

    def _show(self, snapshot: Snapshot) -> None:
        super()._show(snapshot)
        if self._notice and not is_starting(snapshot):
            self.notify(self._notice, timeout=_NOTICE_SECONDS, markup=False)
            self._notice = ""
