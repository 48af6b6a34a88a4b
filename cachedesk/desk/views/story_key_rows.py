"""The table of a story's keys as text: what each place holds, and what should be."""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.desk.views.formats import ABSENT, UNKNOWN, data_text
from cachedesk.lab.stories.story_keys import KeyLine

TITLES = ("key", "Redis", "log", "SQLite", "should be")


def cells_of(line: KeyLine) -> tuple[str, ...]:
    """Return the cells of one key, in the order of ``TITLES``."""
    return (
        data_text(line.key),
        _value(line.cached, known=line.cached_known),
        _log(line),
        _value(line.row, known=line.row_known),
        _value(line.expected, known=True),
    )


def is_lost(line: KeyLine) -> bool:
    """Return whether no place holds what was acknowledged: the key is not what it should be, and
    nothing is pending that could make it so."""
    if not (line.cached_known and line.row_known) or line.pending or line.expected is None:
        return False
    return line.expected not in (line.cached, line.row)


def widths_of(rows: Sequence[Sequence[str]], room: int) -> tuple[int, ...]:
    """Return the width of each column within ``room`` cells; the key is cut first."""
    columns = zip(TITLES, *rows, strict=True)
    widths = [max(map(len, column)) for column in columns]
    widths[1:] = [min(width, _WIDEST) for width in widths[1:]]
    spare = room - sum(widths[1:]) - _GAP * (len(widths) - 1)
    return (max(_NARROWEST_KEY, min(widths[0], spare)), *widths[1:])


_GAP = 3
_WIDEST = 20
_NARROWEST_KEY = 8


def _log(line: KeyLine) -> str:
    if line.pending and line.unlogged:
        return "not logged"
    return f"{line.pending:,} pending" if line.pending else ABSENT


def _value(value: bytes | None, *, known: bool) -> str:
    if not known:
        return UNKNOWN
    return ABSENT if value is None else data_text(value)
