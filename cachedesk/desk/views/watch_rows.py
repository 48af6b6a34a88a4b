"""The table of prefixes of a watched server: columns, order, filter and cells. Pure decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cachedesk.core.wording import NOTHING
from cachedesk.desk.views.formats import cut, data_text
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.views.key_listing import matches
from cachedesk.watch.sentences import estimate_words, rate_words, size, size_words
from cachedesk.watch.snapshot import PatternRow

GAP = 2
_LEAST_PREFIX = 16
_POOR, _GOOD = 0.5, 0.9


class WatchOrder(Enum):
    """The order of the table; the value is the title of the column that it sorts by."""

    READS = "reads/s"
    MISSES = "misses/s"
    HIT_RATE = "hit rate"
    MEMORY = "memory"
    KEYS = "keys"
    PREFIX = "prefix"

    @property
    def next(self) -> WatchOrder:
        """The order after this one."""
        orders = list(WatchOrder)
        return orders[(orders.index(self) + 1) % len(orders)]


@dataclass(frozen=True, slots=True)
class WatchRow:
    """One line of the table: the text of each column, and how serious its hit rate is."""

    cells: tuple[str, ...]
    tone: Tone


@dataclass(frozen=True, slots=True)
class WatchColumn:
    """A column: its title, how wide it is, and from which width of the table on it is there."""

    title: str
    width: int
    from_cells: int = 0


COLUMNS = (
    WatchColumn("prefix", 0),
    WatchColumn("reads/s", 9),
    WatchColumn("misses/s", 9, 88),
    WatchColumn("hit rate", 14),
    WatchColumn("keys", 16, 84),
    WatchColumn("memory", 17),
)
"""The prefix takes what is left."""

_NARROW, _NARROW_SIZE = 70, 9
"""Below this width the size of a prefix is given without its error, in so many cells."""


def widths(width: int) -> tuple[int, ...]:
    """Return the width of each column of a table of ``width`` cells; 0: it is not there."""
    figures = [column.width if width >= column.from_cells else 0 for column in COLUMNS[1:]]
    if width < _NARROW:
        figures[-1] = _NARROW_SIZE
    taken = sum(room + GAP for room in figures if room)
    return (max(_LEAST_PREFIX, width - taken), *figures)


def fitted(text: str, width: int) -> str:
    """Return an estimate without its error where there is no room for both."""
    return text if len(text) <= width else text.partition(" ±")[0]


def watch_rows(
    rows: Sequence[PatternRow], order: WatchOrder, filter_text: str = ""
) -> tuple[WatchRow, ...]:
    """Return the lines of the table.

    Args:
        rows: what is known, in any order.
        order: what they are sorted by.
        filter_text: only prefixes that match are listed; empty: all.
    """
    wanted = [row for row in rows if not filter_text or matches(row.pattern, filter_text)]
    return tuple(map(_line, sorted(wanted, key=lambda row: _rank(row, order))))


def misses_per_second(row: PatternRow) -> float:
    """Return how many reads of this prefix miss, per second."""
    return 0.0 if row.rate is None else row.reads_per_second * (1 - row.rate.hit_rate)


def _rank(row: PatternRow, order: WatchOrder) -> tuple[float, float, bytes]:
    size_of = row.memory.size if row.memory is not None else 0.0
    match order:
        case WatchOrder.READS:
            first = -row.reads_per_second
        case WatchOrder.MISSES:
            first = -misses_per_second(row)
        case WatchOrder.HIT_RATE:
            first = 2.0 if row.rate is None else row.rate.hit_rate
        case WatchOrder.MEMORY:
            first = -size_of
        case WatchOrder.KEYS:
            first = -(row.memory.keys if row.memory is not None else 0.0)
        case WatchOrder.PREFIX:
            first = 0.0
    second = 0.0 if order is WatchOrder.PREFIX else -size_of
    return first, second, row.pattern


def _line(row: PatternRow) -> WatchRow:
    rate, memory = row.rate, row.memory
    return WatchRow(
        (
            data_text(row.pattern),
            NOTHING if rate is None else per_second(row.reads_per_second),
            NOTHING if rate is None else per_second(misses_per_second(row)),
            rate_words(rate),
            NOTHING if memory is None else estimate_words(memory.keys, memory.keys_error),
            NOTHING if memory is None else size_words(memory.size, memory.size_error),
        ),
        _tone(row),
    )


def _tone(row: PatternRow) -> Tone:
    if row.rate is None:
        return Tone.IDLE
    if row.rate.high < _POOR:
        return Tone.BROKEN
    return Tone.WELL if row.rate.hit_rate >= _GOOD else Tone.WARNING


def per_second(rate: float) -> str:
    """Return a rate: in full from 10 on, else with one decimal."""
    return f"{rate:,.0f}" if rate >= 9.95 or rate == 0 else f"{rate:.1f}"


def key_lines(keys: Sequence[tuple[bytes, str]], width: int) -> tuple[tuple[str, str], ...]:
    """Return keys with a figure each, the key cut to what the longest figure leaves."""
    room = max((len(figure) for _, figure in keys), default=0)
    return tuple((cut(data_text(key), max(4, width - room - 1)), figure) for key, figure in keys)


def size_figure(count: int) -> str:
    """Return the size of a key."""
    return size(count)
