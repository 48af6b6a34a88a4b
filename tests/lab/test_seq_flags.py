"""What the ledger keeps of ids and of values: bounded, and nothing forgotten that counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cachedesk.lab.judge.recent_values import RecentValues
from cachedesk.lab.judge.seq_flags import ACCEPTED, APPLIED, SeqFlags

PAGE = 1 << 16


def test_settled_ids_cost_nothing_and_a_second_mark_is_still_seen() -> None:
    marks = SeqFlags()
    open_id = 7
    for number in range(4 * PAGE):
        marks.add(number, ACCEPTED)
        if number != open_id:
            assert marks.add(number, APPLIED) == ACCEPTED
    assert len(marks._pages) <= 2
    assert sum(map(len, marks._closed.values())) == 1
    assert marks.add(3, APPLIED) == ACCEPTED | APPLIED
    assert marks.add(open_id, APPLIED) == ACCEPTED
    assert marks.add(open_id, APPLIED) == ACCEPTED | APPLIED


@given(st.lists(st.tuples(st.integers(0, 6 * PAGE), st.sampled_from([ACCEPTED, APPLIED]))))
def test_marks_are_what_a_plain_dict_keeps(added: list[tuple[int, int]]) -> None:
    marks, plain = SeqFlags(), dict[int, int]()
    for number, mark in added:
        assert marks.add(number, mark) == plain.get(number, 0)
        plain[number] = plain.get(number, 0) | mark


def test_how_far_behind_a_value_is() -> None:
    recent = RecentValues(most=5)
    for value in (b"1", b"2", b"3"):
        recent.note(b"k", value)
        recent.note(b"other", value)
    # Of k only "2" and "3" are remembered.
    assert recent.behind(b"k", b"2")[0] == 1
    assert recent.behind(b"k", b"1") == (None, None)
    fresh = RecentValues()
    fresh.note(b"k", b"2")
    versions, seconds = fresh.behind(b"k", b"what it was before")
    assert versions == 1
    assert seconds is not None
