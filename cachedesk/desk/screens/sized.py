"""Screens that know the size of the terminal from the beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual import on
from textual.events import Compose
from textual.screen import Screen

R = TypeVar("R")


class SizedScreen(Screen[R]):
    """A screen whose classes for its size are there before its widgets are.

    Textual sets them only with the first resize, when everything was styled, laid out and drawn
    for no size at all, and has to be again.
    """

    @on(Compose)
    def _take_the_size(self) -> None:
        width, height = self.app.size
        wide = size_classes(width, self.HORIZONTAL_BREAKPOINTS or ())
        high = size_classes(height, self.VERTICAL_BREAKPOINTS or ())
        self.update_classes({**wide, **high}, animate=False)


def size_classes(cells: int, breakpoints: Sequence[tuple[int, str]]) -> dict[str, bool]:
    """Return each class of ``breakpoints``, and whether it is the one for so many cells."""
    reached = max((one for one in breakpoints if one[0] <= cells), default=None)
    return {name: reached == (least, name) for least, name in breakpoints}
