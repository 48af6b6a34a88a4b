"""The names of the faults on a time axis: under their starts if all fit, else numbered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

from cachedesk.core.snapshot import Mark
from cachedesk.desk.views.history import Window, last_column

NUMBERS = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_GAP = 2


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a fault on a line under the axis, starting at ``column``."""

    column: int
    text: str
    active: bool


@dataclass(frozen=True, slots=True)
class MarkNames:
    """Lines of names, each from left to right. ``numbers`` maps the name of a fault to its number
    on the axis; it is empty if each name stands under its start."""

    lines: tuple[tuple[Name, ...], ...] = ()
    numbers: dict[str, str] = field(default_factory=dict)


def mark_names(marks: Sequence[Mark], window: Window, rows: int = 1) -> MarkNames:
    """Return the names of the faults in ``window``, in at most ``rows`` rows.

    A name stands under the start of its fault. If they do not all fit, every fault has a number on
    the axis instead and the lines are a legend: in the order of the numbers if all fit, else
    active faults first, then the newest.
    """
    seen = [mark for mark in marks if _is_seen(mark, window)]
    if rows < 1 or not seen:
        return MarkNames()
    under = _under_starts(seen, window, rows)
    if under is not None:
        return MarkNames(under)
    names = dict.fromkeys(mark.name for mark in marks)
    numbers = {name: NUMBERS[place % len(NUMBERS)] for place, name in enumerate(names)}
    lines, named = _legend(seen, numbers, window.width, rows)
    # Only numbers that the legend explains are put on the axis.
    return MarkNames(lines, {name: numbers[name] for name in named})


def numbers_on_axis(
    marks: Iterable[Mark], window: Window, numbers: dict[str, str]
) -> dict[int, str]:
    """Return a mapping of column to the number of the fault that starts there; of two faults, that
    of the active or newer one."""
    found: dict[int, str] = {}
    for mark in sorted(marks, key=_importance):
        if mark.name in numbers and _is_seen(mark, window):
            found[max(0, window.column(mark.start_at))] = numbers[mark.name]
    return found


def _importance(mark: Mark) -> tuple[bool, float]:
    return mark.end_at is None, mark.start_at


def _is_seen(mark: Mark, window: Window) -> bool:
    return last_column(mark, window) >= 0 and window.column(mark.start_at) < window.width


def _under_starts(
    marks: Sequence[Mark], window: Window, rows: int
) -> tuple[tuple[Name, ...], ...] | None:
    """Return the lines of names; ``None`` if one of the names does not fit."""
    lines: list[list[Name]] = [[] for _ in range(rows)]
    free_until = [window.width + 1] * rows
    for mark in sorted(marks, key=lambda mark: mark.start_at, reverse=True):
        wanted = max(0, window.column(mark.start_at))
        for row, names in enumerate(lines):
            start = min(wanted, free_until[row] - 1 - cell_len(mark.name))
            # A name may move to the left to fit, but not away from its mark.
            if start < 0 or wanted >= start + cell_len(mark.name):
                continue
            names.insert(0, Name(start, mark.name, mark.end_at is None))
            free_until[row] = start
            break
        else:
            return None
    return tuple(tuple(names) for names in lines if names)


def _legend(
    marks: Sequence[Mark], numbers: dict[str, str], width: int, rows: int
) -> tuple[tuple[tuple[Name, ...], ...], list[str]]:
    """Return the lines of the legend and the names of the faults in it."""
    newest_first = sorted(marks, key=_importance, reverse=True)
    names = list(dict.fromkeys(mark.name for mark in newest_first))
    active = {mark.name for mark in marks if mark.end_at is None}
    whole = {name: f"{numbers[name]} {name}" for name in names}
    gap = _GAP
    if rows == 1 and _length(whole.values(), gap) > width:
        # The numbers distinguish names that become equal without their component.
        whole = {name: f"{numbers[name]} {name.rpartition('.')[2]}" for name in names}
        gap = _GAP if _length(whole.values(), _GAP) <= width else 1
    if _length(whole.values(), gap) <= width:
        names.sort(key=list(numbers).index)
    lines: list[list[Name]] = [[]]
    column = 0
    named = []
    for place, name in enumerate(names):
        text = whole[name]
        more = len(names) - place
        if column and column + cell_len(text) > width and len(lines) < rows:
            lines.append([])
            column = 0
        # Names that do not fit are counted, so the last line reserves room for the count.
        kept_free = len(f"+{more}") + gap if len(lines) == rows and more > 1 else 0
        if column + cell_len(text) + kept_free > width:
            if column + len(f"+{more}") <= width:
                lines[-1].append(Name(column, f"+{more}", active=False))
            break
        lines[-1].append(Name(column, text, name in active))
        named.append(name)
        column += cell_len(text) + gap
    return tuple(tuple(line) for line in lines if line), named


def _length(texts: Iterable[str], gap: int) -> int:
    return sum(cell_len(text) + gap for text in texts) - gap
