"""The rows of the hot keys: which keys are listed, their cells as text, and how wide each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cachedesk.desk.formats import ABSENT, UNKNOWN, compact, data_text
from cachedesk.desk.keystate import KeyState, key_state
from cachedesk.engine.snapshot import HotKey

MOST_ROWS = 50

GAP = 2
_POINTER = 2
_SCROLLBAR = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its least and most width, and its share of the room that is left over."""

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
    Column("state", 16, 16, 0),
)
_POLICY = 1
_POLICY_PREFIX = "write-"
_ROOMY = 90
"""From this width on the policy is written in full."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key, ready to be drawn; ``cells`` are in the order of ``COLUMNS``."""

    key: bytes
    state: KeyState
    cells: tuple[str, ...]


def rows_of(
    hot: Sequence[HotKey], selected: bytes | None, before: Sequence[HotKey] = ()
) -> tuple[KeyRow, ...]:
    """Return the rows to list, at most ``MOST_ROWS``; ``before`` are the keys listed before.

    A selected key that is no longer among them keeps a row at the end: a command on the
    selection must never reach another key than the one the user chose.
    """
    known = {key.key: key for key in before}
    rows = [_row(key, known.get(key.key)) for key in hot[:MOST_ROWS]]
    if selected is not None and all(row.key != selected for row in rows):
        rows[MOST_ROWS - 1 :] = []
        gone = (data_text(selected), "", UNKNOWN, UNKNOWN, UNKNOWN, KeyState.COOLED.value)
        rows.append(KeyRow(selected, KeyState.COOLED, gone))
    return tuple(rows)


def column_widths(width: int) -> tuple[int, ...]:
    """Return the width of each column within ``width`` cells; 0 hides a column.

    What is missing on a narrow screen is taken from the policy first, then from the key.
    """
    widths = [column.least for column in COLUMNS]
    if width >= _ROOMY:
        widths[_POLICY] += len(_POLICY_PREFIX)
    spare = width - _POINTER - _SCROLLBAR - sum(widths) - GAP * (len(widths) - 1)
    if spare < 0:
        spare += widths[_POLICY] + GAP
        widths[_POLICY] = 0
    if spare < 0:
        widths[0] = max(4, widths[0] + spare)
        return tuple(widths)
    shares = sum(column.share for column in COLUMNS)
    return tuple(
        min(cells + spare * column.share // shares, max(cells, column.most))
        for cells, column in zip(widths, COLUMNS, strict=True)
    )


def policy_text(policy: str, width: int) -> str:
    """Return the policy's word, without ``write-`` where the column is too narrow for it."""
    return policy if len(policy) <= width else policy.removeprefix(_POLICY_PREFIX)


def _row(hot: HotKey, before: HotKey | None) -> KeyRow:
    state = key_state(hot, before)
    cells = (
        data_text(hot.key),
        hot.policy,
        _value(hot.cached, known=hot.cached_known),
        compact(hot.pending) if hot.pending else ABSENT,
        _value(hot.row, known=hot.row_known),
        state.value,
    )
    return KeyRow(hot.key, state, cells)


def _value(value: bytes | None, *, known: bool) -> str:
    if not known:
        return UNKNOWN
    return ABSENT if value is None else data_text(value)
