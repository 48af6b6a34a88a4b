"""Interrupted: a write dies in the middle, or the stack is closed under it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cachedesk.core.commands import Inject
from cachedesk.core.errors import Closed, OutcomeUnknown, Unavailable
from cachedesk.core.failpoints import POINTS
from cachedesk.stack.stack import Stack

from . import scenarios
from .scenarios import BEHIND, PATIENT, THROUGH, held_at
from .until import Task, until

OpenStack = Callable[..., Stack]


def test_an_append_that_died_after_its_commit_is_applied_once_or_not_at_all(
    open_stack: OpenStack,
) -> None:
    """The caller never heard of it; whatever became of it, all places agree from then on."""
    stack = open_stack(PATIENT)
    cache = stack.layer
    scenarios.interrupted(stack.failpoints, cache.incr, "views:1", at="log.append.after_commit")
    value = cache.incr("views:1", 10)
    assert value in (10, 11)
    cache.drain(60)
    assert cache.get("views:1") == b"%d" % value
    assert dict(cache.items()) == {b"views:1": b"%d" % value}
    assert stack.snapshot().books.balanced


def test_an_append_that_died_after_its_commit_never_undoes_a_later_delete(
    open_stack: OpenStack,
) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    scenarios.interrupted(stack.failpoints, cache.incr, "views:1", at="log.append.after_commit")
    cache.delete("views:1", policy=THROUGH)
    stack.worker.controls.step()
    until(lambda: not stack.worker.controls.steps)
    cache.set("session:1", b"x")
    cache.drain(60)
    cache.evict("*")
    assert cache.get("views:1") is None


@pytest.mark.parametrize(
    "point", ["through.commit.before", "through.commit.after", "through.cache.before"]
)
def test_a_write_through_that_died_leaves_no_old_value_in_redis(stack: Stack, point: str) -> None:
    cache = stack.layer
    cache.set("order:1", b"old")
    scenarios.interrupted(stack.failpoints, cache.set, "order:1", b"new", at=point)
    expected = b"old" if point == "through.commit.before" else b"new"
    assert cache.get("order:1") == expected
    assert dict(cache.items()) == {b"order:1": expected}
    cache.set("order:1", b"next")
    assert cache.get("order:1") == b"next"


def test_close_twice_is_harmless_and_use_after_close_is_an_error(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    cache = stack.layer
    cache.close()
    cache.close()
    stack.close()
    calls: list[Callable[[], object]] = [
        lambda: cache.get("key"),
        lambda: cache.get_many(["key"]),
        lambda: cache.set("key", b"x"),
        lambda: cache.incr("key"),
        lambda: cache.write_many([]),
        lambda: cache.evict("*"),
        cache.items,
        lambda: cache.drain(1),
        cache.snapshot,
    ]
    for call in calls:
        with pytest.raises(Closed):
            call()


UNDER_WAY = [
    *((point, THROUGH) for point in POINTS if point.startswith("through.")),
    *((point, BEHIND) for point in POINTS if point.startswith(("log.", "behind."))),
]


@pytest.mark.parametrize(
    ("point", "policy"), UNDER_WAY, ids=[f"{policy}-{point}" for point, policy in UNDER_WAY]
)
def test_a_write_under_way_when_the_stack_is_closed(
    tmp_path: Path, point: str, policy: str
) -> None:
    """It is acknowledged and there, or it says that the stack was closed; never "damaged"."""
    with scenarios.running(tmp_path) as stack:
        cache = stack.layer
        cache.set("key", 5, policy=policy)
        with held_at(stack.failpoints, point, cache.incr, "key", policy=policy) as task:
            closing = Task(cache.close)
            until(lambda: cache._gate.closed)
        closing.result()
        try:
            possible = {b"%d" % task.result()}
            assert possible == {b"6"}
        except OutcomeUnknown:
            possible = {b"5", b"6"}
        except (Closed, Unavailable):
            possible = {b"5"}
    with scenarios.running(tmp_path) as stack:
        assert stack.layer.get("key") in possible


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("repair.")])
def test_a_read_under_way_when_the_stack_is_closed(tmp_path: Path, point: str) -> None:
    with scenarios.running(tmp_path) as stack:
        cache = stack.layer
        cache.set("key", b"x")
        cache.evict("*")
        with held_at(stack.failpoints, point, cache.get, "key") as task:
            closing = Task(cache.close)
            until(lambda: cache._gate.closed)
        closing.result()
        with suppress(Closed, Unavailable):
            assert task.result() == b"x"


def test_a_drain_under_way_when_the_stack_is_closed(tmp_path: Path) -> None:
    with scenarios.running(tmp_path) as stack:
        stack.perform(Inject("database.lock"))
        stack.layer.incr("views:1")
        draining = Task(stack.layer.drain)
        until(lambda: stack.worker.controls.expedited)
        Task(stack.layer.close).result()
        with pytest.raises(Closed):
            draining.result()
    with scenarios.running(tmp_path) as stack:
        assert stack.layer.get("views:1") == b"1"


def test_close_in_the_middle_of_writes_keeps_every_acknowledged_one(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with scenarios.running(tmp_path) as stack:
        cache = stack.layer

        def write(name: str) -> None:
            number = 0
            while True:
                key = f"{name}:{number}"
                try:
                    cache.set(key, b"x", policy=BEHIND if number % 2 else THROUGH)
                except (Closed, OutcomeUnknown, Unavailable):
                    return
                acknowledged.append(key)
                number += 1

        writers = [Task(write, name) for name in ("a", "b", "c")]
        until(lambda: len(acknowledged) > 30)
        cache.close()
        for writer in writers:
            writer.result()
    with scenarios.running(tmp_path) as stack:
        assert {key.decode() for key, _ in stack.layer.items()} >= set(acknowledged)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_close_that_is_cut_short_leaves_nothing_open(
    open_stack: OpenStack, error: type[BaseException]
) -> None:
    stack = open_stack()
    times = []

    def step() -> None:
        times.append(1)
        if len(times) == 1:
            raise error

    stack._closers.append(step)
    with pytest.raises(error):
        stack.close()
    stack.close()
    assert len(times) == (2 if error is KeyboardInterrupt else 1)
    assert not stack._closers
    open_stack().close()
