"""The inspector over a pair: one key on one side, and on the other at a key press."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from cachedesk.core.commands import Command
from cachedesk.core.key_report import KeyReport
from cachedesk.core.printable import printable
from cachedesk.desk.screens.inspector import InspectorScreen
from cachedesk.desk.views.formats import data_text

_NAMES = ("LEFT", "RIGHT")


class PairInspectorScreen(InspectorScreen):
    """Explains one key on the left side first; ← and → show the other one.

    Args:
        key: the key to explain.
        titles: of the left and of the right side.
        explain: returns the report of a key on the left side (0) or on the right one (1); called
            on a thread.
        perform: carries out the command that evicts the key on both sides; ``None`` disables it.
    """

    # With priority, because what has the focus would scroll with these keys.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,right,tab", "switch", "Other side", show=False, priority=True)
    ]

    def __init__(
        self,
        key: bytes,
        titles: tuple[str, str],
        explain: Callable[[int, bytes], KeyReport],
        perform: Callable[[Command], None] | None = None,
    ) -> None:
        super().__init__(key, self._explained, perform)
        self._sides = titles
        self._explain = explain
        self._side = 0
        self._fetched = 0

    def on_mount(self) -> None:
        """Say which side is shown."""
        self._entitle_box()

    def apply(self, report: KeyReport) -> None:
        """Show ``report``, unless it is of the side that was shown before."""
        if self._fetched == self._side:
            super().apply(report)
        else:
            self.call_later(self.pull)

    def action_switch(self) -> None:
        """Show the other side."""
        self._side = 1 - self._side
        self._entitle_box()
        self.pull()

    @property
    def _keys(self) -> str:
        return f"←→ other side · {super()._keys}"

    def _explained(self) -> KeyReport:
        side = self._side
        report = self._explain(side, self.key)
        self._fetched = side
        return report

    def _entitle_box(self) -> None:
        side = f"{_NAMES[self._side]} {printable(self._sides[self._side])}"
        self.box.border_title = Content(f"{side} · {data_text(self.key)}")
