"""A warm restart: Redis brings its snapshot, and nothing of it is read before it was compared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedesk.core.reads import ReadSource
from cachedesk.core.settings import RedisSettings, Settings
from cachedesk.stack.stack import Stack
from tests.torture.planted import BY_NAME

from .scenarios import wait_until_trusted
from .until import Task, until

OpenStack = Callable[..., Stack]

WARM = Settings(redis=RedisSettings(restart="warm", snapshot_seconds=1))
MODES = {"warm": WARM, "empty": Settings()}
KEYS = [f"views:{number}" for number in range(300)]


def filled(stack: Stack) -> Stack:
    wait_until_trusted(stack)
    stack.layer.write_many([("set", key, b"old") for key in KEYS])
    return stack


def said(stack: Stack, words: str) -> bool:
    return any(words in event.text for event in stack.snapshot().events)


def restarted(stack: Stack, restarts: int = 1) -> bool:
    redis = stack.snapshot().redis
    return redis.restarts >= restarts and redis.word == "up"


def hold_comparison(stack: Stack) -> Callable[[], bool]:
    """Have the next comparison wait in its middle; return whether it does."""
    point = "redis.verify.mid"
    before = stack.failpoints.hits().get(point, 0)
    stack.failpoints.arm(point, "1*pause")
    return lambda: stack.failpoints.hits().get(point, 0) > before


def sources(stack: Stack) -> set[ReadSource]:
    return {stack.layer.read(key).source for key in KEYS}


@pytest.fixture
def snapshotted(open_stack: OpenStack) -> Stack:
    """A warm stack whose Redis has just saved what it holds."""
    stack = filled(open_stack(WARM))
    stack.cache.cache.save()
    return stack


def test_what_is_still_true_is_served_from_redis_after_it_was_killed(snapshotted: Stack) -> None:
    snapshotted.faults.inject("redis.kill")
    until(lambda: restarted(snapshotted))
    until(lambda: said(snapshotted, "300 keys agree with the truth, 0 keys dropped"))
    assert sources(snapshotted) == {ReadSource.REDIS}


def change_and_restart(stack: Stack) -> None:
    """Change three keys after the snapshot, restart Redis, and see that none is read as it was."""
    stack.layer.set("views:1", b"new")
    stack.layer.set("views:2", b"new", policy="write-through")
    stack.layer.delete("views:3")
    stack.faults.inject("redis.kill")
    until(lambda: restarted(stack))
    found = stack.layer.get_many(["views:1", "views:2", "views:3", "views:4"])
    assert found == [b"new", b"new", None, b"old"]


def test_what_changed_since_the_snapshot_is_dropped(snapshotted: Stack) -> None:
    change_and_restart(snapshotted)
    until(lambda: said(snapshotted, "297 keys agree with the truth, 3 keys dropped"))


def test_a_snapshot_that_is_believed_is_found_out(
    snapshotted: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug of this file: nothing is compared."""
    BY_NAME["snapshot_trusted"](monkeypatch)
    with pytest.raises(AssertionError):
        change_and_restart(snapshotted)


@pytest.mark.parametrize("policy", ["write-through", "write-behind"])
def test_a_write_during_the_comparison_is_never_hidden_by_the_snapshot(
    snapshotted: Stack, policy: str
) -> None:
    comparing = hold_comparison(snapshotted)
    snapshotted.faults.inject("redis.kill")
    until(comparing)
    assert snapshotted.snapshot().redis.word.startswith("being verified")
    for number in range(0, 300, 7):
        snapshotted.layer.set(f"views:{number}", b"new", policy=policy)
    snapshotted.failpoints.disarm()
    until(lambda: restarted(snapshotted))
    for number, key in enumerate(KEYS):
        assert snapshotted.layer.get(key) == (b"old" if number % 7 else b"new")


@pytest.mark.parametrize("mode", MODES)
def test_an_old_snapshot_is_never_read(open_stack: OpenStack, mode: str) -> None:
    stack = filled(open_stack(MODES[mode]))
    stack.faults.inject("redis.old_snapshot")
    stack.layer.write_many([("set", key, b"new") for key in KEYS[:100]])
    written = 0
    while not restarted(stack):
        written += 1
        stack.layer.set("views:0", b"%d" % written)
        assert stack.layer.get("views:0") == b"%d" % written
        assert stack.layer.get("views:1") == b"new"
    assert stack.layer.get_many(KEYS[1:]) == [b"new"] * 99 + [b"old"] * 200
    until(lambda: said(stack, "an old snapshot"))


def test_a_stop_in_order_and_an_open_are_warm(open_stack: OpenStack, tmp_path: Path) -> None:
    filled(open_stack(WARM)).close()
    again = open_stack(WARM)
    until(lambda: said(again, "Redis starts warm"))
    assert sources(again) == {ReadSource.REDIS}
    again.close()
    assert not list((tmp_path / "data" / "redis").glob("temp-*"))
    # Without the setting the snapshot is of no account.
    assert sources(open_stack()) != {ReadSource.REDIS}


def test_what_was_written_while_redis_was_elsewhere_counts(open_stack: OpenStack) -> None:
    filled(open_stack(WARM)).close()
    cold = open_stack()
    cold.layer.set("views:7", b"newer")
    cold.layer.drain(60)
    cold.close()
    again = open_stack(WARM)
    until(lambda: said(again, "299 keys agree with the truth, 1 key dropped"))
    assert again.layer.get("views:7") == b"newer"


def test_a_killed_process_finds_its_snapshot_again(open_stack: OpenStack, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from cachedesk.stack.stack import Stack\n"
        "from tests.engine.test_warm import WARM, filled\n"
        "stack = filled(Stack(sys.argv[1], WARM))\n"
        "stack.cache.cache.save()\n"
        "stack.layer.set('views:5', b'newer')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[2]
    victim = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data")],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        timeout=120,
    )
    assert victim.returncode == -9
    again = open_stack(WARM)
    until(lambda: said(again, "299 keys agree with the truth, 1 key dropped"))
    assert again.layer.get("views:5") == b"newer"


@pytest.mark.parametrize(
    "content",
    [b"", b"REDIS0009 and then nothing of the kind", b"\0" * 4096],
    ids=["empty", "cut", "zeros"],
)
def test_a_snapshot_that_does_not_load_costs_nothing_but_itself(
    open_stack: OpenStack, tmp_path: Path, content: bytes
) -> None:
    filled(open_stack(WARM)).close()
    (tmp_path / "data" / "redis" / "snapshot.rdb").write_bytes(content)
    again = open_stack(WARM)
    until(lambda: again.snapshot().redis.word == "up")
    assert again.layer.get_many(KEYS) == [b"old"] * 300


def test_what_cannot_be_compared_is_not_believed(snapshotted: Stack) -> None:
    snapshotted.layer.drain(60)
    snapshotted.failpoints.arm("redis.verify.mid", "1*raise(DatabaseError)")
    snapshotted.faults.inject("redis.kill")
    until(lambda: restarted(snapshotted))
    until(lambda: said(snapshotted, "s: empty"))
    assert sources(snapshotted) == {ReadSource.DATABASE}


def test_a_comparison_that_dies_leaves_the_doubt(snapshotted: Stack) -> None:
    """The same server is there when it is tried again, and what it holds is as old as before."""
    snapshotted.faults.inject("redis.hang")
    keys = [f"views:{number}" for number in range(10_500)]
    snapshotted.layer.write_many([("set", key, b"new") for key in keys])
    snapshotted.failpoints.arm("redis.verify.mid", "1*crash")
    snapshotted.faults.heal()
    until(lambda: snapshotted.snapshot().redis.word == "up")
    assert snapshotted.layer.get_many(keys) == [b"new"] * len(keys)


def test_the_keeper_closes_while_it_compares(snapshotted: Stack) -> None:
    comparing = hold_comparison(snapshotted)
    snapshotted.faults.inject("redis.kill")
    until(comparing)
    closing = Task(snapshotted.close)
    snapshotted.failpoints.disarm()
    closing.result()


@pytest.mark.parametrize("mode", MODES)
def test_half_a_snapshot_is_cleared_whatever_the_mode(
    open_stack: OpenStack, tmp_path: Path, mode: str
) -> None:
    filled(open_stack(WARM)).close()
    half = tmp_path / "data" / "redis" / "temp-12345.rdb"
    half.write_bytes(b"REDIS0009")
    open_stack(MODES[mode]).close()
    assert not half.exists()
