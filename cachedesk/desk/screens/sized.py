"""Screens that know the size of the terminal before they are composed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual import on
from textual.events import Compose
from textual.screen import Screen

R = TypeVar("R")


class SizedScreen(Screen[R]):
    """A screen that sets the CSS classes for its size before its widgets are mounted.

    Textual sets them at the first resize event, after everything was styled, laid out and drawn
    without a size, and then has to do all of it again.
    """

    @on(Compose)
    def _take_the_size(self) -> None:
        width, height = self.app.size
        wide = size_classes(width, self.HORIZONTAL_BREAKPOINTS or ())
        high = size_classes(height, self.VERTICAL_BREAKPOINTS or ())
        self.update_classes({**wide, **high}, animate=False)


def size_classes(cells: int, breakpoints: Sequence[tuple[int, str]]) -> dict[str, bool]:
    """Return each class of ``breakpoints`` and whether it is the one for this many cells."""
    reached = max((one for one in breakpoints if one[0] <= cells), default=None)
    return {name: reached == (least, name) for least, name in breakpoints}
