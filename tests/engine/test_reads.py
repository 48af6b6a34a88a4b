"""Reads: where a value comes from, and that it is never older than what was acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import cachedesk
from cachedesk.core.commands import EvictKey, Inject
from cachedesk.core.errors import Closed, InvalidKey, Unavailable
from cachedesk.core.reads import Read, ReadSource
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack

from . import scenarios
from .scenarios import BEHIND, PATIENT, THROUGH, held_at, waiting_readers
from .until import Task, together, until


@pytest.fixture
def slow(open_stack: Callable[..., Stack]) -> Stack:
    """A stack that flushes only when told to."""
    return open_stack(PATIENT)


def evict(stack: Stack, key: bytes) -> None:
    stack.perform(EvictKey(key))


def test_an_absent_key_is_none_from_the_database(cache: CacheLayer) -> None:
    assert cache.read("nothing") == Read(None, ReadSource.DATABASE, 0, 0)
    assert cache.get("nothing") is None


def test_an_absent_key_is_never_cached(cache: CacheLayer, stack: Stack) -> None:
    cache.get("nothing")
    assert cache.read("nothing").source is ReadSource.DATABASE
    assert stack.snapshot().redis.keys == 0


def test_a_written_value_comes_from_redis(cache: CacheLayer) -> None:
    cache.set("order:1", b"paid")
    assert cache.read("order:1") == Read(b"paid", ReadSource.REDIS, 0, None)


def test_an_evicted_value_comes_from_the_database_and_fills_redis(
    cache: CacheLayer, stack: Stack
) -> None:
    seq = cache.set("order:1", b"paid").seq
    evict(stack, b"order:1")
    assert cache.read("order:1") == Read(b"paid", ReadSource.DATABASE, 0, seq)
    assert cache.read("order:1").source is ReadSource.REDIS


def test_an_evicted_value_with_pending_events_is_an_overlay(slow: Stack) -> None:
    cache = slow.layer
    cache.set("views:1", 10, policy=THROUGH)
    cache.incr("views:1")
    last = cache.write(("incr", "views:1", 2)).seq
    evict(slow, b"views:1")
    assert cache.read("views:1") == Read(b"13", ReadSource.OVERLAY, 2, last)
    assert cache.read("views:1") == Read(b"13", ReadSource.REDIS, 2, None)
    cache.drain(60)
    evict(slow, b"views:1")
    assert cache.read("views:1") == Read(b"13", ReadSource.DATABASE, 0, last)


def test_a_pending_delete_hides_the_row(slow: Stack) -> None:
    slow.layer.set("session:1", b"x", policy=THROUGH)
    deleted = slow.layer.delete("session:1")
    assert slow.layer.read("session:1") == Read(None, ReadSource.OVERLAY, 1, deleted.seq)


def test_get_many_keeps_the_order_with_hits_misses_and_repeats(slow: Stack) -> None:
    cache = slow.layer
    cache.set("order:1", b"one")
    cache.set("order:2", b"two")
    cache.incr("views:1")
    evict(slow, b"order:2")
    evict(slow, b"views:1")
    keys = ["order:2", "none", "order:1", "views:1", "order:2", "none"]
    assert cache.get_many(keys) == [b"two", None, b"one", b"1", b"two", None]
    assert cache.get_many(keys) == [b"two", None, b"one", b"1", b"two", None]
    assert cache.get_many([]) == []


def test_get_many_of_more_keys_than_one_select_takes(cache: CacheLayer) -> None:
    cache.write_many([("set", f"order:{n}", n) for n in range(1_300)])
    cache.evict("*")
    keys = [f"order:{n}" for n in range(1_300)]
    assert cache.get_many(keys) == [b"%d" % n for n in range(1_300)]


def test_reads_are_counted_by_source(slow: Stack) -> None:
    cache = slow.layer
    cache.set("order:1", b"x")
    cache.incr("views:1")
    for _ in range(3):
        cache.get("order:1")
    evict(slow, b"order:1")
    evict(slow, b"views:1")
    cache.get_many(["order:1", "views:1", "none"])
    reads = slow.snapshot().reads
    assert (reads.hits, reads.misses, reads.overlay, reads.database) == (3, 3, 1, 2)


@pytest.mark.parametrize("many", [False, True], ids=["get", "get_many"])
@pytest.mark.parametrize(
    "key", [b"", b"k" * 1025, "\ud800", 5, None, bytearray(b"k")], ids=lambda key: repr(key)[:12]
)
def test_a_bad_key_is_refused(cache: CacheLayer, key: object, many: bool) -> None:
    with pytest.raises(InvalidKey):
        cache.get_many(["good", key]) if many else cache.get(key)  # type: ignore[arg-type]


def test_of_many_readers_that_miss_one_key_one_goes_to_the_database(
    cache: CacheLayer, stack: Stack
) -> None:
    cache.set("order:1", b"paid")
    evict(stack, b"order:1")
    loads = stack.failpoints.hits().get("repair.miss.after", 0)
    stack.failpoints.arm("repair.miss.after", "off")
    with held_at(stack.failpoints, "repair.row.after", cache.read, "order:1") as leader:
        others = [Task(cache.read, "order:1") for _ in range(12)]
        until(lambda: waiting_readers(cache) == 12)
    reads = [task.result() for task in (leader, *others)]
    assert {read.value for read in reads} == {b"paid"}
    assert stack.failpoints.hits()["repair.miss.after"] == loads + 1
    assert stack.snapshot().reads.database == 13


def test_readers_of_different_keys_do_not_wait_for_each_other(
    cache: CacheLayer, stack: Stack
) -> None:
    for key in ("order:1", "order:2"):
        cache.set(key, key)
        evict(stack, key.encode())
    with held_at(stack.failpoints, "repair.row.after", cache.get, "order:1") as held:
        assert Task(cache.get, "order:2").result() == b"order:2"
        assert held.is_alive()
    assert held.result() == b"order:1"


def test_a_flush_between_the_two_reads_hides_nothing(tmp_path: Path) -> None:
    scenarios.flush_between_the_two_reads(tmp_path)


@pytest.mark.parametrize("policy", [THROUGH, BEHIND])
@pytest.mark.parametrize(
    "point", ["repair.miss.after", "repair.overlay.after", "repair.row.after", "repair.fill.before"]
)
def test_a_write_during_a_repair_prevents_the_old_fill(
    slow: Stack, point: str, policy: str
) -> None:
    cache = slow.layer
    cache.set("key", b"old", policy=THROUGH)
    evict(slow, b"key")
    with held_at(slow.failpoints, point, cache.get, "key") as reader:
        cache.set("key", b"new", policy=policy)
    assert reader.result() in (b"old", b"new")
    assert cache.get("key") == b"new"
    evict(slow, b"key")
    assert cache.get("key") == b"new"


def test_an_old_fill_cannot_bring_a_deleted_key_back(cache: CacheLayer, stack: Stack) -> None:
    cache.set("order:1", b"old")
    evict(stack, b"order:1")
    with held_at(
        stack.failpoints, "repair.fill.before", cache.get_many, ["order:1", "order:2"]
    ) as reader:
        cache.delete("order:1")
    reader.result()
    assert cache.get("order:1") is None


def test_a_flight_from_before_a_write_is_not_joined(tmp_path: Path) -> None:
    scenarios.joined_flight_is_new_enough(tmp_path)


def test_a_failed_flight_fails_those_who_waited_and_no_one_after(
    cache: CacheLayer, stack: Stack
) -> None:
    cache.set("order:1", b"paid")
    evict(stack, b"order:1")
    stack.failpoints.arm("repair.row.after", "1*raise(Unavailable)")
    with held_at(stack.failpoints, "repair.miss.after", cache.get, "order:1") as leader:
        others = [Task(cache.get, "order:1") for _ in range(3)]
        until(lambda: waiting_readers(cache) == 3)
    for task in (leader, *others):
        with pytest.raises(Unavailable):
            task.result()
    assert cache.get("order:1") == b"paid"


def unreadable(directory: Path) -> Callable[[], None]:
    """Damage the database file as a bad disk would; return what makes it good again."""
    path = directory / "cachedesk.db"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    connection.close()
    good = path.read_bytes()
    with path.open("r+b") as file:
        file.write(b"\xff" * len(good))

    def mend() -> None:
        with path.open("r+b") as file:
            file.write(good)

    return mend


def test_without_a_copy_and_without_a_database_a_read_is_unavailable(
    slow: Stack, tmp_path: Path
) -> None:
    cache = slow.layer
    cache.set("order:gone", b"paid")
    cache.set("order:cached", b"paid")
    cache.set("session:logged", b"here")
    cache.set("views:1", 5, policy=THROUGH)
    cache.incr("views:1")
    for key in (b"order:gone", b"session:logged", b"views:1"):
        evict(slow, key)
    mend = unreadable(tmp_path / "data")
    assert cache.get("order:cached") == b"paid"
    assert cache.get("session:logged") == b"here", "a pending set needs no row"
    for key in ("order:gone", "views:1", "never written"):
        with pytest.raises(Unavailable, match="Redis has no copy"):
            cache.get(key)
    with pytest.raises(Unavailable):
        cache.get_many(["order:cached", "order:gone"])
    with pytest.raises(Unavailable):
        list(cache.items())
    with pytest.raises(Unavailable):
        cache.incr("views:2")
    cache.set("session:2", b"still written")
    assert slow.snapshot().reads.unavailable == 4
    assert slow.snapshot().database.word == "not readable"
    mend()
    assert cache.get("order:gone") == b"paid"
    assert cache.get("views:1") == b"6"
    cache.drain(60)


def test_every_reader_that_found_nothing_is_counted(slow: Stack, tmp_path: Path) -> None:
    """``misses`` = overlay + database + unavailable, also for those who waited for a flight."""
    cache = slow.layer
    cache.set("order:1", b"x")
    evict(slow, b"order:1")
    mend = unreadable(tmp_path / "data")
    with held_at(slow.failpoints, "repair.miss.after", cache.get, "order:1") as leader:
        others = [Task(cache.get, "order:1") for _ in range(3)]
        until(lambda: waiting_readers(cache) == 3)
    for task in (leader, *others):
        with pytest.raises(Unavailable):
            task.result()
    mend()
    assert slow.snapshot().reads.unavailable == 4


@pytest.mark.parametrize("fault", ["redis.down", "redis.hang"])
def test_without_redis_everything_is_read(slow: Stack, fault: str) -> None:
    cache = slow.layer
    cache.set("order:1", b"old")
    cache.incr("views:1")
    slow.perform(Inject(fault))
    cache.set("order:1", b"new")
    cache.incr("views:1")
    cache.delete("session:1")
    assert cache.read("order:1").value == b"new"
    assert cache.read("views:1").value == b"2"
    assert cache.get_many(["order:1", "views:1", "session:1"]) == [b"new", b"2", None]
    assert dict(cache.items()) == {b"order:1": b"new", b"views:1": b"2"}


def test_items_are_the_truth_sorted_by_bytes(slow: Stack) -> None:
    cache = slow.layer
    keys = [b"\xff", b"b", b"a\x00", b"a", "é".encode(), b"B", b"10", b"9"]
    for number, key in enumerate(keys):
        cache.set(key, number, policy=THROUGH if number % 2 else BEHIND)
    cache.delete(b"b", policy=BEHIND)
    cache.incr(b"a\x00", 100, policy=BEHIND)
    cache.evict("*")
    got = list(cache.items())
    assert [key for key, _ in got] == sorted(set(keys) - {b"b"})
    assert dict(got)[b"a\x00"] == b"102"
    cache.drain(60)
    assert list(cache.items()) == got


def test_items_name_every_key_once_while_batches_are_flushed_and_keys_written(slow: Stack) -> None:
    cache = slow.layer
    cache.write_many([("incr", f"views:{n:05}", n) for n in range(5_000)])
    items = cache.items()
    listed = [next(items)]
    cache.drain(60)
    cache.write_many([("set", f"views:{n:05}", b"later") for n in range(0, 5_000, 2)])
    listed += items
    assert [key for key, _ in listed] == [b"views:%05d" % n for n in range(5_000)]
    assert all(value in (b"%d" % n, b"later") for n, (_, value) in enumerate(listed))
    assert listed[4_999][1] == b"4999"
    assert listed[4_998][1] == b"later"


def test_an_open_iteration_does_not_keep_the_write_ahead_log_growing(stack: Stack) -> None:
    cache = stack.layer
    cache.write_many([("set", f"order:{n:05}", b"x" * 100) for n in range(3_000)])
    items = cache.items()
    next(items)
    cache.write_many([("set", f"order:{n:05}", b"y" * 100) for n in range(3_000)])
    assert _checkpoint(stack) == (0, 0, 0)
    assert len(list(items)) == 2_999


def _checkpoint(stack: Stack) -> tuple[int, int, int]:
    """Try to begin the database's write-ahead log again: all zeros when no reader is in the way."""
    with closing(sqlite3.connect(stack.place.database)) as connection:
        connection.execute("PRAGMA busy_timeout=60000")
        busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return busy, pages, moved


def test_an_open_iteration_ends_when_the_stack_is_closed(stack: Stack) -> None:
    stack.layer.write_many([("set", f"order:{n:05}", b"x") for n in range(3_000)])
    items = stack.layer.items()
    next(items)
    stack.close()
    with pytest.raises(Closed):
        list(items)


def test_concurrent_readers_and_one_writer_see_only_what_was_written(cache: CacheLayer) -> None:
    """A value that a reader has seen acknowledged never goes back."""
    acknowledged = [0]

    def write() -> None:
        for number in range(1, 150):
            cache.set("key", number, policy=THROUGH if number % 2 else BEHIND)
            acknowledged[0] = number

    def read() -> None:
        while acknowledged[0] < 149:
            at_least = acknowledged[0]
            value = int(cache.get("key") or 0)
            assert value >= at_least
            cache.evict("key")

    together([write, read, read, read])


def test_reads_are_exported() -> None:
    assert cachedesk.Read is Read
