"""Which deeds have a button in the one row at the foot of the screen, and where each stands. A
pure decision; the action bar carries it out. Everything else is in the menu and the help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cachedesk.desk.actions import Action, Group

GAP = 2
_NARROW_GAP = 1

_FIRST_TO_GO = ("step-worker", "freeze", "evict-key", "steer", "pause-worker", "faults")
"""Which of the usual deeds a narrow screen goes without, in this order; then from the right."""

_LAST_TO_GO = ("menu", "help", "quit", "heal")


@dataclass(frozen=True, slots=True)
class Place:
    """One button: its deed, its words, and its first cell in the row."""

    deed: Action
    words: str
    column: int

    @property
    def width(self) -> int:
        """How many cells it takes."""
        return cell_len(self.deed.shown_key) + 1 + cell_len(self.words)


def places(deeds: Sequence[Action], width: int) -> tuple[Place, ...]:
    """Return the buttons of a row ``width`` cells wide, the fullest form that fits: the usual
    deeds, in brief words where there is little room; and more of the deeds where there is much.

    Args:
        deeds: what the desk offers, in order.
        width: cells of the row.
    """
    chosen = [deed for deed in deeds if deed.usual]
    for brief, gap in ((False, GAP), (True, GAP), (True, _NARROW_GAP)):
        row = _row(chosen, brief=brief, gap=gap)
        if _end(row) <= width:
            return _filled(deeds, chosen, width) if not brief else row
    while chosen and _end(_row(chosen, brief=True, gap=_NARROW_GAP)) > width:
        chosen.remove(_least(chosen))
    return _row(chosen, brief=True, gap=_NARROW_GAP)


def _filled(deeds: Sequence[Action], usual: Sequence[Action], width: int) -> tuple[Place, ...]:
    """Add what there is room for; the panels carry their numbers in their frames."""
    row = _row(usual, brief=False, gap=GAP)
    chosen = set(usual)
    for deed in deeds:
        if deed in chosen or deed.group is Group.PANELS:
            continue
        wider = _row(
            [each for each in deeds if each in chosen or each is deed], brief=False, gap=GAP
        )
        if _end(wider) > width:
            break
        chosen.add(deed)
        row = wider
    return row


def _least(deeds: Sequence[Action]) -> Action:
    by_name = {deed.name: deed for deed in deeds}
    first = next((by_name[name] for name in _FIRST_TO_GO if name in by_name), None)
    others = [deed for deed in deeds if deed.name not in _LAST_TO_GO]
    return first or (others[-1] if others else deeds[0])


def _end(row: Sequence[Place]) -> int:
    return row[-1].column + row[-1].width if row else 0


def _row(deeds: Iterable[Action], *, brief: bool, gap: int) -> tuple[Place, ...]:
    row: list[Place] = []
    column = 0
    for deed in deeds:
        place = Place(deed, deed.short if brief else deed.label, column)
        row.append(place)
        column += place.width + gap
    return tuple(row)
