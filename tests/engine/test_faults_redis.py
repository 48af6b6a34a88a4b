"""Faults of Redis: real signals and commands, and an end when their server ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.errors import Unavailable
from cachedesk.core.settings import RedisSettings, Settings
from cachedesk.stack.stack import Stack

from .scenarios import wait_until_trusted
from .test_faults import fill_cache
from .until import until

OpenStack = Callable[..., Stack]


def test_squeezed_redis_evicts_by_itself_and_nothing_is_wrong(stack: Stack) -> None:
    fill_cache(stack)
    before = stack.snapshot().redis
    stack.perform(Inject("redis.squeeze"))
    until(lambda: stack.snapshot().redis.evicted > before.evicted)
    squeezed = stack.snapshot().redis
    assert 0 < squeezed.maxmemory_bytes < before.memory_bytes
    assert squeezed.keys < before.keys
    for n in range(500):
        assert stack.layer.get(f"session:{n}") == b"x" * 1000
    stack.perform(Heal())
    assert stack.snapshot().redis.maxmemory_bytes == before.maxmemory_bytes
    fill_cache(stack)
    assert stack.snapshot().redis.keys == 500


def test_a_squeeze_ends_with_the_server_that_was_squeezed(stack: Stack) -> None:
    fill_cache(stack, 50)
    usual = stack.snapshot().redis.maxmemory_bytes
    stack.perform(Inject("redis.squeeze"))
    stack.perform(Inject("redis.kill"))
    until(lambda: stack.snapshot().faults == ())
    wait_until_trusted(stack)
    snapshot = stack.snapshot()
    assert snapshot.redis.maxmemory_bytes == usual
    assert [mark.end_at is None for mark in snapshot.marks] == [False, False]
    assert any("redis.squeeze is over" in event.text for event in snapshot.events)
    assert stack.perform(Heal()) == "nothing is broken"
    stack.perform(Inject("redis.squeeze"))


def test_a_squeeze_that_cannot_be_healed_stays(stack: Stack) -> None:
    fill_cache(stack, 50)
    usual = stack.snapshot().redis.maxmemory_bytes
    stack.perform(Inject("redis.squeeze"))
    stack.perform(Inject("redis.hang"))
    with pytest.raises(Unavailable, match=r"redis\.squeeze cannot be healed now"):
        stack.perform(Heal("redis.squeeze"))
    assert set(stack.snapshot().faults) == {"redis.squeeze", "redis.hang"}
    assert stack.perform(Heal()) == "healed: redis.hang, redis.squeeze"
    wait_until_trusted(stack)
    assert stack.snapshot().redis.maxmemory_bytes == usual


def test_a_redis_that_will_not_evict_stores_nothing_more(open_stack: OpenStack) -> None:
    stack = open_stack(Settings(redis=RedisSettings(eviction_policy="noeviction")))
    fill_cache(stack, 200)
    stack.perform(Inject("redis.squeeze"))
    for n in range(200):
        stack.layer.set(f"session:{n}", b"newer")
        assert stack.layer.get(f"session:{n}") == b"newer"
    assert stack.snapshot().redis.evicted == 0
    stack.perform(Heal())
    assert stack.layer.get("session:0") == b"newer"


@pytest.mark.parametrize("killer", ["redis.kill", "redis.down", "outside"])
def test_a_hang_ends_with_the_server_that_hung(stack: Stack, killer: str) -> None:
    stack.perform(Inject("redis.hang"))
    if killer == "outside":
        pid = stack.snapshot().redis.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    else:
        stack.perform(Inject(killer))
    until(lambda: "redis.hang" not in stack.snapshot().faults)
    if killer == "redis.down":
        assert stack.snapshot().faults == ("redis.down",)
        until(lambda: stack.snapshot().redis.pid is None)
        assert stack.snapshot().redis.word == "held down"
        stack.perform(Heal())
    wait_until_trusted(stack)
    assert stack.snapshot().faults == ()
    assert stack.snapshot().redis.restarts == 1
