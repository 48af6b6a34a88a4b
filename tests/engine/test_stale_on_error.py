"""Stale on error: where a policy allows it, a read that fails returns the last known value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import msgspec
import pytest

from cachedesk import OutcomeUnknown, Policy, Unavailable, testing
from cachedesk.core.events import Entry
from cachedesk.core.reads import Read, ReadSource
from cachedesk.engine import last_known as last_known_module
from cachedesk.engine.last_known import LastKnown
from cachedesk.engine.leased_cache import LeasedCache

from .expiries import HOUR, later
from .scenarios import BEHIND, PATIENT, THROUGH

BOTH = pytest.mark.parametrize("policy", [THROUGH, BEHIND])
SETTINGS = msgspec.structs.replace(
    PATIENT,
    policies={
        "strict:*": "write-through",
        "*": Policy("write-through", stale_on_error="30s"),
    },
)


def down(stores: testing.InMemoryStores) -> AbstractContextManager[object]:
    """Take the cache and the database away."""
    stack = ExitStack()
    stack.enter_context(stores.cache_down())
    stack.enter_context(stores.database_down())
    return stack


def last_written_value_is_served(policy: str) -> None:
    """What was written or read last is returned, and nothing older, for as long as allowed."""
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=SETTINGS, observe=True) as cache:
        cache.set("page:1", "old", policy=policy)
        cache.set("page:1", "new", ttl=HOUR, policy=policy)
        cache.set("page:2", "gone", policy=policy)
        cache.delete("page:2", policy=policy)
        cache.set("page:3", "short", ttl=10, policy=policy)
        cache.drain(60)
        with down(stores):
            read = cache.read("page:1")
            assert (read.value, read.source) == (b"new", ReadSource.STALE)
            assert cache["page:1"] == b"new"
            with pytest.raises(Unavailable):
                cache.get("page:2")
            with later(20):
                assert cache.get("page:1") == b"new"
                with pytest.raises(Unavailable):
                    cache.get("page:3")
            with later(31), pytest.raises(Unavailable):
                cache.get("page:1")
        assert cache.read("page:1").source is ReadSource.DATABASE
        reads = cache.snapshot().reads
        assert (reads.stale_on_error, reads.unavailable) == (3, 3)
        assert reads.misses == 1 + 3 + 3


@BOTH
def test_the_last_value_is_served(policy: str) -> None:
    last_written_value_is_served(policy)


def test_it_is_never_the_default() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=SETTINGS) as cache:
        cache.set("strict:1", "v")
        assert cache.get("strict:1") == b"v"
        with down(stores), pytest.raises(Unavailable):
            cache.get("strict:1")
    stores = testing.InMemoryStores()
    with testing.open(stores) as cache:
        cache.set("page:1", "v")
        with down(stores), pytest.raises(Unavailable):
            cache.get("page:1")


def test_a_hit_and_a_read_of_the_row_confirm_it() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=SETTINGS) as cache:
        cache.write_many([("set", "page:1", "v"), ("set", "page:2", "v")])
        with later(25):
            assert cache.get("page:1") == b"v"
            assert cache.get_many(["page:1", "page:2"]) == [b"v", b"v"]
        with later(50), down(stores):
            assert cache.get_many(["page:1", "page:2"]) == [b"v", b"v"]
        cache.evict("*")
        with later(70):
            assert cache.read("page:1").source is ReadSource.DATABASE
        with later(95), down(stores):
            assert cache.read("page:1").source is ReadSource.STALE
            with pytest.raises(Unavailable):
                cache.get("page:2")


def test_many_reads_get_what_there_is_or_fail() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=SETTINGS, observe=True) as cache:
        cache.write_many([("set", "page:1", "a"), ("set", "page:2", "b"), ("set", "strict:1", "c")])
        with down(stores):
            cache.set("page:3", "pending", policy=BEHIND)
            assert cache.get_many(["page:1", "page:3", "page:2", "page:1"]) == [
                b"a",
                b"pending",
                b"b",
                b"a",
            ]
            for keys in (["page:1", "strict:1"], ["strict:1"]):
                with pytest.raises(Unavailable):
                    cache.get_many(keys)


def test_writes_are_not_derived_from_it() -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=SETTINGS) as cache:
        cache.set("page:1", 5)
        with down(stores):
            assert cache.get("page:1") == b"5"
            for write in (
                lambda: cache.incr("page:1", policy=BEHIND),
                lambda: cache.add("page:1", 1, policy=BEHIND),
                lambda: cache.cas("page:1", 5, 6, policy=BEHIND),
            ):
                with pytest.raises(Unavailable):
                    write()
            assert cache.get_or_set("page:1", lambda: pytest.fail("it was loaded")) == b"5"
            cache.set("page:1", 6, policy=BEHIND)
            assert cache.read("page:1").source is ReadSource.OVERLAY
            assert cache.get("page:1") == b"6"


def unknown_outcome_is_forgotten() -> None:
    """After a commit of unknown outcome no value of before is served."""
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=SETTINGS) as cache:
        cache.set("page:1", "old")
        stores.database.fail_commit(done=True)
        with pytest.raises(OutcomeUnknown):
            cache.set("page:1", "new")
        with down(stores), pytest.raises(Unavailable):
            cache.get("page:1")


def test_an_unknown_outcome_is_forgotten() -> None:
    unknown_outcome_is_forgotten()


def test_memory_is_bounded_and_what_is_used_stays() -> None:
    known = LastKnown(lambda key: 30.0, most_bytes=10_000)
    known.note({b"large": Entry(b"x" * 5_000)})
    assert known.get(b"large") is None
    known.note({b"hot": Entry(b"v")})
    for number in range(500):
        known.note({b"%d" % number: Entry(b"x" * 100)})
        known.confirm([b"hot", b"none"], [b"v", None])
        assert known._bytes <= 10_000
    assert known.get(b"hot") == Entry(b"v")
    assert known.get(b"0") is None
    assert known.get(b"499") is not None
    known.note({b"hot": Entry(None)})
    known.forget([b"499", b"none"])
    assert (known.get(b"hot"), known.get(b"499")) == (None, None)
    known.forget(list(known._known))
    assert known._bytes == 0


def test_another_value_in_redis_confirms_nothing() -> None:
    known = LastKnown(lambda key: 30.0)
    known.note({b"k": Entry(b"one")})
    with later(25):
        known.confirm([b"k"], [b"two"])
    with later(31):
        assert known.get(b"k") is None


def stale_for_ever(patch: pytest.MonkeyPatch) -> None:
    """The age of a value does not matter."""
    patch.setattr(LastKnown, "get", lambda self, key: self._known[key].entry)


def expired_value_is_served(patch: pytest.MonkeyPatch) -> None:
    """A value is served past its deadline."""

    def bad(self: LastKnown, key: bytes) -> Entry | None:
        seconds, known = self._seconds_of(key), self._known.get(key)
        if known is None or last_known_module.wall_seconds() - known.at > (seconds or 0):
            return None
        return known.entry

    patch.setattr(LastKnown, "get", bad)


def write_not_noted(patch: pytest.MonkeyPatch) -> None:
    """A write leaves the value of before as the last known one."""
    update = LeasedCache.update

    def bad(self: LeasedCache, entries: Any) -> Any:
        known, self.last_known = self.last_known, None
        new = {key: entry for key, entry in entries.items() if known and not known.get(key)}
        if known is not None:
            known.note(new)
        try:
            return update(self, entries)
        finally:
            self.last_known = known

    patch.setattr(LeasedCache, "update", bad)


def unknown_outcome_kept(patch: pytest.MonkeyPatch) -> None:
    """A value of before a commit of unknown outcome stays."""
    patch.setattr(LastKnown, "forget", lambda self, keys: None)


PLANTED: tuple[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[], None]], ...] = (
    (stale_for_ever, lambda: last_written_value_is_served(THROUGH)),
    (expired_value_is_served, lambda: last_written_value_is_served(THROUGH)),
    (write_not_noted, lambda: last_written_value_is_served(THROUGH)),
    (write_not_noted, lambda: last_written_value_is_served(BEHIND)),
    (unknown_outcome_kept, unknown_outcome_is_forgotten),
)


@pytest.mark.parametrize(("plant", "scenario"), PLANTED)
def test_a_planted_bug_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None],
    scenario: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception, KeyError)):
        scenario()


def test_the_source_says_it() -> None:
    assert Read(b"v", ReadSource.STALE, 0, 1).source == "stale"
