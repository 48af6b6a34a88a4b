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

from cachedesk.engine import clock
from cachedesk.engine.snapshot import Snapshot
from cachedesk.engine.stack import Stack

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
        stack.worker.pause()
        stack.layer.write_many([("set", "order:1", b"paid"), ("incr", "views:1", 5)])
        set_clock(jump)
        check(stack.snapshot())
        stack.layer.write_many([("set", "order:1", b"sent"), ("incr", "views:1", 2)])
        stack.layer.incr("order:2", policy=THROUGH)
        stack.layer.incr("views:1")
        stack.worker.resume()
        stack.layer.drain(5)
        set_clock(0)
        stack.layer.incr("views:1")
        stack.layer.drain(5)
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
    until(lambda: stack.snapshot().books.pending == 0, 5)


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
            until(lambda: stack.snapshot().books.pending == 0, 5)
            stack.layer.incr("views:1")
            stack.layer.drain(5)
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
            stack.layer.drain(5)
            stack.layer.evict("*")
            assert stack.layer.get("views:1") is not None
        assert time.monotonic() - began < SOON
