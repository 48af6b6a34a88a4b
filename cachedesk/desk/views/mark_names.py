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


def mark_names(marks: Sequence[Mark], window: Window, rows: int = 1, margin: int = 0) -> MarkNames:
    """Return the names of the faults in ``window``, in at most ``rows`` rows.

    A name stands under the start of its fault. If they do not all fit, every fault has a number on
    the axis instead, and the lines are a legend in the order of the numbers. Without room for all,
    active faults and then the newest are named, and the others counted.

    Args:
        marks: the faults.
        window: the time axis.
        rows: the maximum number of lines.
        margin: how many cells to the left of the axis a legend may begin.
    """
    seen = [mark for mark in marks if _is_seen(mark, window)]
    if rows < 1 or not seen:
        return MarkNames()
    under = _under_starts(seen, window, rows)
    if under is not None:
        return MarkNames(under)
    names = dict.fromkeys(mark.name for mark in sorted(marks, key=lambda mark: mark.start_at))
    numbers = {name: NUMBERS[place % len(NUMBERS)] for place, name in enumerate(names)}
    lines, named = _legend(seen, numbers, window.width + margin, rows)
    # Only numbers that the legend explains are put on the axis.
    return MarkNames(lines, {name: numbers[name] for name in named})


def numbers_on_axis(
    marks: Iterable[Mark],
    window: Window,
    numbers: dict[str, str],
    taken: Iterable[int] = (),
) -> dict[int, str]:
    """Return a mapping of column to the number of the fault that starts there.

    Every fault in ``numbers`` has its number on the axis at least once: of several that start in
    one column, each but the first has the next column that is free. ``taken`` are columns in which
    no number can be seen.
    """
    seen = [mark for mark in marks if mark.name in numbers and _is_seen(mark, window)]
    seen.sort(key=lambda mark: mark.start_at)
    wanted = {id(mark): max(0, window.column(mark.start_at)) for mark in seen}
    hidden = set(taken)
    found: dict[int, str] = {}
    chosen = {mark.name: mark for mark in sorted(seen, key=_importance)}
    for mark in (mark for mark in seen if chosen[mark.name] is mark):
        column = _next_free(wanted[id(mark)], hidden.union(found), window.width)
        if column is not None:
            found[column] = numbers[mark.name]
    for mark in seen:
        if (column := wanted[id(mark)]) not in hidden:
            found.setdefault(column, numbers[mark.name])
    return found


def _next_free(wanted: int, taken: set[int], width: int) -> int | None:
    """Return the first column from ``wanted`` to the right, or else to the left, that is free."""
    columns = (*range(wanted, width), *range(wanted - 1, -1, -1))
    return next((column for column in columns if column not in taken), None)


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
    by_importance = list(dict.fromkeys(mark.name for mark in newest_first))
    ascending = sorted(by_importance, key=list(numbers).index)
    active = {mark.name for mark in marks if mark.end_at is None}
    whole = {name: f"{numbers[name]} {name}" for name in ascending}
    # The numbers distinguish names that become equal without their component.
    brief = {name: f"{numbers[name]} {name.rpartition('.')[2]}" for name in ascending}
    for kept in range(len(ascending), 0, -1):
        named = [name for name in ascending if name in by_importance[:kept]]
        # With few cells, that something is left out is said by the count alone.
        for rest in _rest(named, ascending)[: 2 if kept == 1 else 1]:
            for texts, gap in ((whole, _GAP), (brief, _GAP), (brief, 1)):
                entries = [(texts[name], name in active) for name in named]
                lines = _lines([*entries, *((word, False) for word in rest)], gap, width, rows)
                if lines is not None:
                    return lines, named
    return (), []


def _rest(named: Sequence[str], ascending: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return what says how many faults the legend leaves out: in words, as a count, not at all."""
    left_out = [name for name in ascending if name not in named]
    if not left_out:
        return ((),)
    earlier = ascending.index(left_out[-1]) < ascending.index(named[0])
    return (f"+{len(left_out)} {'earlier' if earlier else 'more'}",), (f"+{len(left_out)}",)


def _lines(
    entries: Iterable[tuple[str, bool]], gap: int, width: int, rows: int
) -> tuple[tuple[Name, ...], ...] | None:
    """Return the entries in lines from left to right; ``None`` if they do not fit."""
    lines: list[list[Name]] = [[]]
    column = 0
    for text, active in entries:
        if column and column + cell_len(text) > width:
            lines.append([])
            column = 0
        if column + cell_len(text) > width or len(lines) > rows:
            return None
        lines[-1].append(Name(column, text, active))
        column += cell_len(text) + gap
    return tuple(tuple(line) for line in lines if line)
