"""Redis's memory limit and eviction policy, changed while it runs: they hold, whatever dies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cachedesk.core.commands import Heal, Inject, SetMemory
from cachedesk.core.errors import ConfigError
from cachedesk.core.eviction_policies import EVICTION_POLICIES, eviction_warning
from cachedesk.core.settings import MEBIBYTE, RedisSettings, Settings
from cachedesk.core.snapshot import RedisState
from cachedesk.stack.stack import Stack

from .scenarios import wait_until_trusted
from .test_faults import fill_cache
from .until import until

OpenStack = Callable[..., Stack]


def limits(stack: Stack) -> tuple[int, str]:
    redis = stack.snapshot().redis
    return redis.maxmemory_bytes, redis.eviction_policy


def told(stack: Stack) -> tuple[bytes, bytes]:
    """What the server itself says."""
    asked = [
        stack.cache.cache.ask(b"CONFIG", b"GET", name) for name in ("maxmemory", "maxmemory-policy")
    ]
    return asked[0][1], asked[1][1]  # type: ignore[index, return-value]


def test_the_limits_change_at_once(stack: Stack) -> None:
    fill_cache(stack)
    said = stack.perform(SetMemory(32 * MEBIBYTE, "allkeys-lfu"))
    assert said == "Redis may use 32 MiB and evicts by allkeys-lfu"
    assert limits(stack) == (32 * MEBIBYTE, "allkeys-lfu")
    assert stack.perform(SetMemory(3_000_000)) == (
        "Redis may use 3,000,000 bytes and evicts by allkeys-lfu"
    )
    assert stack.perform(SetMemory(eviction_policy="noeviction")) == (
        f"Redis may use 3,000,000 bytes and evicts by noeviction; {eviction_warning('noeviction')}"
    )
    assert told(stack) == (b"3000000", b"noeviction")
    assert stack.perform(SetMemory()) == "Redis may use 3,000,000 bytes and evicts by noeviction"


@pytest.mark.parametrize("policy", ["noeviction", "volatile-ttl"])
def test_a_stack_that_opens_with_a_policy_that_refuses_keys_says_what_that_means(
    open_stack: OpenStack, policy: str
) -> None:
    stack = open_stack(Settings(redis=RedisSettings(eviction_policy=policy)))  # type: ignore[arg-type]
    assert eviction_warning(policy) in [event.text for event in stack.snapshot().events]


def test_each_policy_that_is_offered_is_one_of_redis(stack: Stack) -> None:
    for policy in EVICTION_POLICIES:
        stack.perform(SetMemory(eviction_policy=policy))
        assert told(stack)[1] == policy.encode()


def test_a_volatile_policy_evicts_only_what_expires_and_loses_nothing(
    open_stack: OpenStack,
) -> None:
    settings = RedisSettings(maxmemory_bytes=2 * MEBIBYTE, eviction_policy="volatile-lru")
    stack = open_stack(Settings(redis=settings))
    wait_until_trusted(stack)
    cache = stack.layer
    lasting = {f"order:{number}": b"x" * 1000 for number in range(50)}
    cache.write_many([("set", key, value) for key, value in lasting.items()])
    expiring = {f"session:{number}": b"y" * 1000 for number in range(3_000)}
    for start in range(0, 3_000, 500):
        some = list(expiring.items())[start : start + 500]
        cache.write_many([("set", key, value, "1h") for key, value in some])
    until(lambda: stack.snapshot().redis.evicted > 0)
    assert all(cache.read(key).source == "redis" for key in lasting)
    both = lasting | expiring
    assert dict(zip(both, cache.get_many(both), strict=True)) == both
    # Nothing that it may evict is left: it refuses what is new, which the database serves.
    cache.write_many([("persist", key) for key in expiring])
    assert dict(zip(both, cache.get_many(both), strict=True)) == both
    assert stack.snapshot().books.balanced


def test_less_memory_makes_redis_evict(stack: Stack) -> None:
    fill_cache(stack, 3_000)
    stack.perform(SetMemory(2 * MEBIBYTE))
    until(lambda: stack.snapshot().redis.evicted > 0)
    assert stack.layer.get_many([f"session:{n}" for n in range(3_000)]) == [b"x" * 1000] * 3_000


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (SetMemory(2 * MEBIBYTE - 1), "2,097,152 to 1,099,511,627,776 bytes, not 2097151"),
        (SetMemory((1 << 40) + 1), "not 1099511627777"),
        (SetMemory(-1), "not -1"),
        (SetMemory(True), "not True"),
        (SetMemory(64e6), "not 64000000.0"),  # type: ignore[arg-type]
        (SetMemory("64mb"), "not '64mb'"),  # type: ignore[arg-type]
        (SetMemory(eviction_policy="lru"), "no eviction policy 'lru'; there are allkeys-lru, "),
        (SetMemory(eviction_policy="volatile-lr"), "no eviction policy 'volatile-lr'"),
        (SetMemory(32 * MEBIBYTE, ""), "no eviction policy ''"),
    ],
    ids=repr,
)
def test_what_is_no_limit_is_said_and_nothing_changes(
    stack: Stack, command: SetMemory, said: str
) -> None:
    before = limits(stack)
    with pytest.raises(ConfigError) as error:
        stack.perform(command)
    assert said in str(error.value)
    assert limits(stack) == before
    stack.perform(Inject("redis.kill"))
    until(lambda: stack.snapshot().redis.restarts == 1)
    wait_until_trusted(stack)
    assert told(stack) == (b"%d" % before[0], before[1].encode())


def test_they_hold_for_the_next_server(stack: Stack) -> None:
    stack.perform(SetMemory(32 * MEBIBYTE, "allkeys-random"))
    stack.perform(Inject("redis.kill"))
    until(lambda: stack.snapshot().redis.restarts == 1)
    wait_until_trusted(stack)
    assert told(stack) == (b"33554432", b"allkeys-random")


def test_while_redis_is_down_they_hold_from_its_next_start(stack: Stack) -> None:
    stack.perform(Inject("redis.down"))
    until(lambda: stack.snapshot().redis.pid is None)
    said = stack.perform(SetMemory(32 * MEBIBYTE, "allkeys-random"))
    assert said.endswith("from when it is back")
    assert limits(stack) == (32 * MEBIBYTE, "allkeys-random")
    stack.perform(Heal())
    wait_until_trusted(stack)
    assert told(stack) == (b"33554432", b"allkeys-random")


def test_a_redis_that_hangs_is_told_when_it_goes_on(stack: Stack) -> None:
    """What it did not answer in time may be carried out after what was asked later."""
    stack.perform(Inject("redis.hang"))
    for mebibytes in (32, 48, 40):
        said = stack.perform(SetMemory(mebibytes * MEBIBYTE))
        assert "from when it" in said
    stack.perform(Heal())
    wait_until_trusted(stack)
    until(lambda: not stack.cache.limits.uncertain)
    assert told(stack)[0] == b"%d" % (40 * MEBIBYTE)


def test_healing_a_squeeze_brings_the_newest_limit(stack: Stack) -> None:
    fill_cache(stack)
    stack.perform(Inject("redis.squeeze"))
    squeezed = limits(stack)[0]
    said = stack.perform(SetMemory(128 * MEBIBYTE, "allkeys-lfu"))
    assert f"redis.squeeze holds it at {squeezed:,} bytes" in said
    assert limits(stack) == (squeezed, "allkeys-lfu")
    stack.perform(Heal())
    assert limits(stack) == (128 * MEBIBYTE, "allkeys-lfu")


def test_less_than_a_squeeze_holds_at_once(stack: Stack) -> None:
    fill_cache(stack, 4_000)
    stack.perform(Inject("redis.squeeze"))
    assert limits(stack)[0] > 2 * MEBIBYTE
    said = stack.perform(SetMemory(2 * MEBIBYTE))
    assert said == "Redis may use 2 MiB and evicts by allkeys-lru"
    assert limits(stack)[0] == 2 * MEBIBYTE
    stack.perform(Heal())
    assert limits(stack)[0] == 2 * MEBIBYTE


def test_a_squeeze_that_died_with_its_server_left_the_new_limit(stack: Stack) -> None:
    fill_cache(stack)
    stack.perform(Inject("redis.squeeze"))
    stack.perform(SetMemory(32 * MEBIBYTE))
    stack.perform(Inject("redis.kill"))
    until(lambda: stack.snapshot().faults == ())
    wait_until_trusted(stack)
    assert limits(stack)[0] == 32 * MEBIBYTE


def test_before_redis_was_ever_asked_its_limits_are_known(open_stack: OpenStack) -> None:
    settings = RedisSettings(maxmemory_bytes=8 * MEBIBYTE, eviction_policy="noeviction")
    stack = open_stack(Settings(redis=settings))
    stack.perform(Inject("redis.down"))
    redis = stack.snapshot().redis
    assert isinstance(redis, RedisState)
    assert (redis.maxmemory_bytes, redis.eviction_policy) == (8 * MEBIBYTE, "noeviction")
