"""The auditor: it finds what is wrong in Redis, and never what is only on its way."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cachedesk.core.commands import EvictShare, Heal, Inject
from cachedesk.core.errors import CachedeskError
from cachedesk.core.settings import RedisSettings, Settings, WorkerSettings
from cachedesk.core.snapshot import Audit, EventKind
from cachedesk.observe.auditor import Auditor
from cachedesk.stack.stack import Stack

from .scenarios import BEHIND, PATIENT, THROUGH, held_at, running, wait_until_trusted
from .until import Task, until

OpenStack = Callable[..., Stack]


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the auditor looks when it is told to, unless a test says otherwise."""
    monkeypatch.setattr(Auditor, "every_seconds", 3600)


def write_into_redis(stack: Stack, key: str, value: bytes) -> None:
    """The planted bug: what Redis holds is not what was written."""
    cache = stack.cache.cache
    assert cache.ask(b"SET", cache.stored_as(key.encode()), value) == b"OK"


def errors(stack: Stack) -> list[str]:
    return [event.text for event in stack.snapshot().events if event.kind is EventKind.ERROR]


# -- what is wrong is found ------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [THROUGH, BEHIND])
def test_a_wrong_copy_is_found_said_and_evicted(open_stack: OpenStack, policy: str) -> None:
    stack = open_stack(PATIENT)
    stack.layer.set("session:1", b"right", policy=policy)
    write_into_redis(stack, "session:1", b"wrong")
    stack.auditor.look()
    audit = stack.snapshot().audit
    assert (audit.checked, audit.divergent, audit.keys) == (1, 1, (b"session:1",))
    assert errors(stack) == [
        "session:1 diverged: Redis held wrong, the truth is right; it was evicted from Redis,"
        " and the next read repairs it"
    ]
    assert stack.snapshot().redis.keys == 0
    assert stack.layer.get("session:1") == b"right"


def test_a_copy_of_what_is_absent_is_found(stack: Stack) -> None:
    stack.layer.delete("order:1")
    write_into_redis(stack, "order:1", b"\xff" * 500)
    write_into_redis(stack, "order:never", b"x")
    stack.auditor.look()
    assert set(stack.snapshot().audit.keys) == {b"order:1", b"order:never"}
    assert all("the truth is absent" in text and len(text) < 250 for text in errors(stack))
    assert stack.layer.get("order:1") is None


def test_among_many_it_is_found_by_itself(open_stack: OpenStack, monkeypatch: Any) -> None:
    monkeypatch.setattr(Auditor, "every_seconds", 0.005)
    stack = open_stack()
    stack.layer.write_many([("set", f"session:{n}", b"x") for n in range(200)])
    write_into_redis(stack, "session:77", b"wrong")
    until(lambda: stack.snapshot().audit.keys == (b"session:77",))
    assert stack.layer.get("session:77") == b"x"


def test_a_key_is_said_once_and_counted_each_time(stack: Stack) -> None:
    stack.layer.set("order:1", b"right")
    for _ in range(3):
        write_into_redis(stack, "order:1", b"wrong")
        stack.auditor.look()
    audit = stack.snapshot().audit
    assert (audit.divergent, audit.keys) == (3, (b"order:1",))
    assert len(errors(stack)) == 1


def test_many_at_once_are_few_events(stack: Stack) -> None:
    for number in range(18):
        write_into_redis(stack, f"order:{number}", b"wrong")
    until(lambda: stack.auditor.look() or stack.snapshot().redis.keys == 0)
    audit = stack.snapshot().audit
    assert (audit.divergent, len(audit.keys)) == (18, 8)
    assert len(errors(stack)) < 18
    assert any("more keys diverged; they were evicted" in text for text in errors(stack))


# -- what is only on its way is not ----------------------------------------------------------------

_MOMENTS = [
    (THROUGH, "through.commit.after"),
    (THROUGH, "through.cache.before"),
    (BEHIND, "log.append.after_commit"),
    (BEHIND, "log.append.after"),
    (BEHIND, "behind.cache.before"),
]


@pytest.mark.parametrize(("policy", "moment"), _MOMENTS)
def test_a_write_in_flight_is_not_divergent(stack: Stack, policy: str, moment: str) -> None:
    """At these moments Redis holds what is not true any more, and the write is not acknowledged."""
    stack.layer.set("order:1", b"old")
    with held_at(
        stack.failpoints, moment, stack.layer.set, "order:1", b"new", policy=policy
    ) as write:
        looking = Task(stack.auditor.look)
        # Time to be wrong in: what it says too early is seen, and slowness fails nothing.
        looking.join(0.1)
        assert stack.snapshot().audit.divergent == 0
    write.result()
    looking.result()
    stack.auditor.look()
    assert stack.snapshot().audit.divergent == 0
    assert stack.cache.cache.get(b"order:1") == b"new"
    assert errors(stack) == []


def test_under_heavy_writes_nothing_is_reported(open_stack: OpenStack, monkeypatch: Any) -> None:
    """Eight keys, both paths, evictions, a worker that crashes and a Redis that dies: the auditor
    looks all the time, and has nothing to say."""
    monkeypatch.setattr(Auditor, "every_seconds", 0.001)
    monkeypatch.setattr("cachedesk.observe.auditor._REST", 0)
    stack = open_stack(Settings(worker=WorkerSettings(batch_age_seconds=0.005)))
    stop = threading.Event()
    done = [0, 0, 0, 0]

    def write(seed: int) -> None:
        draw = random.Random(seed)
        while not stop.is_set():
            key, policy = f"key:{draw.randrange(8)}", draw.choice((THROUGH, BEHIND))
            match draw.randrange(5):
                case 0:
                    stack.layer.delete(key, policy=policy)
                case 1:
                    stack.layer.set(key, b"%d" % draw.randrange(100), policy=policy)
                case 2:
                    stack.layer.get(key)
                case _:
                    stack.layer.incr(key, policy=policy)
            done[seed] += 1

    writers = [Task(write, seed) for seed in range(4)]
    try:
        for round_number in range(6):
            stack.perform(Inject(("worker.crash", "redis.kill")[round_number % 2]))
            wait_until_trusted(stack)
            stack.perform(EvictShare(0.5))
            checked, written = stack.snapshot().audit.checked + 150, min(done) + 50
            until(
                lambda: stack.snapshot().audit.checked > checked and min(done) > written  # noqa: B023
            )
    finally:
        stop.set()
    for writer in writers:
        writer.result()
    audit = stack.snapshot().audit
    assert (audit.divergent, audit.keys) == (0, ())
    assert not any("diverged" in text or "auditor" in text for text in errors(stack))


def test_poison_is_no_divergence(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    stack.perform(Inject("log.poison"))
    stack.auditor.look()
    assert stack.snapshot().audit.divergent == 0


# -- it is quiet -----------------------------------------------------------------------------------


def test_it_counts_as_no_read(stack: Stack) -> None:
    for number in range(30):
        stack.layer.set(f"order:{number}", b"x")
    before = stack.snapshot()
    stack.auditor.look()
    after = stack.snapshot()
    assert after.audit.checked - before.audit.checked > 5
    assert after.reads == before.reads
    assert after.prefixes == before.prefixes == ()
    assert [hot.uses for hot in after.hot] == [hot.uses for hot in before.hot]
    assert after.latencies.hit == before.latencies.hit


@pytest.mark.parametrize("fault", ["redis.down", "redis.hang", "database.gone"])
def test_it_pauses_while_a_part_is_down(stack: Stack, fault: str) -> None:
    stack.layer.set("order:1", b"x")
    write_into_redis(stack, "order:1", b"wrong")
    stack.perform(Inject(fault))
    if fault == "redis.down":
        until(lambda: stack.snapshot().redis.word != "up")
    with suppress(CachedeskError):
        stack.auditor.look()
    assert stack.snapshot().audit == Audit()
    stack.perform(Heal())
    wait_until_trusted(stack)
    stack.layer.get("order:1")
    stack.auditor.look()
    assert stack.snapshot().audit.checked == 1


def test_a_slow_database_holds_no_key_up(stack: Stack) -> None:
    stack.layer.set("order:1", b"x")
    write_into_redis(stack, "order:1", b"wrong")
    stack.perform(Inject("database.slow:600s"))
    Task(stack.auditor.look).result()
    assert stack.snapshot().audit.divergent == 1


def test_large_values_are_looked_at_a_few_at_a_time(open_stack: OpenStack) -> None:
    # On a busy machine so much takes Redis longer than the usual timeout.
    stack = open_stack(msgspec.structs.replace(PATIENT, redis=RedisSettings(timeout_seconds=5)))
    stack.layer.write_many([("set", f"order:{n}", b"x" * 900_000) for n in range(20)])
    checked = stack.snapshot().audit.checked
    stack.auditor.look()
    assert 1 <= stack.snapshot().audit.checked - checked <= 10


def test_a_key_with_a_long_queue_is_left_alone(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    stack.layer.write_many([("incr", "views:1", 1)] * 1_001)
    stack.layer.set("order:1", b"x")
    stack.auditor.look()
    assert stack.snapshot().audit.checked == 1


def test_it_ends_with_the_stack(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(Auditor, "every_seconds", 0.0)
    with running(tmp_path / "data") as stack:
        stack.layer.write_many([("set", f"session:{n}", b"x") for n in range(100)])
        until(lambda: stack.snapshot().audit.checked)
        thread = stack.auditor._thread
    assert not thread.is_alive()
