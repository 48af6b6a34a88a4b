"""Evictions by pattern and by share: Redis only, exact, and never a wrong read after them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cachedesk.core.commands import (
    EvictAll,
    EvictMatching,
    EvictShare,
    Heal,
    Inject,
    PauseWorker,
    StepWorker,
)
from cachedesk.core.errors import Closed, ConfigError, Unavailable
from cachedesk.core.eviction import share_of_all
from cachedesk.stack.stack import Stack

from .test_faults import fill_cache
from .until import Task, until

OpenStack = Callable[..., Stack]


def keys_in_redis(stack: Stack) -> int:
    return stack.snapshot().redis.keys


def test_a_pattern_evicts_what_a_policy_would_match(stack: Stack) -> None:
    fill_cache(stack, 3_500)
    stack.layer.set("order:1", b"x")
    said = stack.perform(EvictMatching("session:1*"))
    assert (
        said == "1,111 keys that match 'session:1*' were evicted from Redis; the truth is complete"
    )
    assert stack.snapshot().events[-1].text == said
    assert keys_in_redis(stack) == 3_501 - 1_111
    assert stack.layer.get("session:1") == b"x" * 1000
    assert stack.perform(EvictMatching("none:?")).startswith("0 keys that match 'none:?' were")


@pytest.mark.parametrize("pattern", ["", "\ud800"], ids=repr)
def test_what_is_no_pattern_is_said(stack: Stack, pattern: str) -> None:
    fill_cache(stack, 5)
    with pytest.raises(ConfigError, match="pattern"):
        stack.perform(EvictMatching(pattern))
    assert keys_in_redis(stack) == 5


def test_a_long_pattern_and_odd_characters_stay_one_line(stack: Stack) -> None:
    said = stack.perform(EvictMatching("a\n\x1b" + "*" * 5_000))
    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) < 150


@pytest.mark.parametrize(("share", "evicted"), [(0.25, 625), (1, 2_500), (1e-9, 1), (0.3333, 834)])
def test_a_share_is_exact(stack: Stack, share: float, evicted: int) -> None:
    fill_cache(stack, 2_500)
    said = stack.perform(EvictShare(share))
    assert said.startswith(f"{evicted:,} of 2,500 keys, chosen at random, were evicted from Redis")
    assert keys_in_redis(stack) == 2_500 - evicted
    assert stack.layer.get_many([f"session:{n}" for n in range(2_500)]) == [b"x" * 1000] * 2_500


def test_a_share_of_an_empty_redis_is_nothing(stack: Stack) -> None:
    assert stack.perform(EvictShare(0.5)).startswith("0 of 0 keys")


def test_a_share_is_chosen_at_random() -> None:
    keys = [b"%d" % number for number in range(1_000)]
    assert set(share_of_all(0.5)(keys)) != set(share_of_all(0.5)(keys))


@pytest.mark.parametrize("share", [0, -0.5, 1.01, float("nan"), float("inf"), True, "half", None])
def test_what_is_no_share_is_said(stack: Stack, share: float) -> None:
    fill_cache(stack, 5)
    with pytest.raises(ConfigError, match="a share is more than 0 and at most 1"):
        stack.perform(EvictShare(share))
    assert keys_in_redis(stack) == 5


@pytest.mark.parametrize("command", [EvictMatching("*"), EvictShare(0.5)], ids=repr)
def test_without_redis_there_is_nothing_to_evict_from(
    stack: Stack, command: EvictMatching | EvictShare
) -> None:
    stack.perform(Inject("redis.down"))
    until(lambda: stack.snapshot().redis.pid is None)
    with pytest.raises(Unavailable, match="Redis is not in use now"):
        stack.perform(command)


def test_a_closed_stack_carries_no_command_out(stack: Stack) -> None:
    stack.close()
    for command in (
        EvictAll(),
        EvictMatching("*"),
        Inject("worker.pause"),
        Heal(),
        PauseWorker(),
        StepWorker(),
    ):
        with pytest.raises(Closed):
            stack.perform(command)


def test_no_read_is_wrong_while_keys_are_evicted(stack: Stack) -> None:
    """Each counter's reader sees at least what its writer was told, whatever is evicted."""
    stop = threading.Event()

    def count(key: str) -> int:
        rounds = 0
        while not stop.is_set():
            value = stack.layer.incr(key)
            assert stack.layer.get(key) == b"%d" % value
            rounds += 1
        return rounds

    tasks = [Task(count, key) for key in ("views:1", "views:2", "order:1")]
    try:
        for _ in range(15):
            stack.perform(EvictMatching("views:*"))
            stack.perform(EvictShare(0.7))
    finally:
        stop.set()
    assert all(task.result() > 0 for task in tasks)
