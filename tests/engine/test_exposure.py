"""What the desk says would be lost is lost, and nothing else, if it happens at that instant."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cachedesk.core.commands import Inject, PauseWorker, SetSafeguard
from cachedesk.desk.views.exposure import exposure
from cachedesk.stack.stack import Stack
from tests.conftest import OpenStack, unhurried
from tests.forked import Forked

from .until import until

VIEWS = 7


def write(stack: Stack) -> None:
    """Leave ``VIEWS`` fast writes where no worker brings them on, and a payment in the database."""
    stack.perform(PauseWorker())
    stack.layer.set("payment:1", "paid")
    for number in range(VIEWS):
        stack.layer.incr(f"views:{number}")


@pytest.mark.parametrize("logged", [True, False])
def test_killing_redis_loses_what_was_said(open_stack: OpenStack, logged: bool) -> None:
    stack = open_stack()
    stack.perform(SetSafeguard("log", logged))
    write(stack)
    seen = exposure(stack.snapshot())
    assert (seen.log, seen.redis) == ((VIEWS, 0) if logged else (0, VIEWS))
    restarts = stack.snapshot().redis.restarts
    stack.perform(Inject("redis.kill"))
    until(lambda: stack.snapshot().redis.restarts > restarts and stack.cache.cache.trusted)
    # Without another copy: the worker is paused, and so is the copying.
    until(lambda: exposure(stack.snapshot()).gone == seen.redis)
    after = stack.snapshot()
    assert after.books.accepted - after.books.applied - after.books.pending == seen.redis
    assert exposure(after).redis == 0
    assert stack.layer.get("payment:1") == b"paid"
    values = stack.layer.get_many([f"views:{number}" for number in range(VIEWS)])
    assert values == [b"1" if logged else None] * VIEWS


def _die(data: Path, account: Path, logged: bool) -> None:
    """Write, say what is exposed, and die."""
    stack = Stack(data, unhurried(None))
    stack.perform(SetSafeguard("log", logged))
    write(stack)
    seen = exposure(stack.snapshot())
    account.write_text(f"{seen.log} {seen.redis}")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("logged", [True, False])
def test_killing_the_process_loses_what_was_said(tmp_path: Path, logged: bool) -> None:
    data, account = tmp_path / "data", tmp_path / "account"
    process = Forked(tmp_path / "said", _die, data, account, logged)
    assert process.wait(120) == -signal.SIGKILL, process.said()
    log, redis = map(int, account.read_text().split())
    assert log + redis == VIEWS
    with Stack(data, unhurried(None)).layer as cache:
        kept = [key for key, _ in cache.items() if key.startswith(b"views:")]
        assert cache.get("payment:1") == b"paid"
    assert len(kept) == log
