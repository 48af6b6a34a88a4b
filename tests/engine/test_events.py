"""Events: what a key, a value and a counter are, and how events fold into a row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.errors import CounterOverflow, InvalidKey, InvalidValue, NotACounter
from cachedesk.core.events import (
    ABSENT,
    COUNTER_MAX,
    COUNTER_MIN,
    MAX_VALUE_BYTES,
    Entry,
    Op,
    WriteEvent,
    applied,
    as_amount,
    as_key,
    as_keys,
    as_value,
    coalesce,
    fold,
    increment,
    is_absolute,
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"k", b"k"),
        (b"\x00\xff", b"\x00\xff"),
        ("k", b"k"),
        ("é", b"\xc3\xa9"),
        ("k" * 1024, b"k" * 1024),
        (b"k" * 1024, b"k" * 1024),
        ("😀" * 256, "😀".encode() * 256),
    ],
    ids=lambda it: repr(it)[:14],
)
def test_a_key_is_bytes(key: Any, expected: bytes) -> None:
    assert as_key(key) == expected


@pytest.mark.parametrize(
    "key",
    [b"", "", b"k" * 1025, "é" * 513, "\ud800", "a\udfffb", 1, None, 1.5, True, bytearray(b"k")],
    ids=lambda it: repr(it)[:14],
)
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(InvalidKey):
        as_key(key)


def test_twins_that_look_alike_are_two_keys() -> None:
    assert as_key("caf\u00e9") != as_key("cafe\u0301")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", b""),
        (b"\xff\x00", b"\xff\x00"),
        ("", b""),
        ("é", b"\xc3\xa9"),
        (0, b"0"),
        (-5, b"-5"),
        (2**64, b"18446744073709551616"),
    ],
    ids=lambda it: repr(it)[:14],
)
def test_a_value_is_bytes(value: Any, expected: bytes) -> None:
    assert as_value(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        True,
        False,
        None,
        1.5,
        bytearray(b"x"),
        [],
        pytest.param(10**5_000, id="a number too long to be printed"),
    ],
    ids=repr,
)
def test_what_is_no_value(value: Any) -> None:
    with pytest.raises(InvalidValue):
        as_value(value)


def test_a_value_has_at_most_64_mebibytes() -> None:
    assert len(as_value(bytes(MAX_VALUE_BYTES))) == 64 * 1024 * 1024
    with pytest.raises(InvalidValue, match="at most 67,108,864 bytes"):
        as_value(bytes(MAX_VALUE_BYTES + 1))


@pytest.mark.parametrize("amount", [0, 1, -1, COUNTER_MIN, COUNTER_MAX])
def test_an_amount_is_of_64_bits(amount: int) -> None:
    assert as_amount(amount) == amount


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (COUNTER_MAX + 1, CounterOverflow),
        (COUNTER_MIN - 1, CounterOverflow),
        (True, InvalidValue),
        ("1", InvalidValue),
        (1.0, InvalidValue),
        (None, InvalidValue),
        pytest.param(10**5_000, CounterOverflow, id="a number too long to be printed"),
    ],
    ids=lambda it: repr(it)[:22] if not isinstance(it, type) else it.__name__,
)
def test_what_is_no_amount(amount: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        as_amount(amount)


@pytest.mark.parametrize(
    ("value", "amount", "expected"),
    [
        (None, 5, b"5"),
        (None, COUNTER_MIN, b"-9223372036854775808"),
        (b"0", 0, b"0"),
        (b"-1", 1, b"0"),
        (b"9223372036854775806", 1, b"9223372036854775807"),
        (b"-9223372036854775807", -1, b"-9223372036854775808"),
        (b"-9223372036854775808", COUNTER_MAX, b"-1"),
        (b"9223372036854775807", COUNTER_MIN, b"-1"),
    ],
    ids=repr,
)
def test_increment(value: bytes | None, amount: int, expected: bytes) -> None:
    assert increment(value, amount) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"text",
        b"1.0",
        b"01",
        b"00",
        b"-01",
        b"-0",
        b"+1",
        b" 1",
        b"1 ",
        b"1\n",
        b"-",
        b"0x1",
        b"1e3",
        b"1_000",
        "\u0661".encode(),
        b"9223372036854775808",
        b"-9223372036854775809",
        b"10000000000000000000",
        b"9" * 5_000,
    ],
    ids=lambda it: repr(it)[:24],
)
def test_what_is_no_counter(value: bytes) -> None:
    with pytest.raises(NotACounter):
        increment(value, 0)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (b"9223372036854775807", 1),
        (b"-9223372036854775808", -1),
        (b"1", COUNTER_MAX),
        (b"-1", COUNTER_MIN),
    ],
    ids=repr,
)
def test_a_counter_that_would_leave_64_bits(value: bytes, amount: int) -> None:
    with pytest.raises(CounterOverflow):
        increment(value, amount)


@given(st.integers(COUNTER_MIN, COUNTER_MAX), st.integers(COUNTER_MIN, COUNTER_MAX))
def test_increment_is_addition_or_an_error(number: int, amount: int) -> None:
    total = number + amount
    if COUNTER_MIN <= total <= COUNTER_MAX:
        assert increment(b"%d" % number, amount) == b"%d" % total
    else:
        with pytest.raises(CounterOverflow):
            increment(b"%d" % number, amount)


KEYS = [b"a", b"b", b"c"]

arguments = st.one_of(
    st.tuples(st.just(Op.SET), st.sampled_from([b"1", b"-7", b"text", b"9223372036854775807"])),
    st.tuples(st.just(Op.INCR), st.one_of(st.integers(-5, 5), st.just(COUNTER_MAX))),
    st.tuples(st.just(Op.DELETE), st.none()),
)


@st.composite
def batches(draw: st.DrawFn) -> list[WriteEvent]:
    """Draw events with rising seqs, gaps among them."""
    seq, events = 0, []
    for op, arg in draw(st.lists(arguments, max_size=25)):
        seq += draw(st.integers(1, 3))
        events.append(WriteEvent(seq, op, draw(st.sampled_from(KEYS)), arg, 0.0))
    return events


def one_by_one(events: list[WriteEvent]) -> tuple[dict[bytes, bytes | None], set[int]]:
    """The model: each event by itself; return the values and the seqs of the refused events."""
    values: dict[bytes, bytes | None] = {}
    refused = set()
    for event in events:
        try:
            values[event.key] = applied(Entry(values.get(event.key)), event).value
        except (NotACounter, CounterOverflow):
            refused.add(event.seq)
    return values, refused


@given(batches(), st.data())
def test_any_split_with_any_redelivery_is_one_by_one(
    events: list[WriteEvent], data: st.DataObject
) -> None:
    rows: dict[bytes, Entry] = {}
    applied: list[int] = []
    refused: list[int] = []
    place = 0
    while place < len(events):
        end = data.draw(st.integers(place + 1, len(events)), label="end of the batch")
        start = data.draw(st.integers(0, place), label="redelivered from")
        result = coalesce(rows, events[start:end])
        assert set(result.rows) <= {event.key for event in events[place:end]}
        assert [event.seq for event in result.repeated] == [
            event.seq for event in events[start:place]
        ]
        applied += [event.seq for event in result.applied]
        refused += [refusal.event.seq for refusal in result.refused]
        rows |= result.rows
        place = end
    values, bad = one_by_one(events)
    assert {key: row.value for key, row in rows.items()} == {
        key: values.get(key) for key in {event.key for event in events}
    }
    assert sorted(refused) == sorted(bad)
    assert sorted(applied + refused) == [event.seq for event in events]
    assert coalesce(rows, events).rows == {}, "all of it once more changes nothing"


@given(batches())
def test_fold_is_coalesce_for_one_key(events: list[WriteEvent]) -> None:
    for key in KEYS:
        mine = [event for event in events if event.key == key]
        assert fold(ABSENT, mine) == coalesce({}, mine).rows.get(key, ABSENT)


@given(batches(), st.integers(0, 60))
def test_fold_steps_over_what_is_in_the_row(events: list[WriteEvent], seq: int) -> None:
    mine = [event for event in events if event.key == b"a"]
    row = Entry(b"5", seq)
    assert fold(row, mine) == fold(row, [event for event in mine if event.seq > seq])


def test_a_refused_event_changes_nothing_but_the_seq() -> None:
    row = Entry(b"text", 1)
    event = WriteEvent(2, Op.INCR, b"k", 1, 0.0)
    result = coalesce({b"k": row}, [event])
    assert result.rows == {b"k": Entry(b"text", 2)}
    assert result.applied == []
    assert [refusal.event for refusal in result.refused] == [event]
    assert "not a 64-bit integer" in result.refused[0].reason
    assert fold(row, [event]) == Entry(b"text", 2)


def test_events_after_a_refused_one_meet_the_value_without_it() -> None:
    events = [
        WriteEvent(1, Op.SET, b"k", b"text", 0.0),
        WriteEvent(2, Op.INCR, b"k", 1, 0.0),
        WriteEvent(3, Op.SET, b"k", b"5", 0.0),
        WriteEvent(4, Op.INCR, b"k", COUNTER_MAX, 0.0),
        WriteEvent(5, Op.INCR, b"k", 1, 0.0),
    ]
    result = coalesce({}, events)
    assert result.rows == {b"k": Entry(b"6", 5)}
    assert [refusal.event.seq for refusal in result.refused] == [2, 4]


def test_a_delete_leaves_a_tombstone_that_keeps_its_seq() -> None:
    result = coalesce({b"k": Entry(b"x", 3)}, [WriteEvent(4, Op.DELETE, b"k", None, 0.0)])
    assert result.rows == {b"k": Entry(None, 4)}
    late = coalesce(result.rows, [WriteEvent(2, Op.SET, b"k", b"old", 0.0)])
    assert (late.rows, len(late.repeated)) == ({}, 1)


def test_what_determines_a_value_whatever_the_row_is() -> None:
    plus = WriteEvent(1, Op.INCR, b"k", 1, 0.0)
    assert not is_absolute([])
    assert not is_absolute([plus])
    assert is_absolute([plus, WriteEvent(2, Op.DELETE, b"k", None, 0.0), plus])
    assert is_absolute([WriteEvent(2, Op.SET, b"k", b"", 0.0)])


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        WriteEvent(1, Op.INCR, b"k", 1, 0.0).seq = 2  # type: ignore[misc]


@pytest.mark.parametrize("one", ["abc", b"abc"])
def test_the_letters_of_one_key_are_not_many_keys(one: str | bytes) -> None:
    with pytest.raises(InvalidKey, match=r"^many keys are a list or the like, not (str|bytes)$"):
        as_keys(one)  # type: ignore[arg-type]
