"""The cache: what Redis holds is believed only while nothing speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachedesk.core.commands import EvictAll, Heal, Inject
from cachedesk.core.errors import CacheError, InvalidKey, Unavailable
from cachedesk.core.events import entries_of
from cachedesk.core.settings import RedisSettings, Settings
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis.connection import RedisConnection, RedisReplyError
from cachedesk.stores.redis.encoding import CACHEABLE_BYTES
from cachedesk.stores.redis.late_writes import LateWrites
from cachedesk.stores.redis.redis_cache import RedisCache

from . import scenarios
from .scenarios import PATIENT, BareRedis, redis_at, wait_until_trusted
from .until import Task, together, until

OpenStack = Callable[..., Stack]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[BareRedis]:
    with redis_at(tmp_path / "r.sock") as redis:
        yield redis


@contextmanager
def stranger(folder: Path) -> Iterator[RedisConnection]:
    """A connection of another user of the server."""
    connection = RedisConnection(str(folder / "r.sock"), 5.0)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def cache(tmp_path: Path, redis: BareRedis) -> Iterator[RedisCache]:
    cache = RedisCache(str(tmp_path / "r.sock"), 1.0)
    cache.trust()
    yield cache
    cache.close()


def test_nothing_is_believed_before_the_first_admission(tmp_path: Path, redis: BareRedis) -> None:
    cache = RedisCache(str(tmp_path / "r.sock"), 1.0)
    redis.call(b"SET", cache.stored_as(b"key"), b"from another life")
    with pytest.raises(CacheError):
        cache.get(b"key")
    assert not cache.trusted
    admission = cache.trust()
    assert admission.emptied
    assert cache.get(b"key") is None
    cache.close()


def test_put_get_and_drop(cache: RedisCache) -> None:
    cache.put(entries_of({b"a": b"1", b"b": b"", b"\xff\x00": b"\x00\xff"}))
    assert cache.get_many([b"b", b"none", b"a", b"\xff\x00"]) == [b"", None, b"1", b"\x00\xff"]
    cache.put(entries_of({b"a": None, b"b": b"2"}))
    assert (cache.get(b"a"), cache.get(b"b")) == (None, b"2")
    assert cache.get_many([]) == []
    cache.put(entries_of({}))


def test_a_doubtful_key_is_dropped_before_it_is_read_again(cache: RedisCache) -> None:
    cache.put(entries_of({b"a": b"old", b"b": b"sure"}))
    cache.distrust([b"a"], "a test doubts it")
    assert not cache.trusted
    assert cache.trusted_server.attention.is_set()
    for call in (lambda: cache.get(b"b"), lambda: cache.get_many([b"b"]), cache.stats):
        with pytest.raises(CacheError, match="a test doubts it"):
            call()
    cache.put(entries_of({b"b": b"written while suspended"}))
    admission = cache.trust()
    assert (admission.emptied, admission.dropped) == (False, 2)
    assert cache.get_many([b"a", b"b"]) == [None, None]


def test_with_very_many_doubtful_keys_all_are_dropped(cache: RedisCache, redis: BareRedis) -> None:
    cache.put(entries_of({b"sure": b"x"}))
    cache.distrust((b"%d" % n for n in range(10_001)), "much was written")
    assert len(cache.trusted_server._distrusted_keys) <= 10_000
    assert cache.trust().emptied
    assert cache.get(b"sure") is None
    assert not cache.trusted_server.sweep_leftovers()
    assert redis.call(b"DBSIZE") == 0


def test_keys_doubted_during_an_admission_are_dropped_by_it(
    cache: RedisCache, redis: BareRedis
) -> None:
    """Writers go on while the supervisor drops what they doubt; none slips through."""
    cache.put(entries_of({b"%d" % n: b"old" for n in range(300)}))

    def write() -> None:
        for n in range(300):
            cache.put(entries_of({b"%d" % n: b"new"}))

    def disturb() -> None:
        for _ in range(100):
            cache.distrust((), "a test disturbs")
            cache.trust()

    together([write, disturb])
    cache.trust()
    assert set(cache.get_many([b"%d" % n for n in range(300)])) <= {b"new", None}


def test_a_broken_connection_suspends_and_no_connection_of_before_is_used_again(
    cache: RedisCache, redis: BareRedis
) -> None:
    cache.put(entries_of({b"a": b"1"}))
    redis.call(b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes")
    with pytest.raises(CacheError):
        cache.get(b"a")
    assert not cache.trusted
    assert not cache.trusted_server._idle._connections
    cache.trust()
    assert cache.get(b"a") == b"1"


def test_a_write_that_was_given_up_cannot_come_late(
    cache: RedisCache, redis: BareRedis, tmp_path: Path
) -> None:
    """Only its own connection is ended; those of others, and ours without a write, live on."""
    cache.put(entries_of({b"a": b"old"}))
    server, stored = cache.trusted_server, cache.stored_as(b"a")
    writing, reading = server.checkout(), server.checkout()
    server.late.expect(writing, cache.stored_as(b""))
    with stranger(tmp_path) as other:
        cache.distrust([b"a"], "its reply did not come")
        assert cache.trust().dropped == 1
        with pytest.raises(CacheError):
            writing.call(b"SET", stored, b"late")
        assert reading.call(b"GET", stored) is None
        assert other.call(b"PING") == b"PONG"
    assert cache.get(b"a") is None
    writing.close()
    reading.close()


def test_a_command_to_the_server_cannot_come_late_in_another_generation_either(
    cache: RedisCache, redis: BareRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, late = cache.trusted_server, cache.trusted_server.late
    given_up = server.checkout()

    def expect(_: RedisConnection, generation: bytes) -> None:
        LateWrites.expect(late, given_up, generation)
        # Another thread begins to trust Redis anew just now.
        server.namespace.renew()

    monkeypatch.setattr(late, "expect", expect)
    cache.ask(b"CONFIG", b"SET", b"maxmemory", b"100mb")
    cache.distrust((), "its reply did not come")
    cache.trust()
    with pytest.raises(CacheError):
        given_up.call(b"CONFIG", b"SET", b"maxmemory", b"200mb")
    assert redis.call(b"CONFIG", b"GET", b"maxmemory")[1] == b"104857600"
    given_up.close()


def test_where_no_connection_may_be_ended_a_new_generation_begins(
    cache: RedisCache, redis: BareRedis
) -> None:
    cache.put(entries_of({b"a": b"old"}))
    server, stored = cache.trusted_server, cache.stored_as(b"a")
    writing = server.checkout()
    server.late.expect(writing, cache.stored_as(b""))
    redis.call(b"ACL", b"SETUSER", b"default", b"-client", b"+client|id")
    cache.distrust([b"a"], "its reply did not come")
    assert cache.trust().emptied
    assert writing.call(b"SET", stored, b"late") == b"OK"
    assert cache.get(b"a") is None
    assert cache.trusted
    cache.distrust([b"b"], "what was given up before is of no account now")
    assert not cache.trust().emptied
    writing.close()


def test_each_given_up_write_counts_where_connections_have_no_number(
    cache: RedisCache, redis: BareRedis
) -> None:
    redis.call(b"ACL", b"SETUSER", b"default", b"-client")
    cache.distrust((), "connections are opened anew")
    cache.trust()
    cache.put(entries_of({b"a": b"old"}))
    server, stored = cache.trusted_server, cache.stored_as(b"a")
    writing = server.checkout()
    server.late.expect(writing, cache.stored_as(b""))
    cache.put(entries_of({b"b": b"over another connection, and answered"}))
    cache.distrust([b"a"], "its reply did not come")
    assert cache.trust().emptied
    assert writing.call(b"SET", stored, b"late") == b"OK"
    assert cache.get(b"a") is None
    writing.close()


def test_what_is_not_compared_yet_is_not_read(tmp_path: Path) -> None:
    scenarios.what_is_not_compared_yet_is_not_read(tmp_path)


def test_another_server_is_not_believed(tmp_path: Path) -> None:
    scenarios.another_server_is_not_believed(tmp_path)


def test_a_server_that_does_not_answer_is_not_admitted(tmp_path: Path) -> None:
    cache = RedisCache(str(tmp_path / "nobody.sock"), 0.05)
    cache.distrust([b"a"], "before")
    with pytest.raises(CacheError, match="cannot connect"):
        cache.trust()
    assert not cache.trusted


def test_a_failed_admission_forgets_no_doubt(cache: RedisCache, redis: BareRedis) -> None:
    cache.put(entries_of({b"a": b"old"}))
    cache.distrust([b"a"], "a test doubts it")
    redis.call(b"ACL", b"SETUSER", b"default", b"-unlink")
    with pytest.raises(CacheError):
        cache.trust()
    redis.call(b"ACL", b"SETUSER", b"default", b"+unlink")
    assert cache.trust().dropped == 1
    assert cache.get(b"a") is None


@pytest.mark.parametrize("size", [CACHEABLE_BYTES, CACHEABLE_BYTES + 1])
def test_a_value_over_1_mebibyte_is_dropped_and_not_kept(cache: RedisCache, size: int) -> None:
    cache.put(entries_of({b"a": b"old"}))
    cache.put(entries_of({b"a": b"x" * size}))
    assert cache.get(b"a") == (b"x" * size if size <= CACHEABLE_BYTES else None)


def test_another_type_under_our_key_is_a_miss_and_replaced(
    cache: RedisCache, redis: BareRedis
) -> None:
    redis.call(b"LPUSH", cache.stored_as(b"a"), b"somebody's list")
    assert cache.get(b"a") is None
    assert cache.get_many([b"a"]) == [None]
    assert cache.trusted
    cache.put(entries_of({b"a": b"ours"}))
    assert cache.get(b"a") == b"ours"


def test_a_refused_set_drops_the_old_value(cache: RedisCache, redis: BareRedis) -> None:
    cache.put(entries_of({b"a": b"old", b"b": b"old"}))
    redis.call(b"ACL", b"SETUSER", b"default", b"-set")
    cache.put(entries_of({b"a": b"new", b"b": b"new"}))
    assert cache.get_many([b"a", b"b"]) == [None, None]
    assert cache.trusted


def test_an_unexpected_refusal_of_a_read_is_no_value_and_no_crash(
    cache: RedisCache, redis: BareRedis
) -> None:
    cache.put(entries_of({b"a": b"x"}))
    redis.call(b"ACL", b"SETUSER", b"default", b"-get", b"-mget")
    assert cache.get(b"a") is None
    with pytest.raises(CacheError):
        cache.get_many([b"a"])


def test_a_full_memory_without_eviction_never_leaves_an_old_value(
    cache: RedisCache, redis: BareRedis
) -> None:
    keys = [b"%d" % n for n in range(200)]
    cache.put(entries_of(dict.fromkeys(keys, b"old")))
    redis.call(b"CONFIG", b"SET", b"maxmemory-policy", b"noeviction")
    redis.call(b"CONFIG", b"SET", b"maxmemory", b"1")
    cache.put(entries_of(dict.fromkeys(keys, b"new" * 100)))
    assert set(cache.get_many(keys)) == {None}
    with pytest.raises(RedisReplyError, match="OOM"):
        redis.call(b"SET", b"a", b"x")


def test_evict_takes_patterns_and_says_how_many(cache: RedisCache) -> None:
    cache.put(entries_of({b"views:%d" % n: b"x" for n in range(2_500)}))
    cache.put(entries_of({b"order:1": b"x", b"order:[1]": b"x", "é".encode(): b"x"}))
    assert cache.evict("views:*") == 2_500
    assert cache.evict("order:[1]") == 1
    assert cache.evict("é") == 1
    assert cache.evict("none*") == 0
    assert cache.get(b"order:[1]") == b"x"
    assert cache.evict_key(b"order:[1]")
    assert not cache.evict_key(b"order:[1]")
    cache.put(entries_of({b"a": b"x"}))
    assert cache.evict_all() == 1


def test_figures_are_what_redis_says(cache: RedisCache) -> None:
    cache.put(entries_of({b"a": b"x", b"b": b"x"}))
    figures = cache.stats()
    assert (figures.keys, figures.evicted) == (2, 0)
    assert figures.memory_bytes > 100_000


def test_after_close_it_is_suspended(cache: RedisCache) -> None:
    cache.close()
    with pytest.raises(CacheError, match="closed"):
        cache.get(b"a")
    cache.put(entries_of({b"a": b"x"}))
    with pytest.raises(Unavailable):
        cache.evict("*")


# -- in a stack -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scenario",
    [
        scenarios.restarted_redis_is_empty,
        scenarios.late_command_is_not_believed,
        scenarios.writes_past_redis_are_remembered,
        scenarios.lost_reply_leaves_the_key_in_doubt,
    ],
    ids=lambda it: it.__name__,
)
def test_no_old_value_is_read(tmp_path: Path, scenario: Callable[[Path], None]) -> None:
    scenario(tmp_path)


def test_a_lost_reply_costs_the_key_and_nothing_else(stack: Stack) -> None:
    layer = stack.layer
    layer.set("order:1", b"x")
    layer.set("order:2", b"x")
    stack.failpoints.arm("redis.reply.lost", "1*raise(CacheError)")
    layer.set("order:1", b"y")
    wait_until_trusted(stack)
    assert layer.read("order:2").source == "redis"
    assert layer.read("order:1").value == b"y"


def test_a_large_value_is_served_by_the_database(stack: Stack) -> None:
    layer = stack.layer
    value = bytes(CACHEABLE_BYTES + 1)
    layer.set("order:1", b"small")
    layer.set("order:1", value)
    read = layer.read("order:1")
    assert (read.value, read.source) == (value, "database")
    assert stack.snapshot().redis.keys == 0
    layer.set("order:1", b"small again")
    assert layer.read("order:1").source == "redis"


def test_another_type_under_a_key_of_the_stack_repairs_itself(stack: Stack) -> None:
    layer = stack.layer
    layer.set("views:1", 5)
    connection = BareRedis(Path(stack.cache.cache.trusted_server._path))
    stored = stack.cache.cache.stored_as(b"views:1")
    connection.call(b"DEL", stored)
    connection.call(b"LPUSH", stored, b"somebody's list")
    assert layer.get("views:1") == b"5"
    assert layer.read("views:1").source == "redis"
    connection.call(b"DEL", stored)
    connection.call(b"LPUSH", stored, b"somebody's list")
    assert layer.incr("views:1") == 6
    assert layer.get("views:1") == b"6"


def test_a_value_changed_behind_our_back_counts_for_no_increment(stack: Stack) -> None:
    """Truth is never derived from the cache."""
    layer = stack.layer
    layer.set("views:1", 5)
    connection = BareRedis(Path(stack.cache.cache.trusted_server._path))
    stored = stack.cache.cache.stored_as(b"views:1")
    connection.call(b"SET", stored, b"1000")
    assert layer.incr("views:1") == 6
    assert layer.get("views:1") == b"6"
    layer.drain(60)
    assert dict(layer.items()) == {b"views:1": b"6"}


def test_redis_evicts_and_nothing_is_lost(open_stack: OpenStack) -> None:
    settings = Settings(redis=RedisSettings(maxmemory_bytes=2 * 1024 * 1024))
    layer = open_stack(settings).layer
    value = b"x" * 4_000
    layer.write_many([("set", f"order:{n}", b"%d" % n + value) for n in range(600)])
    layer.write_many([("incr", f"views:{n}", n) for n in range(300)])
    stack_redis = layer.snapshot().redis
    assert stack_redis.evicted > 0
    assert stack_redis.keys < 900
    for n in range(0, 600, 7):
        assert layer.get(f"order:{n}") == b"%d" % n + value
    assert layer.get_many([f"views:{n}" for n in range(300)]) == [b"%d" % n for n in range(300)]
    assert [layer.incr(f"views:{n}") for n in range(0, 300, 50)] == [
        n + 1 for n in range(0, 300, 50)
    ]


def test_noeviction_with_full_memory_serves_only_new_values(open_stack: OpenStack) -> None:
    settings = Settings(
        redis=RedisSettings(maxmemory_bytes=2 * 1024 * 1024, eviction_policy="noeviction")
    )
    layer = open_stack(settings).layer
    for round_ in range(3):
        value = b"%d" % round_ * (3_000 + round_ * 500)
        layer.write_many([("set", f"order:{n}", value) for n in range(600)])
        assert set(layer.get_many([f"order:{n}" for n in range(600)])) == {value}


def test_evict_on_a_suspended_cache_is_unavailable(stack: Stack) -> None:
    stack.perform(Inject("redis.down"))
    until(lambda: not stack.cache.cache.trusted)
    with pytest.raises(Unavailable):
        stack.layer.evict("*")
    with pytest.raises(Unavailable):
        stack.perform(EvictAll())
    stack.perform(Heal())


@pytest.mark.parametrize("pattern", ["\ud800", 5, None], ids=repr)
def test_a_pattern_that_is_none(stack: Stack, pattern: object) -> None:
    with pytest.raises(InvalidKey):
        stack.layer.evict(pattern)  # type: ignore[arg-type]


def test_a_hanging_redis_costs_one_timeout_and_not_one_a_call(open_stack: OpenStack) -> None:
    """With a timeout of 0.3 s, 200 calls that each waited would take a minute."""
    settings = Settings(redis=RedisSettings(timeout_seconds=0.3), worker=PATIENT.worker)
    stack = open_stack(settings)
    layer = stack.layer
    layer.set("order:1", b"x")
    stack.perform(Inject("redis.hang"))
    waited = Task(lambda: [layer.get("order:1") for _ in range(200)])
    assert waited.result() == [b"x"] * 200
    stack.perform(Heal())
