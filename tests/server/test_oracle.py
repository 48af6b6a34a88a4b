"""A real server as the oracle: the same commands to both, and the same replies.

Differences that are meant, and so are not drawn: an empty key, keys over 1,024 bytes, expiries over
100 years ahead, and what ``assets/docs/server.md`` lists.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.watch.servers import SERVERS, Server

from .running import Running, Wire

KEYS = ("views:a", "views:b", "order:a", "order:b")
keys = st.sampled_from(KEYS)
values = st.sampled_from([b"1", b"-5", b"9223372036854775807", b"text", b"", b"007", b"\x00\xff"])
numbers = st.sampled_from(
    ["0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808", "x", "1.5", "", " 1"]
)
# Far enough that a slow machine reads them with the same result; 0 and below are in the past.
lives = st.sampled_from(["10000", "1000000", "0", "-1", "x", "9223372036854775807", ""])
units = st.sampled_from(["EX", "px", "EXAT", "PXAT"])
moments = {"EX": "5000", "px": "5000000", "EXAT": "4000000000", "PXAT": "4000000000000"}


def flags(*names: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), max_size=2)


def expiry(extra: str) -> st.SearchStrategy[list[str]]:
    return st.one_of(
        st.just([]),
        units.map(lambda unit: [unit, moments[unit]]),
        st.tuples(units, lives.filter(lambda it: it != "9223372036854775807")).map(list),
        st.just([extra]),
        st.just(["EX"]),
    )


def words(*parts: object) -> st.SearchStrategy[list[object]]:
    """Return commands of ``parts``: a word, or a strategy for one word or a list of words."""
    drawn = [part if isinstance(part, st.SearchStrategy) else st.just(part) for part in parts]

    def flat(found: tuple[object, ...]) -> list[object]:
        line: list[object] = []
        for each in found:
            line += each if isinstance(each, list) else [each]
        return line

    return st.tuples(*drawn).map(flat)


some_keys = st.lists(keys, min_size=1, max_size=3)
pairs = st.lists(st.tuples(keys, values).map(list), min_size=1, max_size=3).map(
    lambda found: [word for pair in found for word in pair]
)
conditions = flags("NX", "XX", "GT", "LT", "nonsense")
COMMANDS = {
    "get": words("GET", keys),
    "mget": words("MGET", some_keys),
    "strlen": words("STRLEN", keys),
    "set": words("SET", keys, values, flags("NX", "XX", "GET"), expiry("KEEPTTL")),
    "set nonsense": words("SET", keys, values, st.just("nonsense")),
    "setex": words("SETEX", keys, lives, values),
    "psetex": words("PSETEX", keys, lives, values),
    "setnx": words("SETNX", keys, values),
    "getset": words("GETSET", keys, values),
    "getdel": words("GETDEL", keys),
    "getex": words("GETEX", keys, expiry("PERSIST")),
    "mset": words("MSET", pairs),
    "msetnx": words("MSETNX", pairs),
    "incr": words("INCR", keys),
    "decr": words("DECR", keys),
    "incrby": words("INCRBY", keys, numbers),
    "decrby": words("DECRBY", keys, numbers),
    "del": words("DEL", some_keys),
    "unlink": words("UNLINK", some_keys),
    "exists": words("EXISTS", some_keys),
    "touch": words("TOUCH", some_keys),
    "type": words("TYPE", keys),
    "expire": words("EXPIRE", keys, lives, conditions),
    "pexpire": words("PEXPIRE", keys, lives, conditions),
    "expireat": words("EXPIREAT", keys, st.sampled_from(["4000000000", "1", "x"]), conditions),
    "pexpireat": words("PEXPIREAT", keys, st.sampled_from(["4000000000000", "1"]), conditions),
    "persist": words("PERSIST", keys),
    "ttl": words("TTL", keys),
    "expiretime": words("EXPIRETIME", keys),
    "keys": words("KEYS", st.sampled_from(["*", "views:?", "[ov]*:a", "[^o]*", r"\*", "x"])),
    "scan": words("SCAN", "0", st.sampled_from([[], ["MATCH", "views:*"], ["TYPE", "hash"]])),
    "dbsize": words("DBSIZE"),
    "echo": words("ECHO", values),
    "ping": words("PING", st.lists(values, max_size=2)),
    "select": words("SELECT", st.sampled_from(["0", "x"])),
    "no arguments": words(st.sampled_from(["GET", "SET", "INCRBY", "DEL", "MSET", "EXPIRE"])),
    "too many": words(st.sampled_from(["GET", "INCR", "TTL"]), keys, keys),
    "unknown": words(st.sampled_from(["NONSENSE", "nonsense"]), st.lists(values, max_size=2)),
    "multi": words("MULTI"),
    "exec": words("EXEC"),
    "discard": words("DISCARD"),
    "watch": words("WATCH", some_keys),
    "unwatch": words("UNWATCH"),
}
NEWER_THAN_6 = {"expiretime"}


@pytest.fixture(scope="module", params=SERVERS, ids=["redis", "valkey"][: len(SERVERS)])
def oracle(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(request.param)
    yield server
    server.close()


def is_old(server: Server) -> bool:
    with server.client() as client:
        return str(client.info("server")["redis_version"]).startswith("6.")


def comparable(line: list[object], reply: object, exactly: bool) -> object:
    """Return ``reply`` without what may differ: the order of keys, an instant between the two
    servers, and, unless ``exactly``, the texts of errors, which changed from version 6 to 7."""
    name = str(line[0]).upper()
    if isinstance(reply, str):
        return reply.strip() if exactly else reply.split(" ")[0]
    if name in ("TTL", "EXPIRETIME") and isinstance(reply, int) and reply > 0:
        return round(reply, -2)
    if name == "KEYS":
        return sorted(reply)  # type: ignore[call-overload]
    if name == "SCAN":
        return sorted(reply[1])  # type: ignore[index]
    if isinstance(reply, list):
        return [
            comparable(line, str(it), exactly) if isinstance(it, Exception) else it for it in reply
        ]
    return reply


def is_of_7(line: list[object]) -> bool:
    """Whether Redis 6.2 has no such option yet."""
    upper = [str(word).upper() for word in line]
    name = upper[0]
    if name in ("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"):
        return len(line) > 3
    if name == "GETEX":
        # It looks at the number only if there is something to expire.
        return len(line) == 4 and line[3] not in moments.values()
    if name == "DECRBY":
        return line[2] == "-9223372036854775808"
    return name == "SET" and {"NX", "GET"} <= set(upper[3:])


@settings(max_examples=60)
@given(
    lines=st.lists(
        st.sampled_from(sorted(COMMANDS)).flatmap(
            lambda name: COMMANDS[name].map(lambda line: (name, line))
        ),
        max_size=30,
    )
)
def test_it_answers_as_the_oracle_does(
    shared: Running, oracle: Server, lines: list[tuple[str, list[object]]]
) -> None:
    old = is_old(oracle)
    ours, theirs = shared.wire(), Wire(oracle.path)  # type: ignore[arg-type]
    for wire in (ours, theirs):
        wire.call("DEL", *KEYS)
    try:
        inside = False
        for name, line in lines:
            if old and (name in NEWER_THAN_6 or is_of_7(line)):
                continue
            if inside and name in ("keys", "scan", "dbsize", "multi", "watch"):
                # Surveys are not for a MULTI here; of the others the servers differ themselves.
                continue
            mine, true = ours.call(*line), theirs.call(*line)  # type: ignore[arg-type]
            assert comparable(line, mine, not old) == comparable(line, true, not old), line
            inside = name == "multi" or (inside and name not in ("exec", "discard"))
    finally:
        ours.close()
        theirs.close()
