"""A Redis with other users: the cache touches its own keys and connections, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from cachedesk.core.commands import EvictAll, EvictMatching, EvictShare, Inject
from cachedesk.core.events import Entry, entries_of
from cachedesk.core.settings import RedisSettings, Settings
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis import embedded_redis
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.namespace import Namespace, new_generation
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.verification import Truths

from .scenarios import BareRedis, redis_at, wait_until_trusted
from .until import until

OpenStack = Callable[..., Stack]

WARM = Settings(redis=RedisSettings(restart="warm", snapshot_seconds=1))
MANY = 3_000
OURS = {b"order:%d" % number: b"%d" % number for number in range(500)}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[BareRedis]:
    with redis_at(tmp_path / "r.sock") as redis:
        yield redis


@contextmanager
def cache_at(
    folder: Path, prefix: bytes = b"cd", *, sole_tenant: bool = False
) -> Iterator[RedisCache]:
    cache = RedisCache(str(folder / "r.sock"), 5.0, prefix=prefix, sole_tenant=sole_tenant)
    try:
        yield cache
    finally:
        cache.close()


class Tenant:
    """Another user of the server: many keys, some named like ours, and an open connection."""

    def __init__(self, folder: Path) -> None:
        self.connection = RedisConnection(str(folder / "r.sock"), 5.0)
        keys = [b"order:%d" % number for number in range(MANY)]
        keys += [
            b"cd",
            b"cd:",
            b"cd:x",
            b"cdx:AAAAAAAA:order:1",
            b"CD:AAAAAAAA:order:1",
            b"\xff:\x00",
        ]
        self._keys = {key: b"theirs of " + key for key in keys}
        self.connection.pipeline((b"SET", key, value) for key, value in self._keys.items())
        self.connection.call(b"LPUSH", b"a list", b"1", b"2")

    def check(self) -> None:
        """See that everything is as it was, by the connection of before."""
        assert self.connection.call(b"MGET", *self._keys) == list(self._keys.values())
        assert self.connection.call(b"LRANGE", b"a list", 0, -1) == [b"2", b"1"]


@pytest.fixture
def tenant(tmp_path: Path, redis: BareRedis) -> Iterator[Tenant]:
    tenant = Tenant(tmp_path)
    yield tenant
    tenant.connection.close()


def their_truths(keys: Sequence[bytes]) -> Mapping[bytes, Entry]:
    return {key: Entry(OURS.get(key)) for key in keys}


def do_everything(cache: RedisCache, folder: Path) -> None:
    """All that ever drops a key or ends a connection."""
    cache.trust()
    cache.put(entries_of(OURS))
    assert cache.evict("order:1?") == 10
    assert cache.evict_chosen(lambda keys: keys[:1])[1] == 490
    assert cache.evict_key(b"order:200")
    cache.put(entries_of(OURS))
    server = cache.trusted_server
    given_up = server.checkout()
    server.late.expect(given_up, cache.stored_as(b""))
    cache.distrust([b"order:3"], "a test")
    assert cache.trust().dropped == 1
    given_up.close()
    assert cache.evict_all() == 499
    cache.put(entries_of(OURS))
    cache.distrust((b"%d" % number for number in range(10_001)), "a test")
    assert cache.trust().emptied
    while server.sweep_leftovers():
        pass
    cache.put(entries_of(OURS))
    with cache_at(folder) as after_a_restart:
        assert after_a_restart.trust(their_truths).verified == 500
        assert after_a_restart.get(b"order:7") == b"7"
        after_a_restart.put(entries_of({b"order:7": None}))
        while after_a_restart.trusted_server.sweep_leftovers():
            pass


def test_what_another_keeps_survives_everything(tenant: Tenant, tmp_path: Path) -> None:
    with cache_at(tmp_path, b"another") as another:
        another.trust()
        another.put(entries_of({b"order:1": b"another's"}))
        number = another.trust_number
        with cache_at(tmp_path) as cache:
            do_everything(cache, tmp_path)
        assert another.get(b"order:1") == b"another's"
        assert another.trust_number == number
    tenant.check()


def test_that_would_be_noticed(tenant: Tenant, tmp_path: Path) -> None:
    """As if the server were the cache's alone."""
    with cache_at(tmp_path, sole_tenant=True) as cache:
        cache.trust()
    with pytest.raises(AssertionError):
        tenant.check()


def test_nothing_of_ours_is_left_after_a_sweep_but_what_is_readable(
    tenant: Tenant, redis: BareRedis, tmp_path: Path
) -> None:
    before = redis.call(b"DBSIZE")
    with cache_at(tmp_path) as cache:
        do_everything(cache, tmp_path)
    assert redis.call(b"DBSIZE") == before + 499


@pytest.mark.parametrize("truths", [their_truths, None], ids=["warm", "cold"])
def test_where_all_keys_are_ours_those_of_other_names_are_left_over(
    redis: BareRedis, tmp_path: Path, truths: Truths | None
) -> None:
    """What a snapshot holds from before keys had generations does not take memory for ever."""
    with cache_at(tmp_path, sole_tenant=True) as cache:
        cache.trust()
        cache.put(entries_of({b"order:1": b"1"}))
    redis.call(b"MSET", b"order:1", b"1", b"order:2", b"2", b"cd:x", b"3", b"cd:x:order:3", b"old")
    with cache_at(tmp_path, sole_tenant=True) as cache:
        assert cache.trust(truths).verified == (None if truths is None else 1)
        assert cache.get(b"order:1") == (None if truths is None else b"1")
        assert redis.call(b"DBSIZE") == (0 if truths is None else 1)
        redis.call(b"SET", b"order:4", b"4")
        while cache.trusted_server.sweep_leftovers():
            pass
        assert redis.call(b"DBSIZE") == (0 if truths is None else 1)


def test_only_our_keys_count(redis: BareRedis, tmp_path: Path) -> None:
    with cache_at(tmp_path) as cache:
        cache.trust()
        cache.put(entries_of(dict.fromkeys((b"%d" % number for number in range(300)), b"x")))
        redis.call(b"MSET", *(word for n in range(200) for word in (b"theirs:%d" % n, b"x")))
        assert cache.stats().keys == 300


def test_of_very_many_keys_ours_are_estimated(tenant: Tenant, tmp_path: Path) -> None:
    with cache_at(tmp_path) as cache:
        cache.trust()
        assert cache.stats().keys == 0
        cache.put(entries_of(dict.fromkeys((b"%d" % number for number in range(MANY)), b"x")))
        assert 0.8 * MANY < cache.stats().keys < 1.2 * MANY


def test_a_sample_is_of_our_keys_and_comes_to_all_of_them(tenant: Tenant, tmp_path: Path) -> None:
    with cache_at(tmp_path) as cache:
        cache.trust()
        assert cache.sample(20) == []
        cache.put(entries_of({b"order:%d" % number: b"x" for number in range(40)}))
        seen: set[bytes] = set()
        while len(seen) < 40:
            some = cache.sample(20)
            assert len(some) == len(set(some)) <= 20
            seen.update(some)
        assert seen == {b"order:%d" % number for number in range(40)}


# -- the names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"a", b"", b":", b"views:article:1", b"\x00\xff\n*[", b"x" * 1024])
def test_any_key_is_found_again_in_its_name(key: bytes) -> None:
    namespace = Namespace(b"cd")
    (stored,) = namespace.stored([key])
    assert stored.startswith(namespace.current)
    namespace.renew()
    assert namespace.key_of(stored) == key
    assert not stored.startswith(namespace.current)


@pytest.mark.parametrize("name", [b"", b"cd", b"cd:", b"cd:x", b"cdx:AAAAAAAA:a", b"x:cd:a"])
def test_what_is_no_name_of_ours(name: bytes) -> None:
    assert Namespace(b"cd").key_of(name) is None


@pytest.mark.parametrize("prefix", [b"", b"a:b", b"a*", b"[a]", b"a?", b"a\\"])
def test_what_is_no_prefix_is_refused(prefix: bytes) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Namespace(prefix)


def test_no_generation_is_drawn_twice() -> None:
    drawn = [new_generation() for _ in range(10_000)]
    assert len(set(drawn)) == len(drawn)
    assert {len(generation) for generation in drawn} == {8}
    assert not set(b"".join(drawn)) & set(b":*?[]\\^")


# -- a stack on a server that it shares ------------------------------------------------------------


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have stacks treat their server as one with other users."""

    def cache(*arguments: object, sole_tenant: bool) -> RedisCache:
        return RedisCache(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(embedded_redis, "RedisCache", cache)


def put_theirs(stack: Stack) -> Callable[[], object]:
    """Have another user keep something; return what asks for it."""
    wait_until_trusted(stack)
    server = BareRedis(Path(stack.cache.cache.trusted_server._path))
    server.call(b"SET", b"order:1", b"theirs")
    return partial(server.call, b"GET", b"order:1")


@pytest.mark.usefixtures("shared")
def test_evictions_of_a_stack_leave_the_others_alone(stack: Stack) -> None:
    theirs = put_theirs(stack)
    stack.layer.write_many([("set", f"order:{number}", b"x") for number in range(100)])
    assert stack.perform(EvictMatching("order:1?")).startswith("10 keys")
    assert stack.perform(EvictShare(0.5)).startswith("45 of 90 keys")
    stack.perform(EvictAll())
    assert stack.snapshot().redis.keys == 0
    stack.perform(Inject("redis.empty"))
    assert theirs() == b"theirs"
    assert stack.layer.get("order:1") == b"x"


@pytest.mark.usefixtures("shared")
def test_a_hang_of_a_shared_server_costs_no_other_user_anything(stack: Stack) -> None:
    theirs = put_theirs(stack)
    stack.layer.set("order:1", b"old")
    stack.perform(Inject("redis.hang"))
    stack.layer.write_many([("set", f"order:{number}", b"new") for number in range(11_000)])
    stack.faults.heal()
    wait_until_trusted(stack)
    assert stack.layer.get("order:1") == b"new"
    assert theirs() == b"theirs"


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("settings", [WARM, Settings()], ids=["warm", "cold"])
def test_an_old_snapshot_of_a_shared_server_is_never_read(
    open_stack: OpenStack, settings: Settings
) -> None:
    stack = open_stack(settings)
    theirs = put_theirs(stack)
    stack.layer.write_many([("set", f"order:{number}", b"old") for number in range(100)])
    stack.perform(Inject("redis.old_snapshot"))
    for number in range(50):
        stack.layer.set(f"order:{number}", b"new")
    until(lambda: stack.snapshot().redis.restarts == 1)
    wait_until_trusted(stack)
    found = stack.layer.get_many([f"order:{number}" for number in range(100)])
    assert found == [b"new"] * 50 + [b"old"] * 50
    assert theirs() == b"theirs"
