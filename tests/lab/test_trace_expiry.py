"""Traces whose keys expire: in the time of the trace, however fast it is replayed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace import expiring
from cachedesk.lab.trace.expiring import Expiring
from cachedesk.lab.trace.reading import Reading
from cachedesk.lab.trace.record import KEPT, TraceRecord, add, delete, expire, get, persist, put

DAY = 86_400.0


def after(*records: TraceRecord) -> list[Operation]:
    """Return the operations of ``records``, with their expiries applied."""
    time = Expiring()
    return [operation for record in records for operation in time.applied(record).operations]


def at(seconds: float, *operations: Operation) -> TraceRecord:
    return TraceRecord(operations, seconds)


def test_a_key_is_deleted_before_the_first_line_that_is_not_earlier() -> None:
    assert after(
        at(100, put(b"k", b"v", 30.0)), at(129.9, get(b"k")), at(130, get(b"k")), at(140, get(b"k"))
    ) == [put(b"k", b"v", 30 + DAY), get(b"k"), delete(b"k"), get(b"k"), get(b"k")]


def test_the_order_of_the_deadlines_is_that_of_the_trace() -> None:
    first, second = after(at(0, put(b"a", b"v", 100.0)), at(90, put(b"b", b"v", 20.0)))
    assert (first.ttl, second.ttl) == (100 + DAY, 110 + DAY)


@pytest.mark.parametrize(
    "between",
    [put(b"k", b"w"), delete(b"k"), persist(b"k"), expire(b"k", 50.0), put(b"k", b"w", 50.0)],
    ids=lambda it: it.op.value,
)
def test_what_replaces_the_expiry(between: Operation) -> None:
    operations = after(at(0, put(b"k", b"v", 30.0)), at(10, between), at(40, get(b"k")))
    assert delete(b"k") not in operations[2:]


@pytest.mark.parametrize("between", [add(b"k", 1), get(b"k"), put(b"k", b"w", KEPT)])
def test_what_keeps_the_expiry(between: Operation) -> None:
    operations = after(at(0, put(b"k", b"1", 30.0)), at(10, between), at(40, get(b"k")))
    assert operations[-2:] == [delete(b"k"), get(b"k")]


def test_a_set_that_keeps_no_expiry_has_none() -> None:
    assert after(at(0, put(b"k", b"v", KEPT))) == [put(b"k", b"v")]


def test_what_cannot_be_tracked_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "MOST_KEYS", 1)
    time = Expiring()
    assert time.applied(at(0, put(b"a", b"v", 5.0))).operations[0].ttl == 5 + DAY
    assert time.applied(at(0, put(b"b", b"v", 5.0))).operations == (put(b"b", b"v"),)
    assert time.applied(at(0, expire(b"b", 5.0))).operations == (persist(b"b"),)
    assert time.applied(at(9, get(b"b"))).operations == (delete(b"a"), get(b"b"))
    assert time.expired == 1


_steps = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.one_of(
            st.builds(lambda key, ttl: put(key, b"v", ttl), st.sampled_from([b"a", b"b"]),
                      st.sampled_from([None, 3.0, 7.0, KEPT])),
            st.builds(expire, st.sampled_from([b"a", b"b"]), st.sampled_from([2.0, 9.0])),
            st.builds(persist, st.sampled_from([b"a", b"b"])),
            st.builds(delete, st.sampled_from([b"a", b"b"])),
            st.builds(get, st.sampled_from([b"a", b"b"])),
        ),
    ),
    max_size=30,
)  # fmt: skip


@given(_steps)
def test_each_read_finds_what_redis_would_have_found(steps: list[tuple[int, Operation]]) -> None:
    now, records = 0.0, []
    redis: dict[bytes, float | None] = {}
    right: list[bool] = []
    for pause, operation in steps:
        now += pause
        op, key, _, ttl = operation
        redis = {key: end for key, end in redis.items() if end is None or end > now}
        if op is Verb.GET:
            right.append(key in redis)
        elif op is Verb.DELETE:
            redis.pop(key, None)
        elif op is Verb.SET:
            redis[key] = redis.get(key) if ttl == KEPT else None if ttl is None else now + ttl
        elif key in redis:
            redis[key] = None if op is Verb.PERSIST or ttl is None else now + ttl
        records.append(at(now, operation))
    held: set[bytes] = set()
    found = []
    for op, key, _, ttl in after(*records):
        assert ttl is None or ttl >= DAY
        if op is Verb.GET:
            found.append(key in held)
        elif op is Verb.SET:
            held.add(key)
        elif op is Verb.DELETE:
            held.discard(key)
    assert found == right


CAPTURE = b"""\
1700000000.000000 [0 127.0.0.1:1] "SET" "session:1" "Ann" "EX" "30"
1700000010.000000 [0 127.0.0.1:1] "SETEX" "session:2" "20" "Bob"
1700000020.000000 [0 127.0.0.1:1] "EXPIRE" "session:1" "60"
1700000031.000000 [0 127.0.0.1:1] "GET" "session:1"
1700000032.000000 [0 127.0.0.1:1] "GET" "session:2"
1700000033.000000 [0 127.0.0.1:1] "PERSIST" "session:1"
1700000099.000000 [0 127.0.0.1:1] "GET" "session:1"
"""


def test_a_capture_of_monitor(tmp_path: Path) -> None:
    file = tmp_path / "capture"
    file.write_bytes(CAPTURE)
    reading = Reading(file)
    assert [(it.op.value, it.key) for it in reading.operations()] == [
        ("set", b"session:1"),
        ("set", b"session:2"),
        ("expire", b"session:1"),
        ("delete", b"session:2"),
        ("get", b"session:1"),
        ("get", b"session:2"),
        ("persist", b"session:1"),
        ("get", b"session:1"),
    ]
    assert reading.count.expired == 1
    assert reading.count.expiries == {"SET": 1, "SETEX": 1, "EXPIRE": 1}
    assert not reading.count.skipped


def test_a_capture_of_twitter(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    lines = ["0,session:1,9,5,1,set,30", "29,session:1,9,5,1,get,0", "31,session:1,9,5,1,get,0"]
    file.write_text("\n".join(lines) + "\n")
    operations = list(Reading(file).operations())
    assert [it.op.value for it in operations] == ["set", "get", "delete", "get"]
