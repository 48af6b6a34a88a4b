"""Keys, values and operations of every kind: exact, or refused with nothing changed."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engine.scenarios import BEHIND, THROUGH, running

from cachedesk.core.commands import Inject
from cachedesk.core.errors import CachedeskError, ConfigError, InvalidKey, InvalidValue
from cachedesk.core.events import MAX_VALUE_BYTES
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack

from .cases import check_message, each


class Text(str):
    """A str of another class."""


class Raw(bytes):
    """Bytes of another class."""


class Number(enum.IntEnum):
    """An int of another class."""

    SEVEN = 7


@dataclass(frozen=True, slots=True)
class Thing:
    """A key or a value, and the bytes that it is or the error that it is worth."""

    name: str
    given: Any
    comes_to: bytes | type[CachedeskError]


KEYS = [
    Thing("one byte", b"\x00", b"\x00"),
    Thing("1,024 bytes", b"k" * 1024, b"k" * 1024),
    Thing("1,025 bytes", b"k" * 1025, InvalidKey),
    Thing("a million bytes", b"k" * 1_000_000, InvalidKey),
    Thing("1,025 bytes of 513 letters", "\u00e9" * 513, InvalidKey),
    Thing("no bytes", b"", InvalidKey),
    Thing("no text", "", InvalidKey),
    Thing("NUL inside", b"a\x00b", b"a\x00b"),
    Thing("a line break", b"a\r\nb", b"a\r\nb"),
    Thing("commands of Redis", b"\r\n*1\r\n$8\r\nFLUSHALL\r\n", b"\r\n*1\r\n$8\r\nFLUSHALL\r\n"),
    Thing("SQL", "'; DROP TABLE rows; --", b"'; DROP TABLE rows; --"),
    Thing("a glob", b"*", b"*"),
    Thing("not UTF-8", b"\xff\xfe\x80", b"\xff\xfe\x80"),
    Thing("half a character", "\ud800", InvalidKey),
    Thing("composed", "caf\u00e9", b"caf\xc3\xa9"),
    Thing("decomposed", "cafe\u0301", b"cafe\xcc\x81"),
    Thing("blanks", " \t ", b" \t "),
    Thing("a text's class", Text("text"), b"text"),
    Thing("a class of bytes", Raw(b"raw"), b"raw"),
    Thing("a number", 5, InvalidKey),
    Thing("nothing", None, InvalidKey),
    Thing("True", True, InvalidKey),
    Thing("a list", [b"k"], InvalidKey),
    Thing("a bytearray", bytearray(b"k"), InvalidKey),
    Thing("a memoryview", memoryview(b"k"), InvalidKey),
]

VALUES = [
    Thing("no bytes", b"", b""),
    Thing("no text", "", b""),
    Thing("NUL", b"\x00\x00", b"\x00\x00"),
    Thing("a line break", b"\r\n", b"\r\n"),
    Thing("not UTF-8", b"\xff\xfe", b"\xff\xfe"),
    Thing("every byte", bytes(range(256)), bytes(range(256))),
    Thing("half a character", "\udfff", InvalidValue),
    Thing("a text's class", Text("text"), b"text"),
    Thing("a class of bytes", Raw(b"raw"), b"raw"),
    Thing("a class of int", Number.SEVEN, b"7"),
    Thing("a large int", 2**200, b"%d" % 2**200),
    Thing("an int of 5,000 digits", 10**5000, InvalidValue),
    Thing("a fraction", 1.5, InvalidValue),
    Thing("not a number", float("nan"), InvalidValue),
    Thing("True", True, InvalidValue),
    Thing("nothing", None, InvalidValue),
    Thing("a list", [1], InvalidValue),
    Thing("a dict", {}, InvalidValue),
    Thing("a bytearray", bytearray(b"v"), InvalidValue),
    Thing("a memoryview", memoryview(b"v"), InvalidValue),
    Thing("an object", object(), InvalidValue),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheLayer]:
    with running(tmp_path_factory.mktemp("keys")) as stack:
        yield stack.layer


both_paths = pytest.mark.parametrize("policy", [THROUGH, BEHIND])


@both_paths
@each(KEYS)
def test_a_key(case: Thing, policy: str, cache: CacheLayer) -> None:
    before = cache.snapshot().books.accepted
    if isinstance(case.comes_to, bytes):
        cache.set(case.given, policy, policy=policy)
        cache.drain(60)
        assert cache.get(case.comes_to) == cache.get(case.given) == policy.encode()
        assert cache.incr(b"n" + case.comes_to[1:], policy=policy) > 0
        cache.evict("*")
        assert cache.get_many([case.given, "absent"]) == [policy.encode(), None]
        assert dict(cache.items())[case.comes_to] == policy.encode()
        cache.delete(case.given, policy=policy)
        assert cache.get(case.comes_to) is None
        return
    for call in (
        lambda: cache.set(case.given, b"x", policy=policy),
        lambda: cache.incr(case.given, policy=policy),
        lambda: cache.delete(case.given, policy=policy),
        lambda: cache.get(case.given),
        lambda: cache.get_many(["order:1", case.given]),
        lambda: cache.policy(case.given),
        lambda: cache.write_many([("set", "bad", b"x"), ("set", case.given, b"x")], policy=policy),
    ):
        with pytest.raises(case.comes_to) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert cache.get("bad") is None
    assert cache.snapshot().books.accepted == before


@both_paths
@each(VALUES)
def test_a_value(case: Thing, policy: str, cache: CacheLayer) -> None:
    cache.set("value", b"old", policy=policy)
    before = cache.snapshot().books.accepted
    if isinstance(case.comes_to, bytes):
        cache.set("value", case.given, policy=policy)
        assert cache.get("value") == case.comes_to
        cache.drain(60)
        cache.evict("*")
        assert cache.get("value") == case.comes_to
        assert type(cache.get("value")) is bytes
        return
    with pytest.raises(case.comes_to) as caught:
        cache.set("value", case.given, policy=policy)
    check_message(str(caught.value), ())
    assert cache.get("value") == b"old"
    assert cache.snapshot().books.accepted == before


def test_twins_that_look_alike_are_two_keys(cache: CacheLayer) -> None:
    composed, decomposed = "\u00c5", "A\u030a"
    cache.write_many([("set", composed, b"one"), ("set", decomposed, b"two")])
    assert cache.get_many([composed, decomposed, "\u212b"]) == [b"one", b"two", None]


@both_paths
def test_64_mebibytes_and_not_a_byte_more(policy: str, tmp_path: Path) -> None:
    most = bytes(MAX_VALUE_BYTES)
    with running(tmp_path) as stack:
        with pytest.raises(InvalidValue, match="at most 67,108,864 bytes, not 67,108,865"):
            stack.layer.set("large", most + b"x", policy=policy)
        assert stack.layer.get("large") is None
        stack.layer.set("large", most, policy=policy)
        assert stack.layer.get("large") == most
        stack.layer.drain(60)
    with running(tmp_path) as stack:
        assert stack.layer.get("large") == most


@dataclass(frozen=True, slots=True)
class Operations:
    """A wrong argument of ``write_many``, and its error."""

    name: str
    given: Any
    error: type[Exception]
    word: str


OPERATIONS = [
    Operations("no list", None, TypeError, "not iterable"),
    Operations(
        "one operation", ("set", "k", b"v"), InvalidValue, "cannot read the operation 'set'"
    ),
    Operations("no operation", [()], InvalidValue, "cannot read the operation ()"),
    Operations("nothing", [None], InvalidValue, "operation None"),
    Operations("a text", ["set"], InvalidValue, "operation 'set'"),
    Operations("bytes", [b"set"], InvalidValue, "cannot read"),
    Operations("a dict", [{"set": 1}], InvalidValue, "cannot read"),
    Operations("in capitals", [("SET", "k", b"v")], InvalidValue, "cannot read"),
    Operations("in bytes", [(b"set", "k", b"v")], InvalidValue, "cannot read"),
    Operations("one that is none", [("append", "k", b"v")], InvalidValue, "write ('set', key,"),
    Operations("too short", [("set", "k")], InvalidValue, "cannot read"),
    Operations("too long", [("set", "k", b"v", 5, 6)], InvalidValue, "cannot read"),
    Operations(
        "too long and large", [("set", "k", bytes(10**7), 5, 6)], InvalidValue, "cannot read"
    ),
    Operations("a get", [("get", "k")], InvalidValue, "cannot read"),
    Operations("a bad key", [("set", "", b"v")], InvalidKey, "1 to 1,024 bytes"),
    Operations("a bad value", [("set", "k", 1.5)], InvalidValue, "not float"),
    Operations("a bad amount", [("incr", "k", "1")], InvalidValue, "not str"),
]


@each(OPERATIONS)
def test_bad_operations_change_nothing(case: Operations, cache: CacheLayer) -> None:
    before = cache.snapshot().books.accepted
    good: list[Any] = [("set", "order:bad", b"x"), ("incr", "views:bad")]
    given = case.given if not isinstance(case.given, list) else good + case.given
    with pytest.raises(case.error) as caught:
        cache.write_many(given)
    check_message(str(caught.value), (case.word,))
    assert cache.get_many(["order:bad", "views:bad"]) == [None, None]
    assert cache.snapshot().books.accepted == before


def test_operations_that_fail_on_the_way_change_nothing(cache: CacheLayer) -> None:
    def torn() -> Iterator[tuple[str, str]]:
        yield ("incr", "views:torn")
        raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError, match="the caller's own"):
        cache.write_many(torn())
    assert cache.get("views:torn") is None


@pytest.mark.parametrize(
    "policy", ["", "behind", "WRITE-BEHIND", 5, ["write-behind"], b"x"], ids=repr
)
def test_a_path_that_is_none_changes_nothing(policy: Any, cache: CacheLayer) -> None:
    with pytest.raises(ConfigError, match="unknown policy"):
        cache.set("order:path", b"x", policy=policy)
    assert cache.get("order:path") is None


@pytest.mark.parametrize("timeout", [0, -1, float("-inf"), float("nan")], ids=repr)
def test_an_odd_timeout_of_a_drain_does_not_wait(timeout: float, stack: Stack) -> None:
    stack.perform(Inject("database.lock"))
    stack.layer.incr("views:1")
    with pytest.raises(CachedeskError, match=r"still pending|not NaN"):
        stack.layer.drain(timeout)
    assert stack.layer.get("views:1") == b"1"


@pytest.mark.parametrize(
    "pattern", ["", "[", "[!", "[]", "[z-a]", "\\", "(?i)a", "**?*", "\x00", b"\xff*"], ids=repr
)
def test_an_odd_pattern_is_no_error(pattern: str | bytes, cache: CacheLayer) -> None:
    cache.set("order:pattern", b"x")
    assert cache.evict(pattern) >= 0
    assert cache.get("order:pattern") == b"x"
