"""``memoize``: results are stored by arguments, computed once, and never older than a write."""

from __future__ import annotations

import datetime
import enum
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk import CodecError, ConfigError, InvalidKey, JsonCodec, Policy, Unavailable, testing
from cachedesk.core.key_template import KeyTemplate
from cachedesk.engine.cache_layer import CacheLayer

from .expiries import HOUR, later
from .loads import Source
from .scenarios import BEHIND, PATIENT, running, wait_until_trusted
from .until import Task, together


@dataclass
class User:
    id: int
    name: str


@pytest.fixture(params=["in memory", "real"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CacheLayer]:
    if request.param == "in memory":
        with testing.open(settings=PATIENT) as layer:
            yield layer
    else:
        with running(tmp_path / "data", PATIENT) as stack:
            wait_until_trusted(stack)
            yield stack.layer


def test_a_result_is_computed_once(cache: CacheLayer) -> None:
    calls: list[int] = []

    @cache.memoize(key="user:{id}", ttl="1h")
    def user(id: int, session: object = None) -> User:
        """Load a user."""
        calls.append(id)
        return User(id, f"user {id}")

    assert user(1) == user(id=1, session=object()) == User(1, "user 1")
    assert user(2).name == "user 2"
    assert calls == [1, 2]
    assert cache.get("user:1") == b'{"id":1,"name":"user 1"}'
    assert 0 < (cache.ttl("user:1") or 0) <= HOUR
    assert (user.__name__, user.__doc__, user.key(7)) == ("user", "Load a user.", b"user:7")
    assert user.__wrapped__(3).id == 3
    calls.clear()
    user.invalidate(1)
    assert (user(1).id, user(2).id, calls) == (1, 2, [1])
    cache.evict("*")
    with later(2 * HOUR):
        assert user(2).id == 2
    assert calls == [1, 2]


def test_none_is_a_result(cache: CacheLayer) -> None:
    calls: list[str] = []

    @cache.memoize(key="name:{id}")
    def name(id: str) -> str | None:
        calls.append(id)
        return None

    assert name("x") is name("x") is None
    assert calls == ["x"]


def test_by_default_the_key_is_the_function_and_all_arguments(cache: CacheLayer) -> None:
    @cache.memoize()
    def total(a: int, *more: int, scale: float = 1.0, **named: int) -> float:
        return (a + sum(more) + sum(named.values())) * scale

    assert total(1, 2, scale=0.5, x=3) == 3.0
    (key,) = cache.keys()
    assert key.startswith(b"tests.engine.test_memoize.") or b"test_memoize" in key
    assert key.endswith(b":1:(2):0.5:(x=3)")
    assert total.invalidate_all() == 1
    assert list(cache.keys()) == []


def test_a_method_is_bound_and_needs_a_key(cache: CacheLayer) -> None:
    class Shop:
        def __init__(self, id: int) -> None:
            self.id = id

        @cache.memoize(key="shop:{self.id}:{item}")
        def price(self, item: str) -> int:
            return self.id * len(item)

    assert (Shop(2).price("ab"), Shop(3).price("ab")) == (4, 6)
    assert list(cache.keys()) == [b"shop:2:ab", b"shop:3:ab"]
    shop = Shop(2)
    Shop.price.invalidate(shop, "ab")
    assert list(cache.keys()) == [b"shop:3:ab"]
    with pytest.raises(ConfigError, match="is a method: give a key"):

        class Wrong:
            @cache.memoize()
            def price(self) -> int:
                return 1


def test_recursion_over_other_keys_works(cache: CacheLayer) -> None:
    @cache.memoize(key="fib:{n}", policy=BEHIND)
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert together([lambda: fib(30)] * 3) == [832_040] * 3


def test_many_callers_compute_one_result(cache: CacheLayer) -> None:
    gate, calls = threading.Barrier(4), []

    @cache.memoize(key="slow:{n}")
    def slow(n: int) -> list[int]:
        calls.append(n)
        return [n]

    def call() -> list[int]:
        gate.wait(60)
        return slow(1)

    results = together([call] * 4)
    assert results == [[1]] * 4
    assert calls == [1]


def test_an_invalidation_during_a_call_is_kept(cache: CacheLayer) -> None:
    source = Source()

    @cache.memoize(key="user:{id}")
    def user(id: int) -> str:
        return source() or ""

    before = Task(user, 1)
    source.asked()
    user.invalidate(1)
    source.answer("old")
    assert before.result() == "old"
    source.answer("new")
    assert user(1) == user(1) == "new"
    assert source.loads == 2


def test_an_error_is_raised_and_not_stored(cache: CacheLayer) -> None:
    answers: list[Any] = [ZeroDivisionError("x"), Unavailable("a service is down"), 5]

    @cache.memoize(key="n")
    def number() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    with pytest.raises(ZeroDivisionError):
        number()
    with pytest.raises(Unavailable, match="a service is down"):
        number()
    assert number() == number() == 5
    assert answers == []


def test_the_function_is_called_while_the_cache_cannot_be() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores) as cache:

        @cache.memoize(key="user:{id}")
        def user(id: int) -> tuple[int, ...]:
            return (id,)

        with stores.cache_down(), stores.database_down():
            assert user(1) == (1,)
        with stores.database_down():
            assert user(1) == (1,)
        assert list(cache.keys()) == []
        assert user(1) == (1,)
        with stores.cache_down():
            assert user(1) == (1,)
        assert list(cache.keys()) == [b"user:1"]


def test_a_result_of_another_shape_is_computed_again(cache: CacheLayer) -> None:
    cache.set("user:1", b'{"id":1}')

    @cache.memoize(key="user:{id}")
    def user(id: int) -> User:
        return User(id, "Ann")

    assert user(1) == User(1, "Ann")
    assert cache.get("user:1") == b'{"id":1,"name":"Ann"}'

    @cache.memoize(key="wrong", codec=JsonCodec(int))
    def wrong() -> str:
        return "no number"

    with pytest.raises(CodecError, match="b'wrong'"):
        wrong()


def test_the_codec_of_the_cache_holds_unless_another_is_given() -> None:
    with testing.open(codec={"packed:*": "msgpack"}) as cache:

        @cache.memoize(key="packed:{n}")
        def packed(n: int) -> tuple[int, bytes]:
            return n, b"\0"

        @cache.memoize(key="packed:other:{n}", codec="json")
        def other(n: int) -> list[int]:
            return [n]

        assert packed(1) == [1, b"\0"]
        assert packed(1) == cache["packed:1"]
        assert other(1) == [1]
        with pytest.raises(CodecError):
            cache.get("packed:other:1")


def test_a_type_may_be_defined_below(cache: CacheLayer) -> None:
    @cache.memoize(key="later")
    def number() -> Later:
        return Later(5)

    assert number() == number() == Later(5)


@dataclass
class Later:
    number: int


def test_a_policy_gives_the_path_and_the_expiry(cache: CacheLayer) -> None:
    @cache.memoize(key="n:{n}", policy=Policy("write-behind", ttl=HOUR))
    def number(n: int) -> int:
        return n

    assert number(1) == 1
    assert cache.snapshot().books.pending == 1
    assert 0 < (cache.ttl("n:1") or 0) <= HOUR


def test_what_cannot_be_memoized_is_refused(cache: CacheLayer) -> None:
    async def coroutine() -> int:
        return 1

    def number(n: int) -> int:
        return n

    def odd(n: int) -> 5:  # type: ignore[valid-type]
        return n

    def unknown() -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
        return 1

    for wrong, said in (
        (lambda: cache.memoize(number), "positional|parentheses"),  # type: ignore[call-arg,misc]
        (lambda: cache.memoize(key=number), "with parentheses"),  # type: ignore[arg-type]
        (lambda: cache.memoize()(5), "decorates a function"),  # type: ignore[arg-type]
        (lambda: cache.memoize()(coroutine), "is a coroutine function"),
        (lambda: cache.memoize(key="n:{m}")(number), "which is no parameter of .*number"),
        (lambda: cache.memoize(key="n:{n:d}")(number), "has a format"),
        (lambda: cache.memoize(key="n:{n!r}")(number), "has a format"),
        (lambda: cache.memoize(key="n:{n")(number), "is malformed"),
        (lambda: cache.memoize(key="n:{}")(number), "no parameter"),
        (lambda: cache.memoize(key="")(number), "must not be empty"),
        (lambda: cache.memoize(codec="pickle"), "unknown codec"),
        (lambda: cache.memoize(policy="behind"), "unknown policy"),
        (lambda: cache.memoize(key="odd")(odd), "return type of .*odd cannot be decoded"),
        (cache.memoize(key="u")(unknown), "return type of .*unknown cannot be decoded"),
    ):
        with pytest.raises((ConfigError, TypeError), match=said):
            wrong()


class Colour(enum.Enum):
    RED = "red"


def f(a: Any, b: Any = None) -> None:
    """Have two parameters."""


@pytest.mark.parametrize(
    ("template", "arguments", "key"),
    [
        ("user:{a}", (1,), b"user:1"),
        ("user:{a}", ("1",), b"user:1"),
        ("user:{a}", ("a:b",), b"user:a%3Ab"),
        ("user:{a}", ("a*%{b}",), b"user:a%2A%25%7Bb%7D"),
        ("user:{a}", ("é",), b"user:%C3%A9"),
        ("user:{a}", (b"\0\xff",), b"user:%00%FF"),
        ("user:{a}", (None,), b"user:%none"),
        ("user:{a}", (True,), b"user:True"),
        ("user:{a}", (1.5,), b"user:1.5"),
        ("user:{a}", (Colour.RED,), b"user:red"),
        ("user:{a}", (uuid.UUID(int=1),), b"user:00000000-0000-0000-0000-000000000001"),
        ("user:{a}", (datetime.date(2026, 1, 2),), b"user:2026-01-02"),
        ("user:{a}", (("a", ("b", 1)),), b"user:(a,(b,1))"),
        ("user:{a}", ({"y": 1, "x": 2},), b"user:(x=2,y=1)"),
        ("{a[id]}:{b}", ({"id": 7}, 8), b"7:8"),
        ("{b.year}", (1, datetime.date(2026, 1, 2)), b"2026"),
        ("{{{a}}}", (1,), b"{1}"),
    ],
)
def test_keys_of_arguments(template: str, arguments: tuple[object, ...], key: bytes) -> None:
    assert KeyTemplate(f, template).key(arguments, {}) == key


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_different_texts_have_different_keys(one: tuple[str, str], other: tuple[str, str]) -> None:
    template = KeyTemplate(f, "p:{a}:{b}")
    assert (template.key(one, {}) == template.key(other, {})) == (one == other)


def test_an_argument_without_a_text_is_refused() -> None:
    with pytest.raises(InvalidKey, match=r"'a' of f is of type object.*\{a\.id\}"):
        KeyTemplate(f, "{a}").key((object(),), {})
    with pytest.raises(InvalidKey, match=r"the key of f has no 'a.id'"):
        KeyTemplate(f, "{a.id}").key((5,), {})
    with pytest.raises(TypeError):
        KeyTemplate(f, "{a}").key((), {})
    with pytest.raises(InvalidKey):
        KeyTemplate(f, "{a}").key(("\ud800",), {})


def test_a_long_key_ends_in_a_digest() -> None:
    template = KeyTemplate(f, "{a}")
    one, other = (template.key(("x" * 2_000 + end,), {}) for end in "ab")
    assert one != other
    assert len(one) <= 1_024


def test_a_group_of_keys_is_deleted_in_the_truth(cache: CacheLayer) -> None:
    cache.write_many([("set", f"page:{n:04}:de", n) for n in range(1_200)])
    cache.set("page:0001:en", 1, policy=BEHIND)
    cache.set("pages", 1)
    assert cache.delete_match("page:*:de") == 1_200
    assert list(cache.keys()) == [b"page:0001:en", b"pages"]
    assert cache.delete_match(b"page:[0]*") == 1
    assert cache.delete_match("no*") == 0
    assert cache.delete_match("*") == 1
    cache.drain(60)
    assert list(cache.items()) == []
    with pytest.raises(InvalidKey):
        cache.delete_match(5)  # type: ignore[arg-type]
