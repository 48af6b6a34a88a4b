"""The state of a key in words, and the rows that are listed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.snapshot import HotKey
from cachedesk.desk.views.key_rows import (
    COLUMNS,
    GAP,
    MOST_ROWS,
    column_widths,
    policy_text,
    rows_of,
)
from cachedesk.desk.views.key_state import KeyState, key_state


def hot(cached=None, pending=0, row=None, truth=None, unknown=""):
    return HotKey(
        b"k",
        "write-behind",
        1,
        cached,
        "c" not in unknown,
        pending,
        row,
        "r" not in unknown,
        truth,
        "t" not in unknown,
    )


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (hot(b"1", 0, b"1", b"1"), "fresh"),
        (hot(b"2", 1, b"1", b"2"), "ahead of SQLite"),
        (hot(b"2", 1, None, b"2"), "ahead of SQLite"),
        (hot(b"1", 0, b"2", b"2"), "being written"),
        (hot(b"1", 1, b"1", b"2"), "being written"),
        (hot(b"1", 0, None, None), "being written"),
        (hot(None, 2, None, b"2"), "only in the log"),
        (hot(None, 2, b"1", b"2"), "newer in the log"),
        (hot(None, 1, b"1", None), "delete pending"),
        (hot(None, 0, b"1", b"1"), "not cached"),
        (hot(None, 0, None, None), "absent"),
        (hot(None, 0, b"1", b"1", "c"), "Redis unknown"),
        (hot(None, 1, b"1", b"2", "c"), "newer in the log"),
        (hot(b"1", 0, None, None, "rt"), "SQLite unknown"),
        (hot(b"1", 1, None, None, "rt"), "ahead of SQLite"),
        (hot(None, 0, None, None, "rt"), "SQLite unknown"),
        (hot(None, 1, None, None, "rt"), "newer in the log"),
        (hot(None, 0, None, None, "crt"), "unknown"),
        (hot(b"", 0, b"", b""), "fresh"),
    ],
)
def test_state_in_words(key, words):
    assert key_state(key).value == words


def test_stale_is_what_stood_still_in_redis_and_was_wrong_twice():
    wrong = hot(b"1", 0, b"2", b"2")
    assert key_state(wrong, wrong) is KeyState.STALE
    assert key_state(hot(b"1", 0, b"3", b"3"), wrong) is KeyState.STALE, "the truth moved on"
    assert key_state(hot(b"5", 1, b"2", b"4"), wrong) is KeyState.BEING_WRITTEN, "Redis moved"
    assert key_state(wrong, hot(b"1", 0, b"1", b"1")) is KeyState.BEING_WRITTEN, "right just now"
    assert key_state(hot(b"2", 0, b"2", b"2"), wrong) is KeyState.FRESH


values = st.one_of(st.none(), st.just(b"1"), st.just(b"2"))
hot_keys = st.builds(
    HotKey,
    key=st.just(b"k"),
    policy=st.just("write-behind"),
    uses=st.just(1),
    cached=values,
    cached_known=st.booleans(),
    pending=st.integers(0, 2),
    row=values,
    row_known=st.booleans(),
    truth=values,
    truth_known=st.booleans(),
)


@given(hot_keys)
def test_a_key_is_fresh_only_if_all_of_it_was_seen_to_agree(key):
    if key_state(key) is KeyState.FRESH:
        assert key.cached_known
        assert key.truth_known
        assert key.cached == key.truth
        assert key.pending == 0


def test_absent_unknown_and_empty_are_three_things():
    rows = rows_of((hot(None, 0, b"", b""), hot(None, 0, None, None, "crt")), None)
    assert [row.cells[2:5] for row in rows] == [("–", "–", '""'), ("?", "–", "?")]  # noqa: RUF001


def test_at_most_fifty_rows_and_the_selected_one_is_always_among_them():
    many = tuple(HotKey(str(index).encode(), "p", 1) for index in range(80))
    assert len(rows_of(many, None)) == MOST_ROWS
    rows = rows_of(many, b"79")
    assert len(rows) == MOST_ROWS
    assert (rows[-1].key, rows[-1].state) == (b"79", KeyState.COOLED)
    assert [row.key for row in rows_of(many[:3], b"1")] == [b"0", b"1", b"2"]


@given(st.integers(30, 300))
def test_columns_fit(width):
    widths = column_widths(width)
    used = 2 + 1 + sum(widths) + GAP * (sum(1 for cells in widths if cells) - 1)
    assert used <= max(width, 55)
    assert widths[-1] >= max(len(state.value) for state in KeyState)
    assert len(widths) == len(COLUMNS)


def test_policy_text():
    assert policy_text("write-behind", 13) == "write-behind"
    assert policy_text("write-behind", 7) == "behind"
    assert policy_text("other", 7) == "other"
