"""Each fault says what it has caused: in the events, in figures."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

import pytest

from cachedesk.chaos.impact import Figures, impact
from cachedesk.core.commands import Heal, Inject
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import Unavailable
from cachedesk.core.settings import DatabaseSettings, RedisSettings, Settings
from cachedesk.core.snapshot import EventKind
from cachedesk.observe.event_text import text_of
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis import supervisor

from .scenarios import PATIENT, wait_until_trusted
from .test_faults import LASTING, fill_cache
from .until import until

OpenStack = Callable[..., Stack]


def said(stack: Stack, pattern: str) -> list[str]:
    """The events that match ``pattern``."""
    return [event.text for event in stack.snapshot().events if re.search(pattern, event.text)]


def told(before: Figures, after: Figures) -> str:
    """What is said of a fault called ``a.b``."""
    return text_of(EventCode.FAULT_IMPACT, {"fault": "a.b", **impact(before, after)})


# -- a lasting fault -------------------------------------------------------------------------------


def test_the_sentence_says_only_what_happened() -> None:
    before = Figures(at=10.0, unavailable=5, refused=1, depth=12, evicted=3, redis_pid=7)
    same = Figures(at=22.04, unavailable=5, refused=1, depth=12, evicted=3, redis_pid=7)
    assert told(before, same) == "a.b lasted 12.0 s: no calls unavailable"
    much = Figures(22.0, unavailable=39, refused=3, depth=3_040, evicted=2_003, redis_pid=7)
    assert told(before, much) == (
        "a.b lasted 12.0 s: 34 calls unavailable, 2 refused, 2,000 keys evicted by Redis itself,"
        " the log grew from 12 to 3,040 events"
    )
    another = Figures(22.0, unavailable=6, refused=1, depth=0, evicted=9, redis_pid=8)
    assert told(before, another) == "a.b lasted 12.0 s: 1 call unavailable"


def test_a_locked_database_says_what_it_cost(open_stack: OpenStack) -> None:
    stack = open_stack(Settings(database=DatabaseSettings(write_seconds=5.0)))
    stack.worker.controls.pause()
    stack.layer.write_many([("incr", "views:1", 1)] * 12)
    stack.perform(Inject("database.lock"))
    stack.layer.write_many([("incr", "views:1", 1)] * 1_500)
    with pytest.raises(Unavailable):
        stack.layer.write(("set", "order:1", b"x"))
    stack.perform(Heal("database.lock"))
    assert said(stack, r"^database\.lock lasted \d+\.\d s: 1 call unavailable, the log grew from")
    assert said(stack, r"grew from 12 to 1,512 events$")


@pytest.mark.parametrize("name", LASTING)
def test_each_says_how_long_it_lasted(stack: Stack, name: str) -> None:
    fill_cache(stack, 20)
    for _ in range(2):
        wait_until_trusted(stack)
        stack.perform(Inject(name))
        stack.perform(Heal())
    assert len(said(stack, rf"^{re.escape(name)} lasted \d+\.\d s: ")) == 2


def test_one_whose_time_is_up_says_it_too(stack: Stack) -> None:
    stack.perform(Inject("database.full", 0.01))
    until(lambda: said(stack, r"^database\.full lasted"))


def test_a_squeeze_says_what_redis_evicted(stack: Stack) -> None:
    fill_cache(stack)
    stack.perform(Inject("redis.squeeze"))
    until(lambda: stack.snapshot().redis.evicted)
    evicted = 500 - stack.snapshot().redis.keys
    stack.perform(Heal())
    (text,) = said(stack, r"^redis\.squeeze lasted")
    number = re.search(r"([\d,]+) keys evicted by Redis itself", text)
    assert number is not None
    assert int(number[1].replace(",", "")) >= evicted


# -- keys that Redis lost --------------------------------------------------------------------------


def test_a_killed_redis_says_how_many_keys_it_lost(stack: Stack) -> None:
    fill_cache(stack, 1_204)
    stack.perform(Inject("redis.kill"))
    until(lambda: said(stack, "Redis is back"))
    assert said(stack, "empty; 1,204 keys were lost from it, the truth is complete$")


def test_one_that_was_empty_lost_nothing(stack: Stack) -> None:
    stack.perform(Inject("redis.kill"))
    until(lambda: said(stack, "Redis is back"))
    assert said(stack, "s: empty$")


def test_one_that_is_held_down_says_it_when_it_is_back(stack: Stack) -> None:
    stack.layer.set("order:1", b"x")
    stack.perform(Inject("redis.down"))
    until(lambda: stack.snapshot().redis.pid is None)
    stack.perform(Heal())
    until(lambda: said(stack, "Redis is back"))
    assert said(stack, "; 1 key was lost from it")
    assert said(stack, r"^redis\.down lasted")


def test_one_that_comes_back_old_is_not_believed(stack: Stack) -> None:
    fill_cache(stack, 300)
    stack.perform(Inject("redis.old_snapshot"))
    until(lambda: said(stack, "Redis is back"))
    assert said(stack, "300 keys were lost from it")


def test_a_warm_one_lost_only_what_it_did_not_bring(open_stack: OpenStack) -> None:
    stack = open_stack(Settings(redis=RedisSettings(restart="warm")))
    fill_cache(stack, 50)
    stack.cache.cache.save()
    stack.layer.write_many([("set", f"order:{n}", b"x") for n in range(7)])
    stack.perform(Inject("redis.kill"))
    until(lambda: said(stack, "Redis is back"))
    assert said(stack, "50 keys agree with the truth, 0 keys dropped; 7 keys were lost from it")


def test_a_short_doubt_is_counted_and_not_told(stack: Stack) -> None:
    fill_cache(stack, 50)
    stack.cache.cache.distrust([b"session:1"], "a test")
    until(lambda: stack.snapshot().redis.bypasses == 1)
    assert not said(stack, "Redis is back|bypassed")


def test_a_redis_that_was_silent_was_never_away(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives as long as the stack; what is told is how long it was bypassed, not its age."""
    # A busy machine may make it longer than that, and Redis is not to be killed here.
    monkeypatch.setattr(supervisor, "_HANG_SECONDS", 300.0)
    fill_cache(stack, 50)
    pid = stack.snapshot().redis.pid
    assert pid is not None
    for times in (1, 2):
        wait_until_trusted(stack)
        os.kill(pid, signal.SIGSTOP)
        try:
            stopped_at = time.monotonic()
            stack.layer.incr("views:1")
            distrusted_at = stack.cache.cache.trusted_server.distrusted_at
            while time.monotonic() - distrusted_at < 0.3:
                stack.layer.incr("views:1")
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda n=times: bypassed_times(stack) >= n)  # type: ignore[misc]
    away = time.monotonic() - stopped_at
    assert not said(stack, "Redis is back")
    (event,) = (each for each in stack.snapshot().events if "bypassed" in each.text)
    assert event.kind is EventKind.INFO
    found = re.search(
        r"^Redis did not answer within [\d.]+ m?s; it was bypassed for ([\d.]+) (m?s)"
        r" \(1 key dropped\)$",
        event.text,
    )
    assert found is not None, event
    assert 0.2 < float(found[1]) * (0.001 if found[2] == "ms" else 1) < away


def bypassed_times(stack: Stack) -> int:
    return sum(each.times for each in stack.snapshot().events if "bypassed" in each.text)


def test_what_was_held_down_is_not_said_to_die_when_it_is_healed(stack: Stack) -> None:
    stack.perform(Inject("redis.down"))
    until(lambda: stack.snapshot().redis.pid is None)
    stack.perform(Heal())
    until(lambda: said(stack, "Redis is back"))
    assert not said(stack, "Redis died")
    stack.perform(Inject("redis.kill"))
    until(lambda: said(stack, "Redis died"))


# -- the worker ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "already"), [("worker.apply.mid_batch", 0), ("worker.ack.before", 500)]
)
def test_a_crashed_worker_says_what_was_delivered_again(
    open_stack: OpenStack, point: str, already: int
) -> None:
    stack = open_stack(PATIENT)
    stack.layer.write_many([("incr", f"views:{n % 10}", 1) for n in range(500)])
    stack.perform(Inject(f"worker.crash:{point}"))
    stack.worker.controls.step()
    until(lambda: stack.snapshot().worker.restarts)
    stack.layer.write_many([("incr", "views:1", 1)] * 30)
    stack.layer.drain(60)
    assert said(stack, "delivered again") == [
        f"after the worker's crash at {point}: 500 events delivered again,"
        f" {already} of them part of their rows already"
    ]


def test_what_was_acked_is_not_delivered_again(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    stack.layer.incr("views:1")
    stack.perform(Inject("worker.crash:worker.ack.after"))
    stack.worker.controls.step()
    until(lambda: stack.snapshot().worker.restarts)
    stack.layer.incr("views:1")
    stack.layer.drain(60)
    assert said(stack, r"worker\.ack\.after: 0 events delivered again, 0 of them")


def test_a_smaller_batch_counts_them_once(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    for _ in range(4):
        stack.layer.write_many([("incr", "views:1", 1)] * 100)
    stack.perform(Inject("worker.crash:worker.ack.before"))
    stack.worker.controls.step()
    until(lambda: stack.snapshot().worker.restarts)
    stack.worker.controls.set_batch(events=100)
    stack.layer.drain(60)
    assert said(stack, r"ack\.before: 400 events delivered again, 400 of them part of their rows")
