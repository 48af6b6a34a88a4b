"""Limits: a full log, a locked database and a full disk; what cannot be written is not changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cachedesk.core.commands import Heal, Inject, StepWorker
from cachedesk.core.errors import LogFull, Unavailable
from cachedesk.core.settings import DatabaseSettings, LogSettings, Settings, WorkerSettings
from cachedesk.core.snapshot import Health
from cachedesk.stack.stack import Stack

from .scenarios import PATIENT, THROUGH, held_at
from .until import Task, until

OpenStack = Callable[..., Stack]


def limited(**log: Any) -> Settings:
    return Settings(log=LogSettings(**log), worker=WorkerSettings(batch_age_seconds=3600))


def test_a_full_log_blocks_until_there_is_room(open_stack: OpenStack) -> None:
    stack = open_stack(limited(limit_events=5, when_full="block", block_seconds=30))
    stack.layer.write_many([("incr", "views:1")] * 5)
    blocked = Task(stack.layer.incr, "views:1")
    until(lambda: stack.snapshot().log.word == "full")
    assert blocked.is_alive()
    stack.worker.controls.step()
    assert blocked.result() == 6


def test_a_full_log_that_stays_full_refuses(open_stack: OpenStack) -> None:
    stack = open_stack(limited(limit_events=2, when_full="block", block_seconds=0.05))
    stack.layer.write_many([("incr", "views:1")] * 2)
    with pytest.raises(LogFull, match="raise limit_events"):
        stack.layer.incr("views:1")
    assert stack.layer.get("views:1") == b"2"
    assert stack.snapshot().writes.refused == 1


@pytest.mark.parametrize("limit", [{"limit_events": 2}, {"limit_bytes": 2048}], ids=str)
def test_a_full_log_rejects_at_once(open_stack: OpenStack, limit: dict[str, int]) -> None:
    stack = open_stack(limited(when_full="reject", **limit))
    stack.layer.set("session:1", b"x" * 600)
    stack.layer.set("session:2", b"x" * 600)
    assert stack.snapshot().log.word == "full"
    with pytest.raises(LogFull, match=r"2 events of 2 wait|of 2,048 bytes are pending"):
        stack.layer.set("session:3", b"x")
    assert stack.layer.get("session:3") is None
    stack.layer.set("order:1", b"another path")
    stack.layer.drain(60)
    stack.layer.set("session:3", b"x")


def test_what_was_absorbed_fills_the_log_and_everything_says_so(open_stack: OpenStack) -> None:
    """A write-through took ten pending events into its row; until they are acked they are in the
    log, and write-behind is refused."""
    stack = open_stack(limited(limit_events=10, when_full="reject"))
    cache = stack.layer
    stack.worker.controls.pause()
    cache.write_many([("incr", "views:a")] * 10)
    cache.incr("views:a", policy=THROUGH)
    seen = stack.snapshot()
    assert (seen.books.pending, seen.log.depth) == (0, 10)
    assert (seen.log.health, seen.log.word) == (Health.DEGRADED, "full")
    assert seen.log.oldest_seconds > 0
    with pytest.raises(LogFull, match=r"is full \(10 events of 10 wait\)"):
        cache.incr("views:b")
    with (
        held_at(stack.failpoints, "worker.ack.before", stack.perform, StepWorker()),
        pytest.raises(Unavailable, match=r"^10 applied events still in the log after 0 s"),
    ):
        cache.drain(0)
    cache.drain(60)
    log = stack.snapshot().log
    assert (log.depth, log.health, log.word) == (0, Health.UP, "up")
    assert cache.incr("views:b") == 1


def test_a_drain_that_has_no_time_says_how_much_is_left_or_that_nothing_is(
    open_stack: OpenStack,
) -> None:
    stack = open_stack(limited())
    stack.layer.drain(0)
    stack.layer.write_many([("incr", f"views:{number}") for number in range(3)])
    with (
        held_at(stack.failpoints, "worker.read.after", stack.perform, StepWorker()),
        pytest.raises(Unavailable, match=r"^3 events still pending after 0 s$"),
    ):
        stack.layer.drain(0)


def test_a_disk_that_is_full_is_said_until_the_log_takes_a_write(stack: Stack) -> None:
    stack.perform(Inject("log.full"))
    log = stack.snapshot().log
    assert (log.health, log.word) == (Health.DOWN, "disk full")
    stack.perform(Heal())
    assert stack.snapshot().log.word == "up"
    # As a disk is full that no fault has filled: only the refused append tells.
    stack.log._queue.set_disk_full(True)
    with pytest.raises(Unavailable, match="database or disk is full"):
        stack.layer.incr("views:1")
    assert stack.snapshot().log.word == "disk full"
    stack.log._queue.set_disk_full(False)
    stack.layer.incr("views:1")
    assert stack.snapshot().log.word == "up"


def test_a_full_log_degrades_to_write_through(open_stack: OpenStack) -> None:
    stack = open_stack(limited(limit_events=2, when_full="write-through"))
    assert [stack.layer.set("session:1", n).level for n in range(3)] == [
        "durable",
        "durable",
        "applied",
    ]
    books = stack.snapshot().books
    assert (books.applied, books.pending) == (3, 0), "it absorbed what was pending of its key"


def test_with_the_database_locked_write_through_is_unavailable_at_its_deadline(
    open_stack: OpenStack,
) -> None:
    stack = open_stack(Settings(database=DatabaseSettings(write_seconds=1.0)))
    cache = stack.layer
    cache.set("order:1", b"old")
    stack.perform(Inject("database.lock"))
    with pytest.raises(Unavailable, match="nothing was changed"):
        cache.set("order:1", b"new")
    assert cache.get("order:1") == b"old"
    assert cache.incr("views:1") == 1, "write-behind goes on"
    assert cache.get("order:1") == b"old"
    assert stack.snapshot().database.word == "locked"
    stack.perform(Heal())
    cache.set("order:1", b"new")
    cache.drain(60)
    assert dict(cache.items()) == {b"order:1": b"new", b"views:1": b"1"}
    assert stack.snapshot().writes.unavailable == 1


def test_a_lock_that_ends_in_time_is_waited_for(open_stack: OpenStack, tmp_path: Path) -> None:
    stack = open_stack()
    stack.perform(Inject("database.lock"))
    waiting = [Task(stack.layer.incr, "order:1") for _ in range(4)]
    other = Task(stack.layer.set, "order:2", b"x")
    until(
        lambda: (
            stack.layer._truth.through._group._queue
            or stack.layer._truth.database._writing.locked()
        )
    )
    stack.perform(Heal())
    assert sorted(task.result() for task in waiting) == [1, 2, 3, 4]
    other.result()
    assert stack.snapshot().books.accepted == 5


def test_a_full_disk_refuses_write_through_and_changes_nothing(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    stack = open_stack()
    cache = stack.layer
    cache.set("order:1", b"old")
    writer = stack.layer._truth.database._writer
    assert writer is not None
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Unavailable, match="full"):
        cache.set("order:1", b"x" * 200_000)
    assert cache.get("order:1") == b"old"
    cache.evict("*")
    assert cache.get("order:1") == b"old"
    writer.execute("PRAGMA max_page_count=1000000")
    cache.set("order:1", b"x" * 200_000)


def test_a_full_disk_of_the_log_refuses_write_behind_and_changes_nothing(
    open_stack: OpenStack,
) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.set("session:1", b"old")
    putter = cache._truth.logged._log._queue._putter
    pages = putter.execute("PRAGMA page_count").fetchone()[0]
    putter.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Unavailable, match="full"):
        cache.set("session:1", b"x" * 200_000)
    assert cache.read("session:1").value == b"old"
    cache.set("session:1", b"through", policy=THROUGH)
    putter.execute("PRAGMA max_page_count=1000000")
    cache.set("session:1", b"new")
    cache.drain(60)
    assert dict(cache.items()) == {b"session:1": b"new"}
    assert stack.snapshot().books.balanced
