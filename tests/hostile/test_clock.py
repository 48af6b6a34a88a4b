"""The machine's clock jumps by ten years, while the stack is open and between two opens."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from engine.scenarios import PATIENT, THROUGH, copy_as_after_a_kill, running
from engine.until import until

import cachedesk
from cachedesk.core import clock
from cachedesk.core.commands import Heal, Inject
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import Snapshot
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.run.runs import run_session
from cachedesk.lab.run.schedule import planned
from cachedesk.lab.run.session import Session
from cachedesk.stack.stack import Stack

from .cases import truth
from .conftest import Good

TEN_YEARS = 10 * 365.25 * 86_400
SOON = 60.0

jumps = pytest.mark.parametrize("jump", [TEN_YEARS, -TEN_YEARS, -60 * 365.25 * 86_400], ids=str)
Jump = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Set the machine's clock off by so many seconds, as running processes see it."""
    real = time.time

    def jump(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + seconds)

    return jump


@pytest.fixture
def began_under(monkeypatch: pytest.MonkeyPatch, set_clock: Jump) -> Jump:
    """The same, as processes see it that begin then."""
    began = clock._BEGAN

    def jump(seconds: float) -> None:
        set_clock(seconds)
        monkeypatch.setattr(clock, "_BEGAN", began + seconds)

    return jump


def check(snapshot: Snapshot) -> None:
    """Every age is one of this test, and every book balances."""
    ages = [
        snapshot.log.oldest_seconds,
        snapshot.lag.max,
        snapshot.lag.p99,
        snapshot.uptime_seconds,
        *(tick.lag_seconds for tick in snapshot.ticks),
    ]
    assert all(math.isfinite(age) and 0 <= age < SOON for age in ages)
    assert snapshot.books.balanced


@jumps
def test_a_jump_while_it_is_open(jump: float, tmp_path: Path, set_clock: Jump) -> None:
    with running(tmp_path) as stack:
        stack.worker.controls.pause()
        stack.layer.write_many([("set", "order:1", b"paid"), ("incr", "views:1", 5)])
        set_clock(jump)
        check(stack.snapshot())
        stack.layer.write_many([("set", "order:1", b"sent"), ("incr", "views:1", 2)])
        stack.layer.incr("order:2", policy=THROUGH)
        stack.layer.incr("views:1")
        stack.worker.controls.resume()
        stack.layer.drain(60)
        set_clock(0)
        stack.layer.incr("views:1")
        stack.layer.drain(60)
        until(lambda: stack.snapshot().ticks)
        check(stack.snapshot())
        assert stack.snapshot().lag.count == 4
        assert dict(stack.layer.items()) == {
            b"order:1": b"sent",
            b"order:2": b"1",
            b"views:1": b"9",
        }


@jumps
def test_a_jump_does_not_hold_up_the_worker(jump: float, stack: Stack, set_clock: Jump) -> None:
    stack.layer.incr("views:1")
    set_clock(jump)
    stack.layer.incr("views:1")
    until(lambda: stack.snapshot().books.pending == 0)


@jumps
def test_a_jump_between_two_opens(jump: float, tmp_path: Path, began_under: Jump) -> None:
    """What was written then is stamped with the future, or with long ago."""
    began_under(jump)
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.write_many([("set", "order:1", b"paid"), ("incr", "views:1", 5)])
        copy_as_after_a_kill(tmp_path / "data", tmp_path / "killed")
    began_under(0)
    for data in (tmp_path / "data", tmp_path / "killed"):
        with running(data) as stack:
            found = stack.snapshot()
            assert math.isfinite(found.log.oldest_seconds)
            assert found.log.oldest_seconds >= 0
            until(lambda: stack.snapshot().books.pending == 0)
            stack.layer.incr("views:1")
            stack.layer.drain(60)
            assert stack.snapshot().lag.max < SOON
            assert dict(stack.layer.items()) == {b"order:1": b"paid", b"views:1": b"6"}


@jumps
def test_files_of_another_time_are_served(
    jump: float, good: Good, tmp_path: Path, began_under: Jump
) -> None:
    shutil.copytree(good.killed, tmp_path / "data")
    for way in (jump, 0, -jump):
        began_under(way)
        assert truth(tmp_path / "data") == good.truth


def test_waits_are_not_of_the_clock(tmp_path: Path, set_clock: Jump) -> None:
    """A timeout does not pass because the clock was set forward, nor last for ten years."""
    with running(tmp_path) as stack:
        began = time.monotonic()
        for jump in (TEN_YEARS, -TEN_YEARS):
            set_clock(jump)
            stack.layer.incr("views:1")
            stack.layer.drain(60)
            stack.layer.evict("*")
            assert stack.layer.get("views:1") is not None
        assert time.monotonic() - began < SOON


def test_a_run_under_a_clock_that_steps_has_its_true_course(
    tmp_path: Path, set_clock: Jump
) -> None:
    """Axes, marks and events are of one clock, whatever the wall clock does meanwhile."""

    def past(session: Session, operations: int) -> bool:
        # A busy machine sheds most of them.
        tally = session.driver.tally()
        return tally.done + tally.shed >= operations

    def stepping(session: Session) -> None:
        for number, jump in enumerate((-3_600.0, 86_400.0, TEN_YEARS), start=1):
            until(lambda operations=300 * number: past(session, operations))  # type: ignore[misc]
            set_clock(jump)
            if number == 1:
                session.perform(Inject("redis.down"))
            elif number == 2:
                session.perform(Heal())
        session.driver.wait()

    began = time.monotonic()
    outcome = run_session(
        tmp_path / "data",
        Settings(),
        WorkloadTraffic("article", 1),
        Load(clients=2, rate=1_000, ops=1_500),
        faults=[planned("worker.crash@200ops")],
        watch=stepping,
    )
    passed = time.monotonic() - began
    assert outcome.report.verdict.sound
    assert all(0 <= at <= passed for at in _course(outcome.report))
    assert outcome.report.lag.max < passed


def _course(report: RunReport) -> list[float]:
    """Return the times of everything that a report puts on an axis, from its beginning."""
    assert report.evidence is not None
    timeline = report.evidence.timeline
    ticks = [tick.at for tick in timeline.ticks]
    assert ticks == sorted(ticks)
    marks = [at for mark in timeline.marks for at in (mark.start_at, mark.end_at) if at is not None]
    assert len({mark.name for mark in timeline.marks}) == 2
    events = [event.at for event in report.evidence.events if "opened" not in event.text]
    # Events logged while the stack opened come before the start.
    said = [at for at in events if at >= timeline.began_at - SOON]
    assert len(said) == len(events)
    return [max(0.0, at - timeline.began_at) for at in (*ticks, *marks, *events)]


# Where the wall clock itself is meant: a label, or a time that strace wrote.
WALL = {"core/clock.py", "reports/origin.py", "lab/torture/script.py"}


def test_the_wall_clock_is_read_in_one_place() -> None:
    root = Path(cachedesk.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "time.time()" in path.read_text() or "datetime.now(" in path.read_text()
    }
    assert found == WALL
