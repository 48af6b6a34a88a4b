"""The catalogue of faults: each is real, refused when it cannot be, and ends as it should."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cachedesk.core.commands import Heal, Inject, SetSafeguard
from cachedesk.core.errors import ConfigError, Unavailable
from cachedesk.core.snapshot import FaultState, Health
from cachedesk.stack.fault_catalog import NAMES, known, parsed
from cachedesk.stack.stack import Stack

from .scenarios import BEHIND, PATIENT, THROUGH, running, wait_until_trusted
from .until import Task, until

OpenStack = Callable[..., Stack]

LASTING = (
    "redis.down",
    "redis.hang",
    "redis.squeeze",
    "database.lock",
    "database.full",
    "database.readonly",
    "database.slow",
    "database.gone",
    "log.full",
)


def state(stack: Stack, name: str) -> FaultState:
    return next(each for each in stack.snapshot().catalogue if each.name == name)


def fill_cache(stack: Stack, keys: int = 500) -> None:
    stack.layer.write_many([("set", f"session:{n}", b"x" * 1000) for n in range(keys)])
    stack.layer.get_many([f"session:{n}" for n in range(keys)])


# -- what there is ---------------------------------------------------------------------------------


def test_the_catalogue_is_whole(stack: Stack) -> None:
    catalogue = stack.snapshot().catalogue
    assert tuple(each.name for each in catalogue) == NAMES
    assert tuple(each.name for each in catalogue if each.lasting) == LASTING
    assert len({each.title for each in catalogue}) == len(NAMES)
    assert all(each.available and each.since_at is None for each in catalogue)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("redis.kill", ("redis.kill", "")),
        ("worker.crash:worker.ack.before", ("worker.crash", "worker.ack.before")),
        ("database.slow:50ms", ("database.slow", "50ms")),
        ("database.slow:1.5s", ("database.slow", "1.5s")),
    ],
)
def test_a_fault_and_its_argument_are_read(text: str, meant: tuple[str, str]) -> None:
    assert parsed(text) == meant
    assert known(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("redis.kil", "did you mean 'redis.kill'"),
        ("", "there are redis.kill, "),
        ("redis.kill:", "write 'redis.kill'"),
        ("redis.kill:now", "takes nothing behind a colon"),
        ("worker.crash:worker.ack.befor", "did you mean 'worker.ack.before'"),
        ("worker.crash:through.commit.after", "the worker has no failpoint"),
        ("database.slow:soon", "is not a time"),
        ("database.slow:0ms", "is not a time"),
        ("database.slow:-1s", "is not a time"),
        ("database.slow:nans", "is not a time"),
    ],
)
def test_what_is_no_fault_is_said(stack: Stack, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        known(text)
    for command in (Inject(text), Heal(text)):
        with pytest.raises(ConfigError, match=re.escape(said)):
            stack.perform(command)
    assert stack.snapshot().faults == ()


# -- injecting and healing -------------------------------------------------------------------------


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_fault_is_active_until_it_is_healed(stack: Stack, name: str) -> None:
    fill_cache(stack, 50)
    stack.perform(Inject(name))
    assert stack.snapshot().faults == (name,)
    active = state(stack, name)
    assert active.since_at is not None
    assert not active.available
    with pytest.raises(Unavailable, match=f"{name} cannot be injected now: it is active already"):
        stack.perform(Inject(name))
    assert stack.perform(Heal(name)) == f"healed: {name}"
    wait_until_trusted(stack)
    snapshot = stack.snapshot()
    assert snapshot.faults == ()
    (mark,) = snapshot.marks
    assert (mark.name, mark.start_at) == (name, pytest.approx(active.since_at, abs=0.1))
    assert mark.end_at is not None
    assert state(stack, name).available
    assert stack.perform(Heal(name)) == f"{name} is not active"
    assert stack.perform(Heal()) == "nothing is broken"
    stack.perform(Inject(name))


def test_healing_one_leaves_the_others(stack: Stack) -> None:
    for name in ("database.full", "database.readonly", "database.slow", "log.full"):
        stack.perform(Inject(name))
    stack.perform(Heal("database.readonly"))
    assert stack.snapshot().faults == ("database.full", "database.slow", "log.full")
    with pytest.raises(Unavailable, match="full"):
        stack.layer.set("order:1", b"x")
    with pytest.raises(Unavailable, match="full"):
        stack.layer.set("session:1", b"x")


def test_everything_at_once_heals_at_once(stack: Stack) -> None:
    fill_cache(stack)
    usual = stack.snapshot().redis.maxmemory_bytes
    for name in (*LASTING[2:], "redis.hang", "worker.crash"):
        stack.perform(Inject(name))
    assert set(stack.snapshot().faults) == set(LASTING[1:])
    healed = f"healed: {', '.join(LASTING[1:])}; disarmed: worker.crash"
    assert stack.perform(Heal()) == healed
    wait_until_trusted(stack)
    assert stack.snapshot().faults == ()
    assert stack.snapshot().redis.maxmemory_bytes == usual
    assert stack.failpoints.armed() == ()
    stack.layer.set("order:1", b"through")
    stack.layer.set("session:1", b"behind")
    stack.layer.drain(60)
    assert stack.snapshot().database.health is Health.UP


def test_closing_heals(tmp_path: Path) -> None:
    with running(tmp_path, PATIENT) as stack:
        stack.layer.set("session:1", b"x")
        for name in (*LASTING[2:], "redis.hang", "worker.crash"):
            stack.perform(Inject(name))
    assert stack.failpoints.armed() == ()
    with running(tmp_path) as stack:
        assert list(stack.layer.items()) == [(b"session:1", b"x")]


def test_a_snapshot_does_not_wait_for_an_injection(stack: Stack, tmp_path: Path) -> None:
    """To inject a lock that somebody else holds takes seconds; the desk goes on meanwhile."""
    other = sqlite3.connect(tmp_path / "data" / "cachedesk.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    stack.perform(Inject("database.slow"))
    injecting = Task(stack.perform, Inject("database.lock"))
    until(stack.faults._acting.locked)
    assert stack.snapshot().faults == ("database.slow",)
    assert injecting.is_alive()
    other.close()
    injecting.result()
    assert stack.snapshot().faults == ("database.slow", "database.lock")


def test_what_redis_cannot_do_while_it_is_down_is_said(stack: Stack) -> None:
    stack.perform(Inject("redis.down"))
    until(lambda: stack.snapshot().redis.pid is None)
    for name in ("redis.kill", "redis.hang", "redis.empty", "redis.squeeze"):
        obstacle = state(stack, name).obstacle
        assert obstacle in ("Redis does not run", "Redis is not in use")
        with pytest.raises(Unavailable, match=f"{name} cannot be injected now: {obstacle}"):
            stack.perform(Inject(name))
    assert stack.snapshot().faults == ("redis.down",)


# -- the worker ------------------------------------------------------------------------------------


def test_the_worker_crashes_where_it_is_told_to_and_again(stack: Stack) -> None:
    for crashes in (1, 2):
        said = stack.perform(Inject("worker.crash:worker.ack.before"))
        assert said == "the worker will crash at worker.ack.before"
        with pytest.raises(Unavailable, match=r"worker\.ack\.before is armed already"):
            stack.perform(Inject("worker.crash:worker.ack.before"))
        stack.layer.incr("views:1")
        until(lambda crashes=crashes: stack.snapshot().worker.restarts == crashes)
        stack.layer.drain(60)
    assert stack.layer.get("views:1") == b"2"
    crashed = [event for event in stack.snapshot().events if "crashed at worker.ack" in event.text]
    assert len(crashed) == 2


def test_healing_disarms_only_what_the_fault_armed(stack: Stack) -> None:
    stack.failpoints.arm("worker.ack.after", "off")
    with pytest.raises(Unavailable, match="armed already"):
        stack.perform(Inject("worker.crash:worker.ack.after"))
    stack.worker.controls.pause()
    stack.perform(Inject("worker.crash"))
    stack.perform(Inject("worker.crash:worker.ack.before"))
    stack.failpoints.arm("worker.ack.before", "off")
    assert stack.perform(Heal("worker.crash")) == "disarmed: worker.crash"
    assert set(stack.failpoints.armed()) == {"worker.ack.after", "worker.ack.before"}
    said = [event.text for event in stack.snapshot().events if event.code == "fault.disarmed"]
    assert sorted(said) == [
        "worker.crash was disarmed: worker.ack.before was not reached",
        "worker.crash was disarmed: worker.apply.mid_batch was not reached",
    ]
    assert stack.perform(Heal()) == "nothing is broken"
    assert set(stack.failpoints.armed()) == {"worker.ack.after", "worker.ack.before"}


# -- the process -----------------------------------------------------------------------------------

_VICTIM = """
import sys
from cachedesk.core.commands import Inject, SetSafeguard
from cachedesk.stack.stack import Stack
stack = Stack(sys.argv[1])
stack.layer.set("order:1", b"through")
stack.worker.controls.pause()
stack.layer.set("session:1", b"behind")
for fault in sys.argv[2:]:
    stack.perform(Inject(fault))
print(stack.snapshot().redis.pid, flush=True)
stack.perform(Inject("process.kill"))
"""


@pytest.mark.parametrize("faults", [(), tuple(n for n in LASTING if n != "redis.down")], ids=str)
def test_after_the_process_is_killed_all_is_there_and_nothing_is_broken(
    tmp_path: Path, faults: tuple[str, ...]
) -> None:
    ordered = sorted(faults, key=lambda name: name == "redis.hang")
    victim = subprocess.run(
        [sys.executable, "-c", _VICTIM, str(tmp_path / "data"), *ordered],
        stdout=subprocess.PIPE,
        timeout=120,
    )
    assert victim.returncode == -signal.SIGKILL
    server = int(victim.stdout)
    with running(tmp_path / "data") as stack:
        until(lambda: not psutil.pid_exists(server))
        assert dict(stack.layer.items()) == {b"order:1": b"through", b"session:1": b"behind"}
        stack.layer.set("order:2", b"x", policy=THROUGH)
        stack.layer.set("order:3", b"x", policy=BEHIND)
        stack.layer.drain(60)
        assert stack.snapshot().books.balanced


def test_a_worker_without_a_log_has_nothing_to_crash_over(stack: Stack) -> None:
    stack.perform(SetSafeguard("log", False))
    assert state(stack, "worker.crash").obstacle == (
        "the log is off, so the worker has nothing to flush"
    )
    stack.perform(SetSafeguard("log", True))
    assert state(stack, "worker.crash").available
