"""Safeguards: each one off does what it is there against, and on again it is whole."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import cachedesk
from cachedesk.core.commands import (
    EvictKey,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetSafeguard,
    StepWorker,
)
from cachedesk.core.errors import ConfigError, Unavailable
from cachedesk.core.events import WriteEvent
from cachedesk.core.reads import ReadSource
from cachedesk.core.safeguards import NAMES, TITLES, WITHOUT, Safeguards
from cachedesk.core.writes import Level
from cachedesk.stack.stack import Stack

from .scenarios import PATIENT
from .until import Task, until


class Judge:
    """Keeps the id of everything that became part of a row."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def applied(self, events: Iterable[WriteEvent]) -> None:
        self.ids += [event.seq for event in events]

    def injected(self, events: Iterable[WriteEvent]) -> None:
        """No fault here injects any."""


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def stack(tmp_path: Path, judge: Judge) -> Iterator[Stack]:
    stack = Stack(tmp_path / "data", PATIENT, judge)
    yield stack
    stack.close()


def kill_redis(stack: Stack) -> None:
    restarts = stack.snapshot().redis.restarts
    stack.perform(Inject("redis.kill"))
    until(lambda: stack.snapshot().redis.restarts > restarts and stack.cache.cache.trusted)


def test_all_are_on_and_the_library_cannot_switch_them(tmp_path: Path) -> None:
    assert set(NAMES) == set(TITLES) == set(WITHOUT)
    assert not {"safeguards", *NAMES} & set(inspect.signature(cachedesk.open).parameters)
    with cachedesk.open(tmp_path / "data") as cache:
        assert cache.snapshot().safeguards == Safeguards()
        assert not [name for name in dir(cache) if not name.startswith("_") and "guard" in name]


def test_a_misspelt_safeguard_names_the_nearest(stack: Stack) -> None:
    with pytest.raises(ConfigError, match="did you mean 'read_repair'"):
        stack.perform(SetSafeguard("read_repaire", False))
    assert stack.snapshot().safeguards.off == ()


def test_without_the_log_what_redis_loses_is_lost_by_id(stack: Stack, judge: Judge) -> None:
    stack.perform(SetSafeguard("log", False))
    assert stack.snapshot().safeguards.off == ("log",)
    receipts = [stack.layer.write(("incr", f"views:{n}", 5)) for n in range(6)]
    assert {receipt.level for receipt in receipts} == {Level.CACHED}
    paid = stack.layer.set("payment:1", "paid")
    assert stack.layer.get("views:3") == b"5"
    assert stack.inspect(b"views:3").unlogged == 1
    assert stack.snapshot().books.pending == 6
    kill_redis(stack)
    assert stack.layer.incr("views:0") == 1
    stack.layer.drain(60)

    assert dict(stack.layer.items()) == {b"payment:1": b"paid", b"views:0": b"1"}
    assert judge.ids == [paid.seq, paid.seq + 1]
    lost = tuple(receipt.seq for receipt in receipts)
    books = stack.snapshot().books
    assert (books.accepted - books.applied, books.pending) == (len(lost), 0)
    stack.auditor.look()
    assert stack.snapshot().unaccounted == lost


def test_what_a_late_answer_loses_without_the_log_has_its_cause_and_a_count(stack: Stack) -> None:
    stack.perform(SetSafeguard("log", False))
    stack.perform(PauseWorker())  # it copies too
    seqs: list[int] = []
    for n in range(3):
        seqs.append(stack.layer.write(("incr", "views:1", 5)).seq)
        stack.failpoints.arm("redis.reply.lost", "1*raise(CacheError)")
        with pytest.raises(Unavailable):
            stack.layer.incr("views:1")
        until(lambda n=n: lost_events(stack, "timed_out") == [n + 1])
    (event,) = [it for it in stack.snapshot().events if "timed_out" in it.code]
    ids = " ".join(f"#{seq}" for seq in seqs)
    assert event.text == (
        "3 acknowledged writes are lost, Redis did not answer in time and the log is off: " + ids
    )
    books = stack.snapshot().books
    assert books.accepted - books.applied - books.pending == 3
    stack.layer.write(("incr", "views:1", 5))
    kill_redis(stack)
    until(lambda: lost_events(stack, "lost") == [1])
    assert lost_events(stack, "timed_out") == [3], "a death is another cause"


def lost_events(stack: Stack, what: str) -> list[int]:
    """Return how often each event of this code happened."""
    events = stack.snapshot().events
    return [event.times for event in events if event.code == f"unlogged_writes.{what}"]


def test_without_the_log_nothing_is_lost_while_redis_lives(stack: Stack, judge: Judge) -> None:
    stack.layer.incr("views:1", 40)
    stack.perform(SetSafeguard("log", False))
    stack.layer.incr("views:1")
    stack.layer.write_many(
        [("set", "session:1", b"a"), ("delete", "session:1"), ("incr", "views:1")]
    )
    stack.perform(StepWorker())
    assert stack.snapshot().books.balanced
    assert stack.snapshot().books.pending == 0
    assert sorted(judge.ids) == [1, 2, 3, 4, 5]
    assert dict(stack.layer.items()) == {b"views:1": b"42"}


def test_switching_the_log_on_saves_what_is_dirty_first(stack: Stack) -> None:
    stack.perform(SetSafeguard("log", False))
    stack.perform(PauseWorker())
    stack.layer.incr("views:1", 3)
    stack.perform(SetSafeguard("log", True))
    kill_redis(stack)
    assert stack.layer.incr("views:1") == 4
    assert stack.layer.read("views:1").pending == 1
    assert stack.snapshot().books.balanced


def test_the_log_cannot_be_switched_while_the_database_is_locked(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachedesk.chaos.safeguard_switches._SECONDS", 0.2)
    stack.layer.incr("views:1")
    stack.perform(Inject("database.lock"))
    with pytest.raises(Unavailable, match="cannot be switched off"):
        stack.perform(SetSafeguard("log", False))
    assert stack.snapshot().safeguards.log
    stack.perform(Inject("redis.kill"))
    stack.faults.heal()
    stack.layer.drain(60)
    assert dict(stack.layer.items()) == {b"views:1": b"1"}


def test_writers_meanwhile_lose_nothing_when_the_log_is_switched(stack: Stack) -> None:
    stack.perform(ResumeWorker())

    def count() -> None:
        for _ in range(150):
            stack.layer.incr("views:1")

    tasks = [Task(count) for _ in range(3)]
    for on in (False, True, False, True):
        stack.perform(SetSafeguard("log", on))
    for task in tasks:
        task.result()
    stack.layer.drain(60)
    assert dict(stack.layer.items()) == {b"views:1": b"450"}
    assert stack.snapshot().books.balanced


def test_without_read_repair_a_miss_believes_the_row(stack: Stack) -> None:
    stack.layer.incr("views:1", 10)
    stack.layer.drain(60)
    stack.layer.incr("views:1")
    stack.perform(SetSafeguard("read_repair", False))
    stack.perform(EvictKey(b"views:1"))
    stale = stack.layer.read("views:1")
    assert (stale.value, stale.source) == (b"10", ReadSource.DATABASE)
    assert stack.layer.read("views:1").source is ReadSource.REDIS
    stack.perform(SetSafeguard("read_repair", True))
    stack.perform(EvictKey(b"views:1"))
    assert stack.layer.get("views:1") == b"11"
    # Only reads were wrong.
    assert stack.layer.incr("views:1") == 12


@pytest.mark.parametrize(("on", "total"), [(True, b"3"), (False, b"6")])
def test_effectively_once(stack: Stack, judge: Judge, on: bool, total: bytes) -> None:
    stack.perform(SetSafeguard("effectively_once", on))
    stack.perform(Inject("worker.crash:worker.ack.before"))
    stack.layer.incr("views:1", 3)
    stack.layer.drain(60)
    until(lambda: not stack.backlog.waiting)
    assert dict(stack.layer.items()) == {b"views:1": total}
    assert judge.ids == [1] * (1 if on else 2)
    assert stack.snapshot().worker.restarts == 1


@pytest.mark.parametrize(("on", "value"), [(True, b"11"), (False, b"10")])
def test_cold_restart(stack: Stack, on: bool, value: bytes) -> None:
    stack.auditor.every_seconds = 3600.0
    stack.perform(SetSafeguard("cold_restart", on))
    stack.layer.set("session:old", b"10")
    restarts = stack.snapshot().redis.restarts
    stack.perform(Inject("redis.old_snapshot"))
    stack.layer.set("session:old", b"11")
    until(lambda: stack.snapshot().redis.restarts > restarts and stack.cache.cache.trusted)
    read = stack.layer.read("session:old")
    assert read.value == value
    assert read.source is (ReadSource.OVERLAY if on else ReadSource.REDIS)
