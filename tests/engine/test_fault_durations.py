"""A lasting fault may be given a time: it is healed when that is up, and says so meanwhile."""

from __future__ import annotations

import math

import pytest

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.errors import ConfigError
from cachedesk.core.snapshot import EventKind, FaultState
from cachedesk.stack.stack import Stack

from .until import until


def state(stack: Stack, name: str) -> FaultState:
    return next(each for each in stack.snapshot().catalogue if each.name == name)


def test_a_held_fault_is_healed_when_its_time_is_up(stack: Stack) -> None:
    stack.perform(Inject("database.lock", 0.05))
    held = state(stack, "database.lock")
    if held.since_at is not None:
        assert held.until_at is not None
        assert held.until_at - held.since_at < 0.1
    until(lambda: stack.snapshot().faults == ())
    snapshot = stack.snapshot()
    assert any(
        event.kind is EventKind.HEALED and "database.lock" in event.text
        for event in snapshot.events
    )
    assert snapshot.marks[-1].end_at is not None
    assert state(stack, "database.lock").until_at is None


def test_healing_by_hand_ends_the_countdown_too(stack: Stack) -> None:
    stack.perform(Inject("database.lock", 3600))
    assert state(stack, "database.lock").until_at is not None
    stack.perform(Heal())
    stack.perform(Inject("database.lock"))
    assert state(stack, "database.lock").until_at is None


def test_what_has_no_time_says_so(stack: Stack) -> None:
    stack.perform(Inject("redis.down"))
    assert state(stack, "redis.down").until_at is None


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 86_401])
def test_a_silly_time_is_refused_and_nothing_is_broken(stack: Stack, seconds: float) -> None:
    with pytest.raises(ConfigError, match="seconds"):
        stack.perform(Inject("redis.down", seconds))
    assert stack.snapshot().faults == ()


def test_what_passes_by_itself_takes_no_time(stack: Stack) -> None:
    with pytest.raises(ConfigError, match="passes by itself"):
        stack.perform(Inject("redis.empty", 5))


def test_an_armed_failpoint_is_in_the_snapshot_until_it_is_reached(stack: Stack) -> None:
    stack.perform(Inject("worker.crash:worker.ack.before"))
    assert stack.snapshot().armed == ("worker.ack.before",)
    stack.layer.incr("views:article:1")
    until(lambda: stack.snapshot().armed == ())
