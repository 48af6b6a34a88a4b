"""Which actions have a button at the bottom of the screen, and where each button stands.

A pure decision, which the action bar carries out. The menu and the help list all actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cachedesk.desk.actions import Action, Group

GAP = 2
_NARROW_GAP = 1

_DROPPED_FIRST = ("step-worker", "freeze", "evict-key", "steer", "pause-worker", "faults")
"""Actions whose buttons a narrow screen drops, in this order; after these, from the right."""

_DROPPED_LAST = ("menu", "help", "quit", "heal")


@dataclass(frozen=True, slots=True)
class Place:
    """A button: its action, its text, and its first cell in the row."""

    action: Action
    words: str
    column: int

    @property
    def width(self) -> int:
        """The width in cells."""
        return cell_len(self.action.shown_key) + 1 + cell_len(self.words)


def places(actions: Sequence[Action], width: int) -> tuple[Place, ...]:
    """Return the buttons of a row, in the fullest form that fits.

    A wide row has buttons for more actions than those with ``has_button``; a narrow row has short
    texts or drops buttons.

    Args:
        actions: the actions of the desk, in order.
        width: the width of the row, in cells.
    """
    chosen = [action for action in actions if action.has_button]
    for brief, gap in ((False, GAP), (True, GAP), (True, _NARROW_GAP)):
        row = _row(chosen, brief=brief, gap=gap)
        if _end(row) <= width:
            return _filled(actions, chosen, width) if not brief else row
    while chosen and _end(_row(chosen, brief=True, gap=_NARROW_GAP)) > width:
        chosen.remove(_least(chosen))
    return _row(chosen, brief=True, gap=_NARROW_GAP)


def _filled(actions: Sequence[Action], usual: Sequence[Action], width: int) -> tuple[Place, ...]:
    """Add buttons while they fit; not for the panels, whose frames show their number keys."""
    row = _row(usual, brief=False, gap=GAP)
    chosen = set(usual)
    for action in actions:
        if action in chosen or action.group is Group.PANELS:
            continue
        wider = _row(
            [each for each in actions if each in chosen or each is action], brief=False, gap=GAP
        )
        if _end(wider) > width:
            break
        chosen.add(action)
        row = wider
    return row


def _least(actions: Sequence[Action]) -> Action:
    by_name = {action.name: action for action in actions}
    first = next((by_name[name] for name in _DROPPED_FIRST if name in by_name), None)
    others = [action for action in actions if action.name not in _DROPPED_LAST]
    return first or (others[-1] if others else actions[0])


def _end(row: Sequence[Place]) -> int:
    return row[-1].column + row[-1].width if row else 0


def _row(actions: Iterable[Action], *, brief: bool, gap: int) -> tuple[Place, ...]:
    row: list[Place] = []
    column = 0
    for action in actions:
        place = Place(action, action.short if brief else action.label, column)
        row.append(place)
        column += place.width + gap
    return tuple(row)
