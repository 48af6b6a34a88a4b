"""Negative caching: an absent key is cached as absent for a short time, and never over a write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk import ConfigError, JsonCodec, Policy, Settings, testing
from cachedesk.config import load
from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.commands import SetSafeguard
from cachedesk.core.events import Entry
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.policy import as_policy
from cachedesk.core.reads import Read, ReadSource
from cachedesk.engine import leased_cache, read_path
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.leased_cache import LeasedCache
from cachedesk.stack.stack import Stack
from tests.model import planted as model_bugs
from tests.torture.planted import cache_bugs

from . import until as waiting
from .expiries import HOUR, later
from .scenarios import BEHIND, PATIENT, THROUGH, held_at, running, wait_until_trusted
from .until import Task

BOTH = pytest.mark.parametrize("policy", [THROUGH, BEHIND])
NEGATIVE = msgspec.structs.replace(
    PATIENT, policies={"plain:*": "write-behind", "*": Policy("write-through", negative_ttl="1h")}
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path / "data", NEGATIVE) as stack:
        wait_until_trusted(stack)
        yield stack


@pytest.fixture(params=["in memory", "real"])
def cache(request: pytest.FixtureRequest) -> Iterator[CacheLayer]:
    if request.param == "real":
        yield request.getfixturevalue("stack").layer
    else:
        with testing.open(settings=NEGATIVE, observe=True) as layer:
            yield layer


def test_an_absent_key_is_looked_up_once(cache: CacheLayer) -> None:
    assert cache.read("user:1") == Read(None, ReadSource.DATABASE, 0, 0)
    for _ in range(3):
        assert cache.read("user:1") == Read(None, ReadSource.NEGATIVE, 0, None)
    assert cache.get("user:1", b"none") == b"none"
    assert "user:1" not in cache
    with pytest.raises(KeyError):
        cache["user:1"]
    reads = cache.snapshot().reads
    assert (reads.database, reads.negative, reads.hits, reads.loads) == (1, 6, 6, 1)
    cache.get("plain:1")
    assert cache.read("plain:1").source is ReadSource.DATABASE, "only where a policy says so"


def test_many_reads_find_it_too(cache: CacheLayer) -> None:
    cache.set("user:2", "Ann")
    assert cache.get_many(["user:1", "user:2", "plain:1"]) == [None, b"Ann", None]
    assert cache.get_many(["user:1", "user:2", "user:1"]) == [None, b"Ann", None]
    assert cache.get_many(["user:1", "user:2", "plain:1"]) == [None, b"Ann", None]
    assert cache.snapshot().reads.negative == 3
    assert cache.snapshot().reads.database == 3


@BOTH
def test_a_write_ends_it_at_once(cache: CacheLayer, policy: str) -> None:
    for write in (
        lambda key: cache.set(key, "v", policy=policy),
        lambda key: cache.incr(key, policy=policy),
        lambda key: cache.add(key, "v", policy=policy),
        lambda key: cache.cas(key, None, "v", policy=policy),
        lambda key: cache.get_or_set(key, "v", policy=policy),
        lambda key: cache.write_many([("delete", key), ("set", key, "v")], policy=policy),
    ):
        cache.delete("user:1", policy=policy)
        assert cache.get("user:1") is cache.get("user:1") is None
        assert cache.read("user:1").source is ReadSource.NEGATIVE
        write("user:1")
        assert cache.read("user:1").source is ReadSource.REDIS
        assert cache.get("user:1") in (b"v", b"1")
        assert cache.get_many(["user:1"])[0] in (b"v", b"1")


def test_it_ends_by_itself() -> None:
    policies = {"*": Policy("write-through", negative_ttl="10s")}
    with testing.open(policies=policies) as cache:
        cache.get("user:1")
        with later(5):
            assert cache.read("user:1").source is ReadSource.NEGATIVE
        with later(11):
            assert cache.read("user:1").source is ReadSource.DATABASE


def test_redis_ends_it(stack: Stack) -> None:
    stack.layer.get("user:1")
    assert 0 < (stack.cache.expires_in(b"user:1") or 0) <= HOUR


def test_a_key_that_has_expired_is_cached_as_absent() -> None:
    with testing.open(settings=NEGATIVE) as cache:
        cache.set("user:1", "Ann", ttl=HOUR)
        with later(HOUR):
            assert cache.get("user:1") is None
            assert cache.read("user:1").source is ReadSource.NEGATIVE
            cache.set("user:1", "Bob")
            assert cache.get("user:1") == b"Bob"


@BOTH
def test_a_value_that_looks_like_the_mark_is_a_value(cache: CacheLayer, policy: str) -> None:
    cache.set("user:1", ABSENT_MARK, policy=policy)
    for _ in range(2):
        assert cache.get("user:1") == ABSENT_MARK
        assert cache.get_many(["user:1"]) == [ABSENT_MARK]
        assert cache.read("user:1").source in (ReadSource.DATABASE, ReadSource.OVERLAY)
    cache.drain(60)
    cache.evict("*")
    assert cache.get("user:1") == ABSENT_MARK
    assert cache.get("user:1") == ABSENT_MARK


def test_what_was_written_past_redis_is_read() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=NEGATIVE) as cache:
        cache.get("user:1")
        with stores.cache_down():
            cache.set("user:1", "Ann")
            assert cache.get("user:1") == b"Ann"
        assert cache.get("user:1") == b"Ann"
        cache.get("user:2")
        with stores.database_down():
            assert cache.read("user:2").source is ReadSource.NEGATIVE, "Redis knows"


def test_it_is_shown(stack: Stack) -> None:
    cache = stack.layer
    assert not cache.explain("user:1").negative
    cache.get("user:1")
    report = cache.explain("user:1")
    assert (report.negative, report.agrees, report.source) == (True, True, "redis")
    text = str(report)
    assert "Redis     recorded as absent, expires in" in text
    assert "a read    gets absent, from Redis: it records that the key is absent" in text
    stack.auditor.look()
    assert stack.auditor.audit.divergent == 0
    with stack._state.database.transaction(waiting.time.monotonic() + 60) as transaction:
        transaction.write({b"user:1": Entry(b"another program", 10_000)})
    waiting.until(lambda: stack.auditor.look() or stack.auditor.audit.divergent == 1)
    assert cache.get("user:1") == b"another program"


def test_without_the_log_it_is_no_value(stack: Stack) -> None:
    cache = stack.layer
    cache.get("user:1")
    stack.perform(SetSafeguard("log", on=False))
    assert cache.incr("user:1", policy=BEHIND) == 1
    assert cache.get("user:1") == b"1"


def test_with_codecs_absent_is_absent() -> None:
    with testing.open(settings=NEGATIVE, codec=JsonCodec()) as cache:
        assert [cache.get("user:1"), cache.get("user:1"), cache.get_many(["user:1"])] == [
            None,
            None,
            [None],
        ]


def test_policies_are_written_as_text_too() -> None:
    policy = as_policy("write-behind,negative_ttl=5s,stale_on_error=30s")
    assert (policy.negative_seconds, policy.stale_seconds) == (5, 30)
    assert as_policy(str(policy)) == policy
    for wrong in ("soon", 0, -1, True):
        with pytest.raises(ConfigError, match="a ttl is seconds above 0"):
            Policy("write-behind", negative_ttl=wrong)
        with pytest.raises(ConfigError, match="a ttl is seconds above 0"):
            Policy("write-behind", stale_on_error=wrong)
    with pytest.raises(ConfigError, match="cannot read 'negative_ttl='"):
        as_policy("write-behind,negative_ttl=")


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["get", "many", "set", "delete", "incr", "add", "evict", "drain", "down"]),
        st.sampled_from(["k:1", "k:2", "plain:1"]),
        st.sampled_from([THROUGH, BEHIND]),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(operations=OPERATIONS)
def test_every_read_is_the_truth(operations: list[tuple[str, str, str]]) -> None:
    stores, truth = testing.InMemoryStores(), dict[str, bytes]()
    with testing.open(stores, settings=NEGATIVE) as cache:
        for number, (name, key, policy) in enumerate(operations):
            value = b"%d" % number
            if name == "set":
                cache.set(key, value, policy=policy)
                truth[key] = value
            elif name == "delete":
                cache.delete(key, policy=policy)
                truth.pop(key, None)
            elif name == "incr":
                truth[key] = b"%d" % cache.incr(key, policy=policy)
            elif name == "add":
                assert cache.add(key, value, policy=policy) == (key not in truth)
                truth.setdefault(key, value)
            elif name == "evict":
                cache.evict("*")
            elif name == "drain":
                cache.drain(60)
            elif name == "down":
                with stores.cache_down():
                    cache.set(key, value, policy=policy)
                    truth[key] = value
            elif name == "get":
                assert cache.get(key) == truth.get(key)
            else:
                assert cache.get_many([key, "k:1"]) == [truth.get(key), truth.get("k:1")]
        assert dict(cache.items()) == {key.encode(): value for key, value in truth.items()}


def test_threads_read_their_own_writes(cache: CacheLayer) -> None:
    end = threading.Event()

    def disturb() -> None:
        while not end.is_set():
            cache.get_many([f"k:{number}" for number in range(4)])
            cache.evict("*")

    def own(number: int) -> None:
        rnd, key = Random(number), f"k:{number}"
        for turn in range(120):
            policy = rnd.choice([THROUGH, BEHIND])
            if rnd.random() < 0.5:
                cache.delete(key, policy=policy)
                assert cache.get(key) is None
            else:
                cache.set(key, turn, policy=policy)
                assert cache.get(key) == b"%d" % turn

    disturber = Task(disturb)
    try:
        for task in [Task(own, number) for number in range(3)]:
            task.result()
    finally:
        end.set()
        disturber.result()


def write_while_an_absence_is_filled(directory: Path) -> None:
    """A reader that found a key absent does not record that after a write of the key."""
    for policy in (THROUGH, BEHIND):
        failpoints = Failpoints()
        with running(directory / policy, NEGATIVE, failpoints) as stack:
            wait_until_trusted(stack)
            cache = stack.layer
            with held_at(failpoints, "repair.row.after", cache.get, "user:1") as reader:
                cache.set("user:1", "Ann", policy=policy)
            assert reader.result() in (None, b"Ann")
            assert cache.get("user:1") == b"Ann"


def absence_ends_with_a_write(directory: Path) -> None:
    """What Redis recorded as absent is read as soon as it is written."""
    for policy in (THROUGH, BEHIND):
        with running(directory / policy, NEGATIVE) as stack:
            wait_until_trusted(stack)
            cache = stack.layer
            assert cache.get("user:1") is None
            assert cache.read("user:1").source is ReadSource.NEGATIVE
            assert 0 < (stack.cache.expires_in(b"user:1") or 0) <= HOUR
            cache.set("user:1", "Ann", policy=policy)
            assert cache.get("user:1") == b"Ann"
            cache.set("user:2", ABSENT_MARK, policy=policy)
            assert cache.get("user:2") == ABSENT_MARK


SCENARIOS = (write_while_an_absence_is_filled, absence_ends_with_a_write)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_scenarios_hold(scenario: Callable[[Path], None], tmp_path: Path) -> None:
    scenario(tmp_path)


def mark_not_overwritten(patch: pytest.MonkeyPatch) -> None:
    """A write leaves the mark of an absent key in Redis."""
    update = LeasedCache.update

    def bad(self: LeasedCache, entries: Any) -> Any:
        marked = dict(zip(entries, self._store.get_many(list(entries)), strict=True))
        kept = {key for key, value in marked.items() if value == ABSENT_MARK}
        return update(self, {key: it for key, it in entries.items() if key not in kept})

    patch.setattr(LeasedCache, "update", bad)


def mark_without_an_end(patch: pytest.MonkeyPatch) -> None:
    """An absent key is cached for ever."""
    marked = LeasedCache._marked

    def bad(self: LeasedCache, key: bytes, entry: Entry) -> Entry | None:
        found = marked(self, key, entry)
        return found and found._replace(expires_at=None)

    patch.setattr(LeasedCache, "_marked", bad)


def value_taken_for_the_mark(patch: pytest.MonkeyPatch) -> None:
    """A true value that equals the mark is cached, and read as absent."""
    patch.setattr(leased_cache, "ABSENT_MARK", read_path.ABSENT_MARK + b"")
    patch.setattr(
        LeasedCache,
        "update",
        lambda self, entries: self._versions.bump(entries) or self._store.put(entries),
    )


PLANTED: tuple[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[Path], None]], ...] = (
    (cache_bugs.fill_at_any_version, write_while_an_absence_is_filled),
    (model_bugs.write_without_a_new_version, write_while_an_absence_is_filled),
    (mark_not_overwritten, absence_ends_with_a_write),
    (mark_without_an_end, absence_ends_with_a_write),
    (value_taken_for_the_mark, absence_ends_with_a_write),
)


@pytest.mark.parametrize(("plant", "scenario"), PLANTED)
def test_a_planted_bug_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None],
    scenario: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 5.0)
    with pytest.raises(AssertionError):
        scenario(tmp_path)


def test_settings_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "cachedesk.toml").write_text(
        '[policies]\n"user:*" = { path = "write-through", negative_ttl = "5s" }\n'
        '"page:*" = { path = "write-behind", stale_on_error = "1m" }\n'
    )
    read: Settings = load(tmp_path)
    assert as_policy(read.policies["user:*"]).negative_seconds == 5
    assert as_policy(read.policies["page:*"]).stale_seconds == 60
