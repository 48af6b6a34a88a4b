"""The flush worker: when it flushes, what it coalesces, and that it may die anywhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedesk.core.commands import Heal, Inject, PauseWorker, ResumeWorker, SetBatch, StepWorker
from cachedesk.core.errors import CachedeskError, Unavailable
from cachedesk.core.failpoints import POINTS
from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.core.snapshot import Health
from cachedesk.stack.stack import Stack

from . import scenarios
from .scenarios import PATIENT, THROUGH
from .until import Task, until

OpenStack = Callable[..., Stack]

WORKER_POINTS = [point for point in POINTS if point.startswith("worker.")]


def batching(events: int, age_seconds: float, retry_seconds: float = 0.01) -> Settings:
    return Settings(
        worker=WorkerSettings(
            batch_events=events, batch_age_seconds=age_seconds, retry_seconds=retry_seconds
        )
    )


def settled(stack: Stack) -> bool:
    """Whether all that was accepted is applied and acked."""
    return stack.snapshot().books.pending == 0 and stack.backlog.waiting == 0


def test_a_batch_is_flushed_when_it_is_full(open_stack: OpenStack) -> None:
    stack = open_stack(batching(5, 3600))
    for _ in range(4):
        stack.layer.incr("views:1")
    stack.worker.controls.set_batch()
    assert stack.snapshot().books.pending == 4
    stack.layer.incr("views:1")
    until(lambda: settled(stack))
    worker = stack.snapshot().worker
    assert (worker.batches, worker.events, worker.rows) == (1, 5, 1)


def test_a_batch_is_flushed_when_it_is_old(open_stack: OpenStack) -> None:
    stack = open_stack(batching(1_000_000, 0.02))
    stack.layer.incr("views:1")
    until(lambda: settled(stack))
    assert stack.snapshot().books.applied == 1


def test_size_and_age_change_while_it_runs(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    stack.layer.write_many([("incr", "views:1")] * 10)
    stack.perform(SetBatch(events=10))
    until(lambda: settled(stack))
    stack.layer.incr("views:1")
    assert stack.perform(SetBatch(age_seconds=0.01)) == "a batch is 10 events or 0.01 s"
    until(lambda: settled(stack))
    worker = stack.snapshot().worker
    assert (worker.batch_events, worker.batch_age_seconds) == (10, 0.01)


@pytest.mark.parametrize(
    "command", [SetBatch(events=0), SetBatch(events=-5), SetBatch(age_seconds=-1.0)], ids=str
)
def test_a_batch_that_can_never_be_flushed_is_refused(stack: Stack, command: SetBatch) -> None:
    with pytest.raises(CachedeskError):
        stack.perform(command)
    stack.layer.incr("views:1")
    stack.layer.drain(60)


def test_events_of_a_key_are_coalesced_into_one_row_write(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    stack.layer.write_many([("incr", f"views:{n % 4}") for n in range(400)])
    stack.layer.drain(60)
    worker = stack.snapshot().worker
    assert (worker.events, worker.rows, worker.redelivered) == (400, 4, 0)


def test_paused_it_flushes_nothing_until_it_resumes(open_stack: OpenStack) -> None:
    stack = open_stack(batching(1, 0))
    stack.perform(PauseWorker())
    assert stack.snapshot().worker.word == "paused"
    stack.layer.write_many([("incr", "views:1")] * 3)
    assert stack.snapshot().books.pending == 3
    assert stack.layer.get("views:1") == b"3"
    stack.perform(ResumeWorker())
    until(lambda: settled(stack))
    assert stack.snapshot().worker.word != "paused"


def test_a_step_is_one_batch(open_stack: OpenStack) -> None:
    stack = open_stack(batching(2, 0))
    stack.perform(PauseWorker())
    for _ in range(6):
        stack.layer.incr("views:1")
    for left in (4, 2, 0):
        stack.perform(StepWorker())
        until(lambda left=left: stack.snapshot().books.pending == left)
        assert stack.snapshot().worker.word == "paused"
    assert stack.snapshot().worker.batches == 3


def test_drain_flushes_even_while_paused(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    stack.perform(PauseWorker())
    stack.layer.incr("views:1")
    stack.layer.drain(60)
    assert stack.snapshot().books.applied == 1
    assert stack.snapshot().worker.word == "paused"
    stack.layer.incr("views:1")
    stack.layer.drain(60)


def test_drain_of_nothing_returns_and_a_drain_that_cannot_is_unavailable(stack: Stack) -> None:
    stack.layer.drain(0.001)
    stack.perform(Inject("database.lock"))
    stack.layer.incr("views:1")
    with pytest.raises(Unavailable, match="1 event still pending"):
        stack.layer.drain(0.02)
    stack.perform(Heal())
    stack.layer.drain(60)


def test_a_record_larger_than_a_batch_is_flushed_whole(open_stack: OpenStack) -> None:
    stack = open_stack(batching(3, 0.01))
    stack.layer.write_many([("incr", f"views:{n}") for n in range(50)])
    until(lambda: settled(stack))
    assert stack.snapshot().worker.batches == 1


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_it_dies_anywhere_and_nothing_is_lost_or_doubled(open_stack: OpenStack, point: str) -> None:
    stack = open_stack(batching(1_000, 3600))
    cache = stack.layer
    cache.set("session:gone", b"x", policy=THROUGH)
    cache.set("session:short", b"x", ttl="1ms")
    stack.failpoints.arm(point, "1*crash")
    cache.write_many([("incr", f"views:{n % 5}") for n in range(40)])
    cache.delete("session:gone")
    cache.drain(60)
    stack.perform(StepWorker())
    until(lambda: stack.snapshot().worker.restarts == 1)
    cache.write_many([("incr", f"views:{n % 5}") for n in range(10)])
    cache.drain(60)
    until(lambda: settled(stack))
    cache.evict("*")
    assert dict(cache.items()) == {b"views:%d" % n: b"10" for n in range(5)}
    assert cache.get_many([f"views:{n}" for n in range(5)]) == [b"10"] * 5
    snapshot = stack.snapshot()
    assert snapshot.books == type(snapshot.books)(accepted=53, applied=53, pending=0, dead=0)
    assert snapshot.worker.health is Health.UP
    assert any(f"crashed at {point}" in event.text for event in snapshot.events)


def test_a_crash_in_a_transaction_holds_no_lock(open_stack: OpenStack, tmp_path: Path) -> None:
    stack = open_stack(batching(1, 0, retry_seconds=5))
    stack.failpoints.arm("worker.apply.before_commit", "1*crash")
    stack.layer.incr("views:1")
    until(lambda: stack.snapshot().worker.word == "crashed")
    assert stack.snapshot().worker.health is Health.DOWN
    stack.layer.set("order:1", b"another writer is not in the way")
    assert stack.layer.get("views:1") == b"1"
    assert stack.snapshot().books.pending == 1


def test_an_error_is_retried_and_healed(open_stack: OpenStack) -> None:
    stack = open_stack(batching(1, 0))
    stack.failpoints.arm("worker.apply.mid_batch", "3*raise(OSError)")
    stack.layer.incr("views:1")
    until(lambda: settled(stack))
    until(lambda: any("flushes again" in event.text for event in stack.snapshot().events))
    worker = stack.snapshot().worker
    assert (worker.health, worker.restarts, worker.last_error) == (Health.UP, 0, "")
    errors = [event for event in stack.snapshot().events if "cannot flush" in event.text]
    assert len(errors) == 1, "the same error again and again is said once"


def test_with_the_database_locked_it_retries_until_it_is_healed(open_stack: OpenStack) -> None:
    stack = open_stack(batching(1, 0))
    stack.perform(Inject("database.lock"))
    stack.layer.incr("views:1")
    until(lambda: stack.snapshot().worker.word == "retrying")
    assert stack.snapshot().worker.health is Health.DEGRADED
    assert stack.layer.incr("views:1") == 2
    stack.perform(Heal())
    until(lambda: settled(stack))
    assert list(stack.layer.items()) == [(b"views:1", b"2")]


def test_a_replayed_batch_changes_nothing(tmp_path: Path) -> None:
    scenarios.replayed_batch_changes_nothing(tmp_path)


def poison(directory: Path, key: bytes, value: object = b"text") -> None:
    """Change a row behind the stack's back, as another program might."""
    with sqlite3.connect(directory / "cachedesk.db") as other:
        changed = other.execute("UPDATE rows SET value=? WHERE key=?", (value, key)).rowcount
    other.close()
    assert changed == 1


def dead_letters(directory: Path) -> list[tuple[object, ...]]:
    other = sqlite3.connect(directory / "cachedesk.db")
    try:
        return other.execute("SELECT seq, op, key, arg, reason FROM dead ORDER BY seq").fetchall()
    finally:
        other.close()


def test_a_poison_event_becomes_a_dead_letter_and_the_others_go_on(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.set("views:bad", 1, policy=THROUGH)
    first = cache.write(("incr", "views:bad", 5))
    cache.incr("views:good", 7)
    poison(tmp_path / "data", b"views:bad")
    cache.drain(60)
    ((seq, op, key, arg, reason),) = dead_letters(tmp_path / "data")
    assert (seq, op, key, arg) == (first.seq, "incr", b"views:bad", b"5")
    assert "not a 64-bit integer" in str(reason)
    books = stack.snapshot().books
    assert (books.accepted, books.applied, books.dead, books.pending) == (3, 2, 1, 0)
    until(lambda: cache.get("views:bad") == b"text")
    assert cache.get("views:good") == b"7"
    until(lambda: any("dead letter" in event.text for event in stack.snapshot().events))


def test_a_later_write_supersedes_a_poison_event(open_stack: OpenStack, tmp_path: Path) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.set("views:bad", 1, policy=THROUGH)
    cache.incr("views:bad", 5)
    cache.set("views:bad", 100)
    cache.incr("views:bad")
    poison(tmp_path / "data", b"views:bad")
    cache.drain(60)
    until(lambda: settled(stack))
    scenarios.wait_until_trusted(stack)
    cache.evict("*")
    assert cache.get("views:bad") == b"101"
    assert stack.snapshot().books.dead == 1
    assert len(dead_letters(tmp_path / "data")) == 1


def test_a_dead_letter_is_counted_once_and_its_key_is_right_when_the_batch_comes_again(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.set("views:bad", 1, policy=THROUGH)
    cache.incr("views:bad", 5)
    poison(tmp_path / "data", b"views:bad")
    stack.failpoints.arm("worker.apply.after_commit", "1*crash")
    cache.drain(60)
    until(lambda: settled(stack))
    books = stack.snapshot().books
    assert (books.accepted, books.applied, books.dead) == (2, 1, 1)
    until(lambda: cache._cache._store.trusted)
    assert cache.get("views:bad") == b"text"
    stack.close()
    again = open_stack(PATIENT)
    assert again.snapshot().books.dead == 1
    assert again.snapshot().books.balanced


def test_a_write_through_buries_the_poison_that_it_absorbs(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.set("views:bad", 1, policy=THROUGH)
    cache.incr("views:bad", 5)
    poison(tmp_path / "data", b"views:bad")
    cache.set("views:bad", b"mended", policy=THROUGH)
    assert len(dead_letters(tmp_path / "data")) == 1
    cache.drain(60)
    assert cache.get("views:bad") == b"mended"
    books = stack.snapshot().books
    assert (books.accepted, books.applied, books.dead, books.pending) == (3, 2, 1, 0)


def test_many_poison_events_do_not_stop_a_large_batch(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.write_many([("set", f"views:{n}", 0) for n in range(100)], policy=THROUGH)
    cache.write_many([("incr", f"views:{n % 100}") for n in range(1_000)])
    for n in range(0, 100, 10):
        poison(tmp_path / "data", b"views:%d" % n)
    cache.drain(60)
    books = stack.snapshot().books
    assert (books.dead, books.applied, books.balanced) == (100, 1_000, True)
    truth = dict(cache.items())
    assert [truth[b"views:%d" % n] for n in range(100)] == [
        b"text" if n % 10 == 0 else b"10" for n in range(100)
    ]


def test_old_tombstones_are_dropped_and_stay_deleted(open_stack: OpenStack, tmp_path: Path) -> None:
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.write_many([("set", f"order:{n}", n) for n in range(50)])
    cache.write_many([("delete", f"order:{n}") for n in range(50)])
    before = stack.failpoints.hits().get("worker.trim.after", 0)
    stack.failpoints.arm("worker.trim.after", "off")
    stack.perform(StepWorker())
    until(lambda: stack.failpoints.hits().get("worker.trim.after", 0) > before)
    with sqlite3.connect(tmp_path / "data" / "cachedesk.db") as other:
        assert other.execute("SELECT count(*) FROM rows").fetchone() == (0,)
    other.close()
    assert cache.get("order:7") is None
    assert cache.incr("order:7") == 1
    assert stack.snapshot().database.rows == 1


def test_a_tombstone_that_a_pending_event_needs_is_kept(open_stack: OpenStack) -> None:
    """An increment is in the log, absorbed by a delete; were the tombstone gone, the
    increment would count when the worker comes to it."""
    stack = open_stack(PATIENT)
    cache = stack.layer
    cache.incr("views:1", 5)
    cache.delete("views:1", policy=THROUGH)
    cache._truth.database.trim(cache._truth.backlog.acked_through, scenarios.soon())
    cache.incr("views:2")
    cache.drain(60)
    until(lambda: settled(stack))
    cache.evict("*")
    assert cache.get("views:1") is None


def test_closing_ends_the_batch_in_hand_and_keeps_the_rest(tmp_path: Path) -> None:
    with scenarios.running(tmp_path, batching(1, 0)) as stack:
        before = stack.failpoints.hits().get("worker.apply.mid_batch", 0)
        stack.failpoints.arm("worker.apply.mid_batch", "1*pause")
        stack.layer.incr("views:1")
        until(lambda: stack.failpoints.hits().get("worker.apply.mid_batch", 0) > before)
        stack.layer.incr("views:1")
        closing = Task(stack.close)
        until(lambda: stack.worker.controls.closing)
        stack.failpoints.disarm()
        closing.result()
    with scenarios.running(tmp_path, PATIENT) as stack:
        assert stack.layer.read("views:1").value == b"2"
        assert stack.snapshot().books.pending <= 1
