"""``cachedesk.testing``: a stack in memory keeps the promises, and fails when asked to."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import pytest
from engine.until import until

from cachedesk import (
    Closed,
    ConfigError,
    InUse,
    Level,
    LogFull,
    OutcomeUnknown,
    Settings,
    Unavailable,
    WriteRefused,
    testing,
)
from cachedesk.core.commands import EvictAll, SetMemory, SetSafeguard
from cachedesk.core.reads import ReadSource
from cachedesk.core.settings import LogSettings, WorkerSettings
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack

PATIENT = msgspec.structs.replace(
    Settings(), worker=WorkerSettings(batch_events=1_000_000, batch_age_seconds=3600)
)


@pytest.fixture
def stores() -> testing.InMemoryStores:
    return testing.InMemoryStores()


@pytest.fixture
def cache(stores: testing.InMemoryStores) -> Iterator[CacheLayer]:
    layer = testing.open(stores, settings=PATIENT)
    yield layer
    stores.database.down = stores.log.full = False
    layer.close()


def test_every_call_works_as_on_disk(cache: CacheLayer) -> None:
    assert cache.set("order:1", "paid").level is Level.APPLIED
    assert [cache.incr("views:1"), cache.incr("views:1", 4)] == [1, 5]
    cache.write_many(
        [("set", "session:9", b"x"), ("delete", "order:1"), ("set", "order:2", b"new")]
    )
    assert cache.get_many(["order:1", "views:1", "session:9", "order:2"]) == [
        None,
        b"5",
        b"x",
        b"new",
    ]
    assert dict(cache.items()) == {b"order:2": b"new", b"session:9": b"x", b"views:1": b"5"}
    assert cache.evict("views:*") == 1
    assert cache.read("views:1").source is ReadSource.OVERLAY
    cache.drain(60)
    cache.evict("views:*")
    assert cache.read("views:1").source is ReadSource.DATABASE
    books = cache.snapshot().books
    assert books.balanced
    assert (books.pending, books.dead) == (0, 0)
    assert cache.explain("views:1") is not None


def test_it_needs_no_redis_no_files_and_no_thread_that_stays() -> None:
    script = (
        "import sys, os, threading\n"
        "before = sorted(os.listdir('.'))\n"
        "from cachedesk import testing\n"
        "with testing.open() as cache: cache.incr('views:1'); cache.drain(60)\n"
        "assert sorted(os.listdir('.')) == before\n"
        "assert not {'hiredis', 'redis', 'persistqueue', 'sqlite_utils'} & sys.modules.keys()\n"
        "assert threading.enumerate() == [threading.main_thread()], threading.enumerate()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_cache_that_is_down_costs_nothing_but_speed(
    cache: CacheLayer, stores: testing.InMemoryStores
) -> None:
    cache.set("order:1", b"old")
    with stores.cache_down():
        cache.set("order:1", b"new")
        assert cache.read("order:1").source is ReadSource.DATABASE
        assert cache.snapshot().redis.word == "down"
        with pytest.raises(Unavailable):
            cache.evict("*")
    assert cache.get("order:1") == b"new"


def test_a_database_that_is_down_refuses_write_through_only(
    cache: CacheLayer, stores: testing.InMemoryStores
) -> None:
    cache.set("order:1", b"kept")
    cache.incr("views:1")
    with stores.database_down():
        with pytest.raises(Unavailable):
            cache.set("order:1", b"lost")
        assert cache.incr("views:1") == 2
        assert cache.get_many(["order:1", "views:1"]) == [b"kept", b"2"]
        cache.evict("*")
        with pytest.raises(Unavailable):
            cache.get("order:1")
    cache.drain(60)
    assert cache.get_many(["order:1", "views:1"]) == [b"kept", b"2"]


def test_a_full_log_refuses_write_behind_only(
    cache: CacheLayer, stores: testing.InMemoryStores
) -> None:
    with stores.log_full():
        with pytest.raises(Unavailable):
            cache.incr("views:1")
        cache.set("order:1", b"paid")
        assert cache.snapshot().log.word == "disk full"
    assert cache.incr("views:1") == 1


def test_the_limit_of_the_log_is_that_of_the_settings() -> None:
    settings = msgspec.structs.replace(PATIENT, log=LogSettings(limit_events=2, when_full="reject"))
    with testing.open(settings=settings) as cache:
        cache.incr("views:1")
        cache.incr("views:1")
        with pytest.raises(LogFull):
            cache.incr("views:1")


@pytest.mark.parametrize("done", [True, False])
def test_a_failed_commit_of_the_log_is_settled_by_the_next_write(
    cache: CacheLayer, stores: testing.InMemoryStores, done: bool
) -> None:
    stores.log.fail_commit(done=done)
    with pytest.raises(OutcomeUnknown):
        cache.incr("views:1")
    assert cache.incr("views:1") == 1 + done
    cache.drain(60)
    assert cache.get("views:1") == b"%d" % (1 + done)


@pytest.mark.parametrize("done", [True, False])
def test_a_failed_commit_of_the_database_is_not_guessed(
    cache: CacheLayer, stores: testing.InMemoryStores, done: bool
) -> None:
    cache.set("balance:1", 10)
    stores.database.fail_commit(done=done)
    with pytest.raises(OutcomeUnknown):
        cache.incr("balance:1", 5)
    assert cache.get("balance:1") == (b"15" if done else b"10")


def test_a_constraint_refuses_one_call_and_buries_one_event(
    stores: testing.InMemoryStores,
) -> None:
    stores.database.refuses = lambda key, value: "no" if value == b"bad" else ""
    settings = msgspec.structs.replace(
        Settings(),
        worker=WorkerSettings(retry_seconds=0.001, retry_max_seconds=0.001, max_attempts=2),
    )
    with testing.open(stores, settings=settings) as cache:
        with pytest.raises(WriteRefused):
            cache.set("order:1", b"bad")
        cache.write_many([("set", "session:1", b"bad"), ("set", "session:2", b"good")])
        cache.drain(60)
        assert [letter.key for letter in cache.dead_letters()] == [b"session:1"]
        assert cache.get("session:2") == b"good"


def test_a_crash_loses_nothing_that_was_acknowledged(stores: testing.InMemoryStores) -> None:
    cache = testing.open(stores, settings=PATIENT)
    cache.set("order:1", b"paid")
    for _ in range(10):
        cache.incr("views:1")
    stores.crash()
    with pytest.raises(Closed):
        cache.get("order:1")
    with testing.open(stores, settings=PATIENT) as again:
        texts = " ".join(event.text for event in again.snapshot().events)
        assert "recovered 10 pending events after an unclean stop" in texts
        assert again.read("views:1").source is ReadSource.OVERLAY
        assert again.get_many(["order:1", "views:1"]) == [b"paid", b"10"]
        assert again.set("order:1", b"sent").seq > 11
    with testing.open(stores) as once_more:
        assert "unclean" not in " ".join(event.text for event in once_more.snapshot().events)


def test_a_crash_in_the_middle_of_writes_keeps_each_that_returned(
    stores: testing.InMemoryStores,
) -> None:
    for _ in range(5):
        cache = testing.open(stores)
        acknowledged: list[int] = []

        def count(cache: CacheLayer = cache, done: list[int] = acknowledged) -> None:
            with suppress(Closed, Unavailable, OutcomeUnknown):
                while True:
                    done.append(cache.incr("views:1"))

        before = int(cache.get("views:1") or 0)
        thread = threading.Thread(target=count)
        thread.start()
        until(lambda: len(acknowledged) >= 20)  # noqa: B023 - called at once
        stores.crash()
        thread.join()
        with testing.open(stores) as again:
            value = int(again.get("views:1") or 0)
            # The call that was under way may have been made durable, once.
            assert value - before - len(acknowledged) in (0, 1)


def test_only_one_stack_at_a_time(cache: CacheLayer, stores: testing.InMemoryStores) -> None:
    with pytest.raises(InUse, match="in use by a stack"):
        testing.open(stores)
    cache.close()
    testing.open(stores).close()


def test_its_arguments_are_checked_before_anything_is_opened(
    stores: testing.InMemoryStores,
) -> None:
    with pytest.raises(ConfigError):
        testing.open(stores, policies={"*": "sometimes"})
    testing.open(stores).close()


def test_a_stack_offers_the_faults_of_its_stores_only(stores: testing.InMemoryStores) -> None:
    stack = Stack("memory", stores=stores.stores)
    try:
        names = [fault.name for fault in stack.snapshot().catalogue]
        assert names == ["worker.crash", "log.poison", "process.kill"]
        with pytest.raises(ConfigError, match=r"there is no fault 'redis.kill'"):
            stack.faults.inject("redis.kill")
        stack.layer.set("order:1", b"1")
        assert "1" in stack.perform(EvictAll())
        with pytest.raises(Unavailable, match="cannot be changed"):
            stack.perform(SetMemory(1 << 30, None))
        with pytest.raises(Unavailable, match="cold_restart stays on"):
            stack.perform(SetSafeguard("cold_restart", False))
        assert (stack.redis_socket, stack.files_trouble) == ("", "")
        stack.faults.inject("log.poison")
        stack.layer.drain(60)
        assert len(stack.layer.dead_letters()) == 1
    finally:
        stack.close()


def test_a_fault_says_what_it_did_also_without_files(stores: testing.InMemoryStores) -> None:
    stack = Stack("memory", stores=stores.stores)
    try:
        stack.layer.incr("views:1")
        stack.faults.inject("worker.crash")
        stack.layer.incr("views:1")
        stack.layer.drain(60)
        assert stack.layer.get("views:1") == b"2"
    finally:
        stack.close()
