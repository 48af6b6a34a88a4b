"""Two stacks side by side, opened from the desk of a live stack that waits meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cachedesk.console.signals import Signals
from cachedesk.core.commands import Inject
from cachedesk.desk.actions import ACTIONS, Action
from cachedesk.desk.appearance import Appearance
from cachedesk.desk.modes.versus import VersusApp, closing_lines, show_pair
from cachedesk.desk.side_by_side import SideBySide
from cachedesk.desk.terminal.leaving import Deadline
from cachedesk.desk.views.pair_headline import is_known
from cachedesk.lab.load.driver import Load
from cachedesk.lab.versus.pair import Pair, PairSnapshot, PairTraffic

FAULT_SECONDS = 5.0
"""How long both stacks are shown before the fault."""

_WELCOME_SECONDS = 8.0

_LABEL = "the desk rests"
_WELCOME = (
    "LEFT is set up as the stack of the desk is now. Its workload rests meanwhile; {} goes back."
)


class OpposedApp(VersusApp):
    """The screen of two stacks, opened from a desk.

    Args:
        rest: as for ``VersusApp``.
        fault: the fault to inject on both sides once they are open; empty: none.
        fault_seconds: how long both are shown before that.
    """

    def __init__(
        self,
        *rest: Any,
        fault: str = "",
        fault_seconds: float = FAULT_SECONDS,
        actions: tuple[Action, ...] = ACTIONS,
        **more: Any,
    ) -> None:
        super().__init__(*rest, actions=tuple(map(_going_back, actions)), label=_LABEL, **more)
        self._fault = fault
        self._fault_seconds = fault_seconds

    def on_mount(self) -> None:
        """Say what is shown."""
        key = next(action.shown_key for action in self._offered if action.name == "quit")
        self.notify(_WELCOME.format(key), timeout=_WELCOME_SECONDS, markup=False)

    def _show(self, pair: PairSnapshot) -> None:
        super()._show(pair)
        if self._fault and is_known(pair.left) and is_known(pair.right):
            fault, self._fault = self._fault, ""
            self.notify(f"{fault} comes on both sides in {self._fault_seconds:g} s.", markup=False)
            self.set_timer(self._fault_seconds, lambda: self.perform(Inject(fault)))


def _going_back(action: Action) -> Action:
    if action.name != "quit":
        return action
    return replace(action, label="back", short="back", meaning="Go back to the desk.")


class PairSession:
    """Pairs under the traffic of a desk, one at a time; ``close`` may be called from any thread.

    Args:
        appearance: how the desk looks.
        folder: where pictures, recordings and the traceback of an internal error are saved;
            ``None`` disables saving.
        traffic: what drives the desk, and each pair from its beginning.
        clients: how many clients each side has.
    """

    def __init__(
        self, appearance: Appearance, folder: Path | None, traffic: PairTraffic, clients: int
    ) -> None:
        self._appearance = appearance
        self._folder = folder
        self._traffic = traffic
        self._clients = clients
        self._pair: Pair | None = None
        self.saved: list[Path] = []
        """The pictures and recordings that were saved."""

    def show(self, wanted: SideBySide, signals: Signals, deadline: Deadline) -> str:
        """Show the pair until the user leaves it, and return what came of it.

        Args:
            wanted: what to open.
            signals: ends it when a signal arrives; it is active already.
            deadline: armed when a signal arrives.

        Raises:
            CachedeskError: a side cannot be opened.
        """
        self._pair = pair = Pair(wanted.setups, self._traffic, Load(self._clients, wanted.rate))
        app = OpposedApp(
            pair,
            None if self._appearance.read_only else pair,
            explain=pair.explain,
            refresh_hz=self._appearance.refresh_hz,
            actions=self._appearance.actions,
            theme=self._appearance.theme,
            folder=self._folder,
            fault=wanted.fault,
        )
        _, results = show_pair(app, pair, signals, deadline, self._folder)
        self.saved += app.saved
        return "" if results is None else "\n".join(closing_lines(results, ()))

    def close(self) -> None:
        """Close both sides of the pair that is shown."""
        if self._pair is not None:
            self._pair.close()
