"""Where the buttons stand: how many rows a screen has for them, which are there, and how long
their words are. A pure decision; the action bar carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cachedesk.desk.deeds import Deed

LOW = 29
"""Below this many lines of screen there are two rows of buttons, else three."""

GAP = 2
_NARROW_GAP = 1


@dataclass(frozen=True, slots=True)
class Place:
    """One button: its deed, its words, and its first cell and row in the bar."""

    deed: Deed
    words: str
    column: int
    row: int

    @property
    def width(self) -> int:
        """How many cells it takes."""
        return cell_len(self.deed.shown_key) + 1 + cell_len(self.words)


def places(deeds: Sequence[Deed], width: int, screen_height: int) -> tuple[Place, ...]:
    """Return the buttons for a bar ``width`` cells wide, the fullest form that fits.

    Args:
        deeds: what the desk offers, in order.
        width: cells of a row.
        screen_height: lines of the whole screen.

    On the smallest screens the usual deeds may take a third row rather than vanish.
    """
    rows = 2 if screen_height < LOW else 3
    usual = [deed for deed in deeds if deed.usual]
    forms = [
        _wrapped(chosen, width, brief=brief, gap=gap)
        for chosen in (deeds, usual)
        for brief, gap in ((False, GAP), (True, GAP), (True, _NARROW_GAP))
    ]
    fitting = (form for form in forms if height_of(form) <= rows)
    return next(fitting, forms[-1])


def height_of(buttons: Iterable[Place]) -> int:
    """Return how many rows these buttons take."""
    return max((button.row + 1 for button in buttons), default=0)


def _wrapped(deeds: Iterable[Deed], width: int, *, brief: bool, gap: int) -> tuple[Place, ...]:
    wrapped: list[Place] = []
    column = row = 0
    for deed in deeds:
        place = Place(deed, deed.short if brief else deed.label, column, row)
        if column and column + place.width > width:
            column, row = 0, row + 1
            place = Place(deed, place.words, column, row)
        wrapped.append(place)
        column += place.width + gap
    return tuple(wrapped)
