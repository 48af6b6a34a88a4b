"""The rows of the hot keys: the texts of their cells and the widths of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cachedesk.core.codecs import readable
from cachedesk.core.snapshot import HotKey
from cachedesk.desk.views.formats import ABSENT, UNKNOWN, compact, data_text
from cachedesk.desk.views.key_listing import Order, filtered, matches, severity
from cachedesk.desk.views.key_state import KeyState, key_state

MOST_ROWS = 50

GAP = 2
_POINTER = 2
_SCROLLBAR = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its minimum and maximum width in cells, and its share of the remaining width."""

    title: str
    least: int
    most: int
    share: int
    align_right: bool = False


COLUMNS = (
    Column("key", 18, 48, 5),
    Column("policy", 7, 7, 0),
    Column("Redis", 7, 28, 3, align_right=True),
    Column("pending", 7, 7, 0, align_right=True),
    Column("SQLite", 7, 28, 3, align_right=True),
    Column("truth", 7, 28, 3, align_right=True),
    Column("state", 16, 16, 0),
)
_POLICY, _TRUTH = 1, 5
_POLICY_PREFIX = "write-"
_ROOMY = 90
"""The width from which the policy is written in full."""
_VAST = 126
"""The width from which the truth, which follows from the other columns, has its own column."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as text; ``cells`` are in the order of ``COLUMNS``."""

    key: bytes
    state: KeyState
    cells: tuple[str, ...]


def rows_of(
    hot: Sequence[HotKey],
    selected: bytes | None,
    before: Sequence[HotKey] = (),
    *,
    filter_text: str = "",
    order: Order = Order.USES,
) -> tuple[KeyRow, ...]:
    """Return the rows to list, at most ``MOST_ROWS``.

    Args:
        hot: the keys, the hottest first.
        selected: the selected key. If it is no longer hot but matches the filter, it keeps a row
            at the end: a command on the selection must never reach a key that the user did not
            select.
        before: the keys of the previous snapshot.
        filter_text: the filter; empty lists all keys.
        order: the sort criterion.
    """
    known = {key.key: key for key in before}
    listed = [
        (key, _row(key, known.get(key.key))) for key in filtered(hot[:MOST_ROWS], filter_text)
    ]
    if order is Order.KEY:
        listed.sort(key=lambda pair: pair[0].key)
    elif order is Order.PENDING:
        listed.sort(key=lambda pair: pair[0].pending, reverse=True)
    elif order is Order.STATE:
        listed.sort(key=lambda pair: severity(pair[1].state))
    rows = [row for _, row in listed]
    missing = selected is not None and all(row.key != selected for row in rows)
    if selected is not None and missing and (not filter_text or matches(selected, filter_text)):
        rows[MOST_ROWS - 1 :] = []
        now = next((key for key in hot[:MOST_ROWS] if key.key == selected), None)
        rows.append(_cooled(selected) if now is None else _row(now, known.get(selected)))
    return tuple(rows)


def _cooled(key: bytes) -> KeyRow:
    cells = (data_text(key), "", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, KeyState.COOLED.value)
    return KeyRow(key, KeyState.COOLED, cells)


def column_widths(width: int) -> tuple[int, ...]:
    """Return the width of each column within ``width`` cells; 0 hides a column.

    On a narrow screen the policy is hidden first, then the key is truncated.
    """
    widths = [column.least for column in COLUMNS]
    if width >= _ROOMY:
        widths[_POLICY] += len(_POLICY_PREFIX)
    if width < _VAST:
        widths[_TRUTH] = 0
    gaps = GAP * (sum(cells > 0 for cells in widths) - 1)
    spare = width - _POINTER - _SCROLLBAR - sum(widths) - gaps
    if spare < 0:
        spare += widths[_POLICY] + GAP
        widths[_POLICY] = 0
    if spare < 0:
        widths[0] = max(4, widths[0] + spare)
        return tuple(widths)
    shares = sum(column.share for cells, column in zip(widths, COLUMNS, strict=True) if cells)
    return tuple(
        min(cells + spare * column.share // shares, max(cells, column.most)) if cells else 0
        for cells, column in zip(widths, COLUMNS, strict=True)
    )


def policy_text(policy: str, width: int) -> str:
    """Return the name of the policy, without ``write-`` if the column is too narrow."""
    return policy if len(policy) <= width else policy.removeprefix(_POLICY_PREFIX)


def _row(hot: HotKey, before: HotKey | None) -> KeyRow:
    state = key_state(hot, before)
    cells = (
        data_text(hot.key),
        hot.policy,
        _value(hot.cached, known=hot.cached_known),
        compact(hot.pending) if hot.pending else ABSENT,
        _value(hot.row, known=hot.row_known),
        _value(hot.truth, known=hot.truth_known),
        state.value,
    )
    return KeyRow(hot.key, state, cells)


def _value(value: bytes | None, *, known: bool) -> str:
    if not known:
        return UNKNOWN
    return ABSENT if value is None else data_text(readable(value))
