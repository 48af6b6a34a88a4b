"""The face of a cache: a dictionary, conditions, and values that are loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk import testing
from cachedesk.core.commands import SetSafeguard
from cachedesk.core.errors import (
    Closed,
    ConfigError,
    InvalidKey,
    InvalidValue,
    Unavailable,
    WriteRefused,
)
from cachedesk.core.events import Entry
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.policy import Policy
from cachedesk.core.writes import Change, Level, Receipt
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.face.flights import Flight, Flights
from cachedesk.engine.face.mapping_calls import just_before
from cachedesk.engine.write_behind import WriteBehind

from . import loads, poison
from . import until as until_module
from .expiries import HOUR, later
from .scenarios import BEHIND, PATIENT, THROUGH, held_at, running, wait_until_trusted
from .until import together

BOTH = pytest.mark.parametrize("policy", [THROUGH, BEHIND])


@pytest.fixture(params=["in memory", "real"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CacheLayer]:
    """A cache whose worker flushes only when told to, on each kind of stores."""
    if request.param == "in memory":
        with testing.open(settings=PATIENT) as layer:
            yield layer
    else:
        with running(tmp_path / "data", PATIENT) as stack:
            wait_until_trusted(stack)
            yield stack.layer


def test_it_is_like_a_dictionary(cache: CacheLayer) -> None:
    assert cache.get("order:1", b"none") == b"none"
    assert cache.get("order:1", 7) == 7
    with pytest.raises(KeyError, match="order:1"):
        cache["order:1"]
    with pytest.raises(KeyError, match="order:1"):
        del cache["order:1"]
    cache["order:1"] = "paid"
    cache["views:1"] = 5
    assert (cache["order:1"], cache["views:1"]) == (b"paid", b"5")
    assert "order:1" in cache
    assert "order:2" not in cache
    assert (list(cache), len(cache)) == ([b"order:1", b"views:1"], 2)
    del cache["order:1"]
    del cache["views:1"]
    assert "views:1" not in cache
    assert len(cache) == 0
    assert cache, "an empty cache is true"
    with pytest.raises(InvalidKey):
        cache[""]
    with pytest.raises(InvalidValue):
        cache["order:1"] = 1.5  # type: ignore[assignment]


@BOTH
def test_of_many_who_delete_a_key_one_does(cache: CacheLayer, policy: str) -> None:
    cache.set("k:1", 1, policy=policy)

    def delete() -> bool:
        try:
            del cache["k:1"]
        except KeyError:
            return False
        return True

    assert sorted(together([delete] * 8)) == [False] * 7 + [True]


def test_keys_are_those_of_the_truth(cache: CacheLayer) -> None:
    for key in ("a", "a:", "a:1", "a:2", "b"):
        cache.set(key, 1, policy=THROUGH)
    for key in ("a:3", "a:5", b"a:\xff"):
        cache.set(key, 1, policy=BEHIND)
    cache.set("a:6", 1, ttl=HOUR, policy=THROUGH)
    cache.set("a:7", 1, ttl=HOUR, policy=BEHIND)
    cache.delete("a:2", policy=BEHIND)
    cache.delete("a:3", policy=BEHIND)
    cache.evict("*")
    there = [b"a:", b"a:1", b"a:5", b"a:6", b"a:7", b"a:\xff"]
    assert list(cache.keys("a:")) == there
    with later(HOUR):
        assert list(cache.keys(b"a:")) == [key for key in there if key not in (b"a:6", b"a:7")]
    assert list(cache.keys("a:9")) == []
    assert list(cache.keys("b")) == [b"b"]
    assert list(cache.keys()) == list(cache)
    for wrong in ("\ud800", 5, None, "k" * 1025):
        with pytest.raises(InvalidKey):
            cache.keys(wrong)  # type: ignore[arg-type]


def test_keys_come_in_batches(cache: CacheLayer) -> None:
    cache.write_many([("set", f"order:{n:04}", n) for n in range(4_100)])
    keys = cache.keys("order:2")
    assert next(keys) == b"order:2000"
    cache.delete("order:2999", policy=BEHIND)
    assert sum(1 for _ in keys) in (998, 999)
    assert len(cache) == 4_099
    keys = cache.keys()
    next(keys)
    cache.close()
    with pytest.raises(Closed):
        next(keys)
    with pytest.raises(Closed):
        cache.keys()


@given(st.binary(max_size=4), st.binary(min_size=1, max_size=6))
def test_just_before_a_prefix_is_no_key_of_it_and_no_key_is_between(
    prefix: bytes, key: bytes
) -> None:
    border = just_before(prefix)
    assert (key > border) == (key.startswith(prefix) or key > prefix)


@BOTH
def test_add_sets_only_what_is_absent(cache: CacheLayer, policy: str) -> None:
    assert cache.add("k:1", "one", policy=policy)
    assert not cache.add("k:1", "two", policy=policy)
    assert cache["k:1"] == b"one"
    cache.drain(60)
    assert not cache.add("k:1", "two", policy=policy)
    cache.delete("k:1", policy=policy)
    assert cache.add("k:1", "three", ttl=HOUR, policy=policy)
    assert not cache.add("k:1", "four", policy=policy)
    with later(HOUR):
        assert cache.add("k:1", "five", policy=policy)
        assert (cache["k:1"], cache.ttl("k:1")) == (b"five", None)
        cache.drain(60)
        assert cache["k:1"] == b"five"
    assert cache.snapshot().books.balanced


@BOTH
def test_cas_sets_only_what_is_as_expected(cache: CacheLayer, policy: str) -> None:
    assert cache.cas("k:1", "one", "two", policy=policy) is False
    receipt = cache.cas("k:1", None, "one", policy=policy)
    assert receipt
    assert receipt.value == b"one"
    assert cache.cas("k:1", None, "two", policy=policy) is False
    cache.drain(60)
    assert cache.cas("k:1", "One", "two", policy=policy) is False
    assert cache.cas("k:1", b"one", 2, ttl=HOUR, policy=policy)
    assert 0 < (cache.ttl("k:1") or 0) <= HOUR
    with later(HOUR):
        assert cache.cas("k:1", 2, 3, policy=policy) is False
        assert cache.cas("k:1", None, 3, policy=policy)
        assert cache.cas("k:1", 4, None, policy=policy) is False
        assert cache.cas("k:1", 3, None, policy=policy)
        assert "k:1" not in cache
        assert cache.cas("k:1", None, None, policy=policy), "what is absent was to be absent"
    cache.drain(60)
    assert cache.snapshot().books.balanced


@BOTH
def test_a_condition_that_is_not_met_writes_nothing(cache: CacheLayer, policy: str) -> None:
    first = cache.set("k:1", "one", policy=policy)
    accepted = cache.snapshot().books.accepted
    receipt = cache.write(("add", "k:1", "two"), policy=policy)
    assert (receipt.changed, receipt.value, receipt.seq) == (False, b"one", first.seq)
    assert receipt.level is (Level.APPLIED if policy == THROUGH else Level.DURABLE)
    assert cache.snapshot().books.accepted == accepted
    never = cache.write(("cas", "k:2", "one", "two"), policy=policy)
    assert (never.changed, never.value, never.seq) == (False, None, 0)


@BOTH
def test_conditions_of_one_call_see_the_writes_before_them(cache: CacheLayer, policy: str) -> None:
    receipts = cache.write_many(
        [
            ("add", "k:1", "a"),
            ("add", "k:1", "b"),
            ("cas", "k:1", "a", "c", HOUR),
            ("incr", "k:2", 2),
            ("cas", "k:2", 2, 5),
            ("delete", "k:1"),
            ("add", "k:1", "d", HOUR),
        ],
        policy=policy,
    )
    assert [it.changed for it in receipts] == [True, False, True, True, True, True, True]
    assert cache.get_many(["k:1", "k:2"]) == [b"d", b"5"]
    cache.drain(60)
    cache.evict("*")
    assert cache.get_many(["k:1", "k:2"]) == [b"d", b"5"]


@pytest.mark.parametrize(
    "operation",
    [
        ("add", "k"),
        ("add", "k", 1.5),
        ("add", "k", 1, "soon"),
        ("add", "k", 1, 2, 3),
        ("cas", "k", 1),
        ("cas", "k", 1.5, 1),
        ("cas", "k", 1, 2, 0),
        ("cas", "k", 1, 2, 3, 4),
    ],
)
def test_a_conditional_operation_that_is_none_is_refused(operation: tuple[object, ...]) -> None:
    with testing.open() as cache, pytest.raises(InvalidValue):
        cache.write(operation)


@BOTH
def test_of_many_who_add_one_does(cache: CacheLayer, policy: str) -> None:
    other = BEHIND if policy == THROUGH else THROUGH
    for number in range(20):
        adds = [
            partial(cache.add, f"k:{number}", path, policy=path)
            for path in (policy, policy, policy, other)
        ]
        assert sorted(together(adds)) == [False] * 3 + [True]


@BOTH
def test_no_increment_by_cas_is_lost(cache: CacheLayer, policy: str) -> None:
    def count() -> None:
        for _ in range(25):
            while not cache.cas("k:1", old := cache.get("k:1"), int(old or 0) + 1, policy=policy):
                pass

    together([count] * 4)
    assert cache["k:1"] == b"100"


def two_adds_meet(directory: Path) -> None:
    """An add that was overtaken on its way to the database finds what the other one added."""
    failpoints = Failpoints()
    with running(directory, PATIENT, failpoints) as stack:
        cache = stack.layer
        with held_at(
            failpoints, "through.fence.before", cache.add, "k:1", "a", policy=THROUGH
        ) as a:
            assert cache.add("k:1", "b", policy=BEHIND)
        assert not a.result()
        assert cache["k:1"] == b"b"


def test_two_adds_that_meet_are_ordered(tmp_path: Path) -> None:
    two_adds_meet(tmp_path)


@BOTH
def test_touch_replaces_the_expiry(cache: CacheLayer, policy: str) -> None:
    assert not cache.touch("k:1", HOUR, policy=policy)
    assert not cache.touch("k:1", policy=policy)
    cache.set("k:1", 1, ttl=HOUR, policy=policy)
    assert cache.touch("k:1", "2h", policy=policy)
    assert HOUR < (cache.ttl("k:1") or 0) <= 2 * HOUR
    assert cache.touch("k:1", policy=policy)
    assert cache.touch("k:1", None, policy=policy)
    assert cache.ttl("k:1") is None


def test_a_policy_gives_its_expiry() -> None:
    with testing.open(policies={"s:*": Policy("write-behind", ttl=HOUR)}) as cache:
        assert cache.add("s:1", 1)
        assert cache.cas("s:2", None, 1)
        assert cache.get_or_set("s:3", lambda: 1) == b"1"
        cache["s:4"] = 1
        for key in cache.keys("s:"):
            assert 0 < (cache.ttl(key) or 0) <= HOUR
            assert cache.touch(key, None)
            assert cache.ttl(key) is None
            assert cache.touch(key)
            assert 0 < (cache.ttl(key) or 0) <= HOUR
        assert cache.cas("s:1", 1, 2, ttl=None)
        assert cache.cas("s:2", 1, None)
        assert cache.get_or_set("s:5", 1, ttl=None) == b"1"
        assert [cache.ttl("s:1"), cache.ttl("s:5"), cache.get("s:2")] == [None, None, None]


def test_what_is_absent_is_loaded_and_stored(cache: CacheLayer) -> None:
    calls: list[int] = []

    def load() -> str:
        calls.append(1)
        return "Ann"

    assert cache.get_or_set("user:1", load, ttl=HOUR) == b"Ann"
    assert cache.get_or_set("user:1", load) == b"Ann"
    assert (len(calls), 0 < (cache.ttl("user:1") or 0) <= HOUR) == (1, True)
    cache.evict("*")
    with later(HOUR):
        assert cache.get_or_set("user:1", "Bob", policy=BEHIND) == b"Bob"
        assert cache.get_or_set("user:1", b"Cid") == b"Bob"
    assert cache.get_or_set("n:1", 5) == b"5"


def test_none_is_returned_and_not_stored(cache: CacheLayer) -> None:
    found: list[str | None] = [None, "Ann"]
    assert cache.get_or_set("user:1", lambda: found[0]) is None
    assert "user:1" not in cache
    assert cache.get_or_set("user:1", lambda: found[1]) == b"Ann"


def test_bad_arguments_are_refused_before_anything_is_loaded(cache: CacheLayer) -> None:
    def load() -> str:
        pytest.fail("it was loaded")

    with pytest.raises(InvalidKey):
        cache.get_or_set("", load)
    with pytest.raises(InvalidValue):
        cache.get_or_set("k", load, ttl=0)
    with pytest.raises(ConfigError):
        cache.get_or_set("k", load, policy="write-back")
    with pytest.raises(InvalidValue):
        cache.get_or_set("k", lambda: 1.5)  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidValue):
        cache.get_or_set("k", None)  # type: ignore[arg-type]
    assert "k" not in cache


def test_a_loader_that_needs_its_own_value_is_refused(cache: CacheLayer) -> None:
    def load() -> bytes | None:
        return cache.get_or_set("k", load)

    with pytest.raises(InvalidValue, match="the loader of b'k' needs the value that it loads"):
        cache.get_or_set("k", load)
    assert cache.get_or_set("k", lambda: cache.get_or_set("other", "v")) == b"v"


LOADS = (
    loads.one_caller_loads_for_all,
    loads.an_error_reaches_all_who_wait,
    loads.a_write_during_a_load_is_kept,
    loads.a_delete_during_a_load_is_kept,
    loads.who_comes_after_a_write_loads_again,
    loads.a_load_that_was_interrupted_is_begun_again,
)


@pytest.mark.parametrize("scenario", LOADS)
def test_the_loads_hold(scenario: Callable[[CacheLayer], None], cache: CacheLayer) -> None:
    scenario(cache)


@BOTH
def test_a_value_that_cannot_be_stored_is_returned_all_the_same(policy: str) -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=PATIENT) as cache:

        def load() -> str:
            stores.database.down = stores.log.full = True
            return "Ann"

        assert cache.get_or_set("user:1", load, policy=policy) == b"Ann"
        stores.database.down = stores.log.full = False
        assert "user:1" not in cache


def test_what_cannot_be_known_is_not_loaded() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores) as cache:
        cache.set("user:1", "Ann")
        with stores.cache_down():
            assert cache.get_or_set("user:1", "Bob") == b"Ann"
            assert ("user:1" in cache, cache["user:1"]) == (True, b"Ann")
            assert not cache.add("user:1", "Bob")
            with stores.database_down():
                for call in (
                    lambda: cache.get_or_set("user:1", lambda: pytest.fail("it was loaded")),
                    lambda: "user:1" in cache,
                    lambda: cache.get("user:1", b"none"),
                    lambda: cache["user:1"],
                    lambda: list(cache.keys()),
                    lambda: len(cache),
                    lambda: cache.add("user:2", 1, policy=THROUGH),
                    lambda: cache.add("user:2", 1, policy=BEHIND),
                    lambda: cache.cas("user:1", "Ann", "Bob", policy=BEHIND),
                    lambda: cache.touch("user:1", 5),
                    lambda: cache.__delitem__("user:1"),
                ):
                    with pytest.raises(Unavailable):
                        call()
                # What is pending decides without the row.
                cache.set("user:3", "Cid", policy=BEHIND)
                assert not cache.add("user:3", "Dan", policy=BEHIND)
                assert cache.get_or_set("user:3", "Dan") == b"Cid"
        assert cache["user:1"] == b"Ann"


def test_a_full_log_takes_no_conditional_write() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=PATIENT) as cache, stores.log_full():
        with pytest.raises(Unavailable):
            cache.add("views:1", 1)
        assert cache.add("order:1", 1)


def test_what_the_database_refuses_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        poison.forbid(tmp_path / "data", b"no")
        with pytest.raises(WriteRefused):
            stack.layer.get_or_set("no", lambda: "Ann")
        with pytest.raises(WriteRefused):
            stack.layer.add("no", "Ann")


def test_without_the_log_conditions_hold_too(tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        wait_until_trusted(stack)
        stack.perform(SetSafeguard("log", on=False))
        cache = stack.layer
        assert cache.add("views:1", 1)
        assert not cache.add("views:1", 2)
        assert cache.cas("views:1", 1, 3)
        assert cache.get_or_set("views:1", 9) == b"3"
        del cache["views:1"]
        assert "views:1" not in cache


def loaded_by_each(patch: pytest.MonkeyPatch) -> None:
    """Each caller loads for itself."""
    patch.setattr(Flights, "join", lambda self, key, own: own)


def load_stored_after_a_write(patch: pytest.MonkeyPatch) -> None:
    """A write does not outdate the loads of its key, so an older value is stored after it."""
    patch.setattr(Flights, "outdate", lambda self, keys: None)


def outdated_load_is_joined(patch: pytest.MonkeyPatch) -> None:
    """A caller that begins after a write waits for a load that began before it."""
    join = Flights.join

    def bad(self: Flights, key: bytes, own: Flight) -> Flight:
        return self._flights.get(key) or join(self, key, own)

    patch.setattr(Flights, "join", bad)


def condition_checked_before_the_write(patch: pytest.MonkeyPatch) -> None:
    """A condition is checked before the locks of the key are taken, and then forgotten."""
    make = CacheLayer._make

    def bad(self: CacheLayer, changes: list[Change], paths: Any) -> list[Receipt]:
        for place, change in enumerate(changes):
            if change.only_if is not None and change.only_if(Entry(self.get(change.key))):
                changes[place] = change._replace(only_if=None)
        return make(self, changes, paths)

    patch.setattr(CacheLayer, "_make", bad)


def condition_ignored_by_the_log(patch: pytest.MonkeyPatch) -> None:
    """The write-behind path accepts a write whatever its condition."""
    stage = WriteBehind._stage

    def bad(self: WriteBehind, request: Any, heads: dict[bytes, Entry]) -> Any:
        request.changes = [change._replace(only_if=None) for change in request.changes]
        return stage(self, request, heads)

    patch.setattr(WriteBehind, "_stage", bad)


PLANTED: tuple[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[CacheLayer], None]], ...] = (
    (loaded_by_each, loads.one_caller_loads_for_all),
    (load_stored_after_a_write, loads.a_delete_during_a_load_is_kept),
    (load_stored_after_a_write, loads.who_comes_after_a_write_loads_again),
    (outdated_load_is_joined, loads.who_comes_after_a_write_loads_again),
    (condition_ignored_by_the_log, loads.a_write_during_a_load_is_kept),
)


@pytest.mark.parametrize(("plant", "scenario"), PLANTED)
def test_a_planted_bug_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None],
    scenario: Callable[[CacheLayer], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    monkeypatch.setattr(until_module, "PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr(loads, "SECONDS", 2.0)
    with testing.open(settings=PATIENT) as cache, pytest.raises(AssertionError):
        scenario(cache)


def test_a_condition_that_is_checked_too_early_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    condition_checked_before_the_write(monkeypatch)
    with pytest.raises(AssertionError):
        two_adds_meet(tmp_path)
