"""Writes: both paths, their order on one key, and that an error changes nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.commands import EvictKey
from cachedesk.core.errors import (
    ConfigError,
    CounterOverflow,
    InvalidKey,
    InvalidValue,
    NotACounter,
)
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack

from . import scenarios
from .scenarios import BEHIND, PATIENT, THROUGH, held_at
from .until import Task, together, until

OpenStack = Callable[..., Stack]
MOST, LEAST = 2**63 - 1, -(2**63)
both_paths = pytest.mark.parametrize("policy", [THROUGH, BEHIND])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One stack for the many small tests that each use keys of their own."""
    with scenarios.running(tmp_path_factory.mktemp("shared")) as stack:
        yield stack.layer


@both_paths
def test_what_each_write_returns(shared: CacheLayer, policy: str) -> None:
    key = f"returns:{policy}"
    level = "applied" if policy == THROUGH else "durable"
    receipt = shared.set(key, 5, policy=policy)
    assert (receipt.level, receipt.value) == (level, b"5")
    assert shared.incr(key, policy=policy) == 6
    assert shared.incr(key, -10, policy=policy) == -4
    assert shared.write(("incr", key), policy=policy).value == b"-3"
    deleted = shared.delete(key, policy=policy)
    assert (deleted.level, deleted.value) == (level, None)
    assert shared.incr(key, 0, policy=policy) == 0
    assert shared.get(key) == b"0", "an increment by 0 makes the key"


def test_the_default_policies_choose_the_path(shared: CacheLayer) -> None:
    levels = {
        key: shared.set(key, b"x").level for key in ("payment:1", "views:t", "other", "views")
    }
    assert levels == {
        "payment:1": "applied",
        "views:t": "durable",
        "other": "applied",
        "views": "applied",
    }


def test_a_policy_of_one_write_must_exist(shared: CacheLayer) -> None:
    with pytest.raises(ConfigError, match="did you mean 'write-behind'"):
        shared.set("key", b"x", policy="write-behnd")
    assert shared.get("key") is None


@both_paths
@pytest.mark.parametrize("value", [b"", b"\x00\xff", "é", 0, -7, 2**70], ids=repr)
def test_values_come_back_as_bytes(shared: CacheLayer, policy: str, value: Any) -> None:
    expected = value if isinstance(value, bytes) else str(value).encode()
    key = f"bytes:{policy}:{value!r}"
    shared.set(key, value, policy=policy)
    assert shared.get(key) == expected
    shared.evict("bytes:*")
    assert shared.get(key) == expected
    shared.drain(60)
    shared.evict("bytes:*")
    assert shared.get(key) == expected


def test_keys_are_bytes(shared: CacheLayer) -> None:
    nfc, nfd = "caf\u00e9", "cafe\u0301"
    for number, key in enumerate((nfc, nfd, b"\xff\x00", "1")):
        shared.set(key, number)
    shared.evict("*")
    assert shared.get_many([nfc, nfd, b"\xff\x00", b"1"]) == [b"0", b"1", b"2", b"3"]


BAD: list[tuple[str, Sequence[Any], type[Exception]]] = [
    ("empty key", ("set", b"", b"x"), InvalidKey),
    ("long key", ("set", b"k" * 1025, b"x"), InvalidKey),
    ("surrogate key", ("delete", "\ud800"), InvalidKey),
    ("int key", ("incr", 1, 1), InvalidKey),
    ("float value", ("set", "good", 1.5), InvalidValue),
    ("bool value", ("set", "good", True), InvalidValue),
    ("None value", ("set", "good", None), InvalidValue),
    ("surrogate value", ("set", "good", "\udfff"), InvalidValue),
    ("str amount", ("incr", "good", "1"), InvalidValue),
    ("bool amount", ("incr", "good", True), InvalidValue),
    ("amount above 64 bits", ("incr", "good", MOST + 1), CounterOverflow),
    ("amount below 64 bits", ("incr", "good", LEAST - 1), CounterOverflow),
    ("no operation", (), InvalidValue),
    ("unknown operation", ("append", "good", b"x"), InvalidValue),
    ("a value missing", ("set", "good"), InvalidValue),
    ("one too many", ("set", "good", b"x", b"y"), InvalidValue),
]


@both_paths
@pytest.mark.parametrize(
    ("bad", "error"), [(bad, error) for _, bad, error in BAD], ids=[name for name, _, _ in BAD]
)
def test_a_bad_write_changes_nothing_of_its_group(
    shared: CacheLayer, policy: str, bad: Sequence[Any], error: type[Exception]
) -> None:
    before = shared.snapshot().books.accepted
    with pytest.raises(error):
        shared.write_many([("set", "good:1", b"x"), bad], policy=policy)
    assert shared.get("good:1") is None
    assert shared.snapshot().books.accepted == before


REFUSED = [
    ("text", b"text", 1, NotACounter),
    ("empty", b"", 1, NotACounter),
    ("leading zero", b"01", 1, NotACounter),
    ("plus sign", b"+1", 1, NotACounter),
    ("space", b" 1", 1, NotACounter),
    ("minus zero", b"-0", 1, NotACounter),
    ("20 digits", b"10000000000000000000", 1, NotACounter),
    ("one above", b"9223372036854775808", -1, NotACounter),
    ("upper edge", MOST, 1, CounterOverflow),
    ("lower edge", LEAST, -1, CounterOverflow),
    ("far", 5, MOST, CounterOverflow),
]


@both_paths
@pytest.mark.parametrize(
    ("value", "amount", "error"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_refused_increment_changes_nothing(
    shared: CacheLayer, policy: str, value: Any, amount: int, error: type[Exception]
) -> None:
    key = f"refused:{value!r}:{policy}"
    shared.set(key, value, policy=policy)
    before = shared.snapshot()
    with pytest.raises(error):
        shared.incr(key, amount, policy=policy)
    expected = value if isinstance(value, bytes) else b"%d" % value
    assert shared.get(key) == expected
    shared.evict("refused:*")
    assert shared.get(key) == expected
    after = shared.snapshot()
    assert after.books.accepted == before.books.accepted
    assert after.writes.refused == before.writes.refused + 1


@both_paths
def test_counters_reach_both_edges_of_64_bits(shared: CacheLayer, policy: str) -> None:
    assert shared.incr(f"edge:up:{policy}", MOST, policy=policy) == MOST
    assert shared.incr(f"edge:down:{policy}", LEAST, policy=policy) == LEAST
    shared.drain(60)
    shared.evict("*")
    assert shared.get_many([f"edge:up:{policy}", f"edge:down:{policy}"]) == [
        b"%d" % MOST,
        b"%d" % LEAST,
    ]
    assert shared.incr(f"edge:up:{policy}", -MOST, policy=policy) == 0


@both_paths
def test_an_increment_of_an_evicted_key_starts_from_its_value(
    shared: CacheLayer, policy: str
) -> None:
    key = f"evicted:{policy}"
    shared.set(key, 40, policy=THROUGH)
    shared.evict("evicted:*")
    assert shared.incr(key, policy=policy) == 41
    shared.evict("evicted:*")
    assert shared.incr(key, policy=policy) == 42
    assert shared.get(key) == b"42"


@both_paths
def test_write_many_is_all_or_nothing_on_a_path(shared: CacheLayer, policy: str) -> None:
    name = f"all:{policy}"
    shared.set(f"{name}:text", b"text", policy=policy)
    with pytest.raises(NotACounter):
        shared.write_many(
            [("set", f"{name}:a", 1), ("incr", f"{name}:text", 1), ("set", f"{name}:b", 1)],
            policy=policy,
        )
    shared.evict("*")
    assert shared.get_many([f"{name}:a", f"{name}:text", f"{name}:b"]) == [None, b"text", None]


@both_paths
def test_write_many_keeps_the_order_of_each_key(shared: CacheLayer, policy: str) -> None:
    key, other = f"many:{policy}", f"many:{policy}:other"
    receipts = shared.write_many(
        [
            ("set", key, 5),
            ("incr", other),
            ("incr", key, 2),
            ("delete", key),
            ("incr", key, -1),
            ("incr", other, 3),
        ],
        policy=policy,
    )
    assert [receipt.value for receipt in receipts] == [b"5", b"1", b"7", None, b"-1", b"4"]
    seqs = [receipt.seq for receipt in receipts]
    assert seqs == sorted(set(seqs))
    assert shared.get_many([key, other]) == [b"-1", b"4"]


def test_write_many_over_both_paths_returns_receipts_in_order(shared: CacheLayer) -> None:
    receipts = shared.write_many(
        [("incr", "views:w"), ("set", "order:w", b"x"), ("incr", "views:w"), ("delete", "order:w")]
    )
    assert [(receipt.level, receipt.value) for receipt in receipts] == [
        ("durable", b"1"),
        ("applied", b"x"),
        ("durable", b"2"),
        ("applied", None),
    ]
    assert shared.write_many([]) == []


def test_write_many_may_be_an_iterator_of_thousands(shared: CacheLayer) -> None:
    receipts = shared.write_many(("incr", f"views:m{n % 7}", 1) for n in range(3_500))
    assert len({receipt.seq for receipt in receipts}) == 3_500
    assert shared.get("views:m0") == b"500"
    shared.drain(60)
    shared.evict("*")
    assert shared.get("views:m6") == b"500"


operations = st.lists(
    st.tuples(
        st.sampled_from(["set", "text", "incr", "delete", "evict", "drain"]),
        st.integers(0, 2),
        st.integers(-3, 50),
        st.sampled_from([THROUGH, BEHIND]),
    ),
    max_size=30,
)
_example = iter(range(1_000_000))


@settings(max_examples=60)
@given(operations)
def test_any_mix_of_paths_is_a_dictionary(
    shared: CacheLayer, script: list[tuple[str, int, int, str]]
) -> None:
    prefix = f"mix{next(_example)}:"
    model: dict[str, bytes] = {}
    seqs: dict[str, int] = {}
    for operation, place, number, policy in script:
        key = f"{prefix}{place}"
        if operation == "evict":
            shared.evict(f"{prefix}*")
        elif operation == "drain":
            shared.drain(60)
        elif operation == "incr" and model.get(key) == b"text":
            with pytest.raises(NotACounter):
                shared.incr(key, number, policy=policy)
        else:
            if operation == "incr":
                model[key] = b"%d" % (int(model.get(key, 0)) + number)
            elif operation == "delete":
                model.pop(key, None)
            else:
                model[key] = b"text" if operation == "text" else b"%d" % number
            change = {
                "set": ("set", key, number),
                "text": ("set", key, b"text"),
                "incr": ("incr", key, number),
                "delete": ("delete", key),
            }[operation]
            receipt = shared.write(change, policy=policy)
            assert receipt.value == model.get(key)
            assert receipt.seq > seqs.get(key, 0)
            seqs[key] = receipt.seq
        assert shared.get(key) == model.get(key)
    truth = {key: value for key, value in shared.items() if key.startswith(prefix.encode())}
    assert truth == {key.encode(): value for key, value in model.items()}


def test_a_write_through_absorbs_what_is_pending(tmp_path: Path) -> None:
    scenarios.write_through_absorbs_what_is_pending(tmp_path)


def test_the_paths_do_not_overtake_each_other(tmp_path: Path) -> None:
    scenarios.the_paths_do_not_overtake_each_other(tmp_path)


def test_absorbed_events_are_counted_once(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    for _ in range(4):
        cache.incr("views:1")
    cache.incr("views:1", policy=THROUGH)
    books = stack.snapshot().books
    assert (books.accepted, books.applied, books.pending) == (5, 5, 0)
    cache.incr("views:2")
    cache.drain(60)
    until(lambda: stack.snapshot().log.in_flight == 0)
    assert stack.snapshot().books.applied == 6
    assert cache.get("views:1") == b"5"


@both_paths
def test_threads_on_one_counter_lose_nothing(shared: CacheLayer, policy: str) -> None:
    key = f"threads:{policy}"

    def count() -> list[int]:
        return [shared.incr(key, policy=policy) for _ in range(25)]

    seen = sorted(value for values in together([count] * 6) for value in values)
    assert seen == list(range(1, 151))


def test_a_stream_of_write_throughs_keeps_nobody_out(open_stack: OpenStack) -> None:
    """Six threads never let go of a key; who comes later still gets it before its deadline."""
    cache = open_stack().layer
    ended = threading.Event()

    def stream() -> int:
        count = 0
        while not ended.is_set():
            cache.incr("hot", policy=THROUGH)
            count += 1
        return count

    streams = [Task(stream) for _ in range(6)]
    try:
        for _ in range(10):
            cache.incr("hot", policy=BEHIND)
    finally:
        ended.set()
    counts = [task.result() for task in streams]
    assert cache.get("hot") == b"%d" % (sum(counts) + 10)
    assert min(counts) > 0


def test_an_observer_is_told_of_every_event_once(open_stack: OpenStack) -> None:
    class Judge:
        def __init__(self) -> None:
            self.seqs: list[int] = []

        def applied(self, events: Any) -> None:
            self.seqs += [event.seq for event in events]

    judge = Judge()
    cache = open_stack(PATIENT, observer=judge).layer
    receipts = cache.write_many([("incr", f"views:{n % 3}") for n in range(20)])
    receipts += cache.write_many([("incr", f"views:{n % 3}") for n in range(5)], policy=THROUGH)
    cache.drain(60)
    assert sorted(judge.seqs) == [receipt.seq for receipt in receipts]


def test_a_row_is_what_sqlite_shows(open_stack: OpenStack, tmp_path: Path) -> None:
    """The truth is an ordinary file: another program reads the same."""
    cache = open_stack().layer
    seq = cache.set("order:1", b"paid").seq
    with sqlite3.connect(tmp_path / "data" / "cachedesk.db") as other:
        row = other.execute("SELECT value, seq FROM rows WHERE key=?", (b"order:1",)).fetchone()
    other.close()
    assert row == (b"paid", seq)


def test_a_group_of_callers_shares_one_append(stack: Stack) -> None:
    """While one append is held, the others gather and go with the next one."""
    cache = stack.layer
    with held_at(stack.failpoints, "log.append.before", cache.incr, "views:0") as first:
        others = [Task(cache.incr, f"views:{n}") for n in range(1, 9)]
        until(lambda: len(cache._truth.logged._group._queue) == 8)
    assert [task.result() for task in (first, *others)] == [1] * 9
    records = cache._truth.logged._log._queue._getter.execute(
        "SELECT seq FROM sqlite_sequence WHERE name='queue_events'"
    ).fetchone()
    assert records == (2,)


def test_settings_are_frozen_values() -> None:
    with pytest.raises(AttributeError):
        PATIENT.log.limit_events = 5  # type: ignore[misc]
    assert msgspec.structs.replace(PATIENT) == PATIENT


def test_evict_key_says_whether_it_was_there(stack: Stack) -> None:
    stack.layer.set("order:1", b"x")
    assert stack.perform(EvictKey(b"order:1")) == "order:1 was evicted from Redis"
    assert stack.perform(EvictKey(b"order:1")) == "order:1 was not in Redis"
