"""What a captured command comes to: what Redis did, or a skip that says so; never an error."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.lab.load.operations import Operation
from cachedesk.lab.trace import access_log, commands, monitor, twitter
from cachedesk.lab.trace.monitor import Capture
from cachedesk.lab.trace.record import (
    KEPT,
    UNUSABLE,
    Malformed,
    TraceRecord,
    add,
    delete,
    get,
    persist,
    put,
)

AT = 1_700_000_000.5


def line(*words: str | bytes, db: int = 0) -> bytes:
    quoted = b" ".join(
        b'"%s"' % (word.encode() if isinstance(word, str) else word) for word in words
    )
    return b"%.6f [%d 127.0.0.1:1] %s\n" % (AT, db, quoted)


def said(*words: str | bytes, before: Iterable[tuple[str, ...]] = ()) -> TraceRecord:
    capture = Capture()
    for each in before:
        capture(line(*each))
    return capture(line(*words))


REFUSED = [
    ("INCRBY", "views:a", "1.5"),
    ("INCRBY", "c", "notanumber"),
    ("INCRBY", "c", "9223372036854775808"),
    ("INCRBY", "c", "+1"),
    ("INCRBY", "c", " 1"),
    ("INCRBY", "c", "1_000"),
    ("INCRBY", "c", "007"),
    ("INCRBY", "c", "-0"),
    ("INCRBY", "c", ""),
    ("DECRBY", "c", "-9223372036854775808"),
    ("DECRBY", "c", "x"),
    ("SET", "k", "v", "EX", "0"),
    ("SET", "k", "v", "EX", "soon"),
    ("SET", "k", "v", "EX"),
    ("SET", "k", "v", "EX", "1", "PX", "1"),
    ("SET", "k", "v", "WHAT"),
    ("SETEX", "k", "0", "v"),
    ("SETEX", "k", "v", "10"),
    ("MSET", "a", "1", "b"),
    ("EXPIRE", "k", "never"),
    ("FLUSHALL", "NOW"),
    ("INCR", "a", "b"),
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_redis_refused_when_it_ran_is_a_skip(words: tuple[str, ...]) -> None:
    assert said(*words) == TraceRecord((), AT, f"{words[0]} that Redis refused")


DONE = [
    (("DECRBY", "c", "-5"), [add(b"c", 5)]),
    (("INCRBY", "c", "-9223372036854775808"), [add(b"c", -(2**63))]),
    (("SET", "k", "v", "KEEPTTL"), [put(b"k", b"v", KEPT)]),
    (("SET", "k", "v", "GET"), [get(b"k"), put(b"k", b"v")]),
    (("SET", "k", "v", "EXAT", "1"), [delete(b"k")]),
    (("EXPIREAT", "k", "1"), [delete(b"k")]),
    (("EXPIREAT", "k", "1700000000"), [delete(b"k")]),
    (("PEXPIREAT", "k", "1700000000500"), [delete(b"k")]),
    (("EXPIRE", "k", "-1"), [delete(b"k")]),
    (("EXPIRE", "k", "0"), [delete(b"k")]),
    (("GETEX", "k", "PXAT", "1"), [get(b"k"), delete(b"k")]),
    (("GETEX", "k", "PERSIST"), [get(b"k"), persist(b"k")]),
    (("PERSIST", "k"), [persist(b"k")]),
    (("GETDEL", "k"), [get(b"k"), delete(b"k")]),
]


@pytest.mark.parametrize(("words", "operations"), DONE, ids=[" ".join(words) for words, _ in DONE])
def test_what_is_known_exactly_is_done(words: tuple[str, ...], operations: list[Operation]) -> None:
    found = said(*words)
    assert list(found.operations) == operations
    assert (found.skipped, found.expiry) == ("", "")


EXPIRING = [
    ("SETEX", "k", "10", "v"),
    ("PSETEX", "k", "10", "v"),
    ("SET", "k", "v", "EX", "10"),
    ("set", "k", "v", "px", "10"),
    ("SET", "k", "v", "EXAT", "1800000000"),
    ("EXPIRE", "k", "10"),
    ("PEXPIREAT", "k", "1700000000501"),
    ("GETEX", "k", "EX", "10"),
]


@pytest.mark.parametrize("words", EXPIRING, ids=" ".join)
def test_an_expiry_is_counted(words: tuple[str, ...]) -> None:
    found = said(*words)
    assert found.expiry == words[0].upper()
    assert not found.differs
    assert found.operations[-1].ttl is not None
    assert (b"v" in [operation.value for operation in found.operations]) == ("v" in words)


DIFFERENT = [
    ("APPEND", "k", "v"),
    ("SETRANGE", "k", "1", "v"),
    ("SETNX", "k", "v"),
    ("SET", "k", "v", "NX", "EX", "10"),
    ("SET", "k", "v", "IFEQ", "x"),
    ("INCRBYFLOAT", "k", "1.5"),
    ("RESTORE", "k", "0", "x"),
    ("SWAPDB", "0", "1"),
    ("REPLICAOF", "example.org", "6379"),
    ("EXPIRE", "k", "-1", "GT"),
    ("EXPIRE", "k", "10", "NX"),
]


@pytest.mark.parametrize("words", DIFFERENT, ids=" ".join)
def test_what_is_left_out_and_changes_the_end_state_is_marked(words: tuple[str, ...]) -> None:
    found = said(*words)
    assert found.operations == ()
    assert found.differs
    assert found.skipped.startswith(words[0])


def test_all_that_was_written_is_deleted_when_everything_is() -> None:
    capture = Capture()
    for words, db in (
        (("SET", "a", "1"), 0),
        (("MSET", "b", "1", "c", "1"), 2),
        (("INCR", "d"), 0),
        (("DEL", "d"), 0),
        (("GET", "e"), 0),
    ):
        capture(line(*words, db=db))
    assert capture(line("FLUSHDB", "ASYNC", db=2)).operations == (
        delete(b"db2:b"),
        delete(b"db2:c"),
    )
    capture(line("SET", "f", "1", db=2))
    assert capture(line("flushall")).operations == (delete(b"a"), delete(b"db2:f"))
    assert capture(line("FLUSHALL")) == TraceRecord((), AT, "FLUSHALL")


def test_more_keys_than_are_remembered_are_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "MOST_LIVE", 3)
    found = said("FLUSHALL", before=[("SET", f"k{number}", "v") for number in range(5)])
    assert found == TraceRecord((), AT, "FLUSHALL", differs=True)


def test_a_key_that_is_renamed_or_overwritten_is_not_what_it_was() -> None:
    before = [("SET", "a", "1"), ("SET", "b", "1")]
    gone = TraceRecord((delete(b"a"), delete(b"b")), AT, "RENAME", differs=True)
    assert said("RENAME", "a", "b", before=before) == gone
    assert said("RENAME", "x", "y", before=before) == TraceRecord((), AT, "RENAME")
    assert said("RENAME", "a", "a", before=before) == TraceRecord((), AT, "RENAME")
    assert said("RENAMENX", "a", "c", before=before).differs
    assert said("COPY", "a", "c", before=before).differs
    assert not said("COPY", "x", "y", before=before).differs
    assert said("SINTERSTORE", "b", "s", before=before).operations == (delete(b"b"),)


def test_one_key_that_is_too_long_does_not_cost_the_others() -> None:
    long = "k" * 1025
    for words, good in (
        (("MSET", "a", "1", long, "2", "b", "3"), (put(b"a", b"1"), put(b"b", b"3"))),
        (("MGET", long, "a"), (get(b"a"),)),
        (("DEL", "a", long, long), (delete(b"a"),)),
    ):
        found = said(*words)
        assert found.operations == good
        assert (found.skipped, found.times) == (UNUSABLE, words.count(long))


@pytest.mark.parametrize(
    "head",
    [
        b"1339518083.107412 (db 0) ",
        b"1339518083.107412 ",
        b"Nov 27 21:00:00 1339518083.107412 [0 127.0.0.1:1] ",
        b"redis-1  | 1339518083.107412 [0 127.0.0.1:1] ",
        b"2024-01-01T00:00:00.123456789Z 1339518083.107412 [0 unix:/a [b] c] ",
    ],
)
def test_other_heads_of_a_line_are_known(head: bytes) -> None:
    assert monitor.parse(head + b'"incr" "a"\n') == TraceRecord((add(b"a", 1),), 1339518083.107412)
    assert monitor.matches(head + b'"incr" "a"\n')


@given(st.lists(st.text("aAbBnNxX019-+ .", max_size=6), min_size=1, max_size=5), st.randoms())
def test_whatever_follows_a_name_is_a_record(words: list[str], chance: random.Random) -> None:
    assert isinstance(said(chance.choice([*commands._COMMANDS, "LPUSH"]), *words), TraceRecord)


REQUESTS = {
    b"GET /a?x=1 HTTP/1.1": (b"views:/a", ""),
    b"GET http://ex.org/a HTTP/1.1": (b"views:http://ex.org/a", ""),
    b"get /": (b"views:/", ""),
    b"CONNECT ex.org:443 HTTP/1.1": (None, "CONNECT"),
    b"OPTIONS * HTTP/1.0": (None, "OPTIONS *"),
    b"PRI * HTTP/2.0": (None, "PRI *"),
    rb"\x16\x03\x01\x00\xEE\x01 \x00\x00\xEA \x03": (None, "(a request without a path)"),
    b"\x16\x03\x01 /a": (None, "(a request without a path)"),
    b"-": (None, "(a request without a path)"),
    b"": (None, "(a request without a path)"),
    b"GET": (None, "(a request without a path)"),
    b"GET a": (None, "GET"),
    b"GET /" + b"a" * 9_000: (None, UNUSABLE),
}


@pytest.mark.parametrize(("request_line", "found"), REQUESTS.items())
def test_a_request_is_a_view_of_a_path_or_a_skip(
    request_line: bytes, found: tuple[bytes | None, str]
) -> None:
    record = access_log.parse(
        b'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "%s" 400 0 "-" "-"\n' % request_line
    )
    assert (record.operations[0].key if record.operations else None, record.skipped) == found


def test_a_ttl_of_twitter_is_counted() -> None:
    stored = twitter.parse(b"0,k,1,4,4,set,60\n")
    assert (stored.expiry, stored.operations[0].ttl) == ("set", 60.0)
    assert twitter.parse(b"0,k,1,4,4,incr,60\n").expiry == ""
    assert twitter.parse(b"0,k,1,4,4,get,60\n").expiry == ""
    assert twitter.parse(b"0,k,1,4,4,set,0\n").expiry == ""
    assert twitter.parse(b"0,k,1,4,4,append,0\n").differs


def test_a_key_of_twitter_may_hold_commas() -> None:
    assert twitter.parse(b"1.5,a,b,c,3,4,5,set,9\n").operations[0].key == b"a,b,c"
    for few in (b"1\n", b"1,2\n", b"1,k,3,4,5,set\n"):
        with pytest.raises(Malformed, match=f"{few.count(b',') + 1} fields instead of 7"):
            twitter.parse(few)
