"""Forks: a child of the process that opened a stack can do nothing with it, and nothing to it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cachedesk

from .fork_scripts import (
    EVERY_CALL,
    EVERY_LOCK_IS_HELD,
    EXITS,
    FORKED_BY_MULTIPROCESSING,
    IN_A_HANDLER_DURING_A_READ,
    PRELUDE,
    TORTURE,
    WITHOUT_HOOKS,
    orphan_exits,
    run,
)
from .until import until

IN_A_THREAD = """
def fork():
    child = os.fork()
    if child == 0:
        try:
            cache.incr("views:1")
        except cachedesk.Forked:
            os._exit(0)
        os._exit(1)
    wait_for(child)

def read():
    while not over.is_set():
        assert cache.get("order:1") == b"paid"

over = threading.Event()
readers = [threading.Thread(target=read) for _ in range(2)]
for reader in readers:
    reader.start()
for _ in range(20):
    fork()
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
over.set()
for reader in readers:
    reader.join()
check_parent()
"""

POOL = """
def task(number):
    try:
        cache.incr("views:1")
    except cachedesk.Forked:
        return "forked"

with multiprocessing.get_context("fork").Pool(4) as pool:
    assert set(pool.map(task, range(200))) == {"forked"}
check_parent()
"""

OWN_STACK = """
child = os.fork()
if child == 0:
    try:
        cachedesk.open(data)
        os._exit(1)
    except cachedesk.Forked:
        pass
    with cachedesk.open(data + ".child") as own:
        own.set("order:1", "child")
        own.incr("views:1")
        own.drain(60)
        assert own.get("order:1") == b"child"
        grandchild = os.fork()
        if grandchild == 0:
            for inherited in (own, cache):
                try:
                    inherited.get("order:1")
                    os._exit(1)
                except cachedesk.Forked:
                    pass
            os._exit(0)
        wait_for(grandchild)
        own.incr("views:1")
    sys.exit(0)
wait_for(child)
check_parent()
"""

AFTER_THE_PARENT_CLOSED = """
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.read(read, 1)
    try:
        cachedesk.open(data)
    except cachedesk.Forked as error:
        assert "fork before it is opened" in str(error), error
        os._exit(0)
    os._exit(1)
cache.close()
os.write(write, b"x")
wait_for(child)
with cachedesk.open(data) as again:
    assert dict(again.items()) == {b"order:1": b"paid", b"views:1": b"1"}
"""

LOCK = """
child = os.fork()
if child == 0:
    held = [name for name in files() if name.endswith("lock") or name == data]
    os._exit(len(held))
wait_for(child)
check_parent()
"""

WHILE_IT_OPENS_OR_CLOSES = """
from cachedesk.core.failpoints import Failpoints
from cachedesk.stack.stack import Stack

for point in ("boot.lock.after", "boot.log.after", "close.worker.before", "close.witness.before"):
    failpoints = Failpoints()
    path = f"{data}.{point}"
    opened = []
    def run():
        stack = Stack(path, failpoints=failpoints)
        opened.append(stack)
        stack.close()
    failpoints.arm(point, "1*pause")
    thread = threading.Thread(target=run)
    thread.start()
    while not failpoints.hits().get(point):
        time.sleep(0.001)
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        for stack in opened:
            try:
                stack.layer.incr("views:1")
                os._exit(1)
            except cachedesk.Forked:
                pass
        os.read(ready, 1)
        os._exit(0)
    failpoints.disarm()
    thread.join()
    # While the child lives on.
    with cachedesk.open(path) as again:
        again.incr("views:1")
    os.write(tell, b"x")
    wait_for(child)
check_parent()
"""

A_MOVED_DIRECTORY = """
others = [cachedesk.open(f"{data}.{number}") for number in range(4)]
for number, other in enumerate(others):
    other.set("order:1", number)
for number in (0, 2):
    os.rename(f"{data}.{number}", f"{data}.{number}.moved")
child = os.fork()
if child == 0:
    for inherited in (cache, *others):
        try:
            inherited.get("order:1")
            os._exit(1)
        except cachedesk.Forked:
            pass
    os._exit(len([name for name in files() if name.endswith(("/lock", "/owner"))]))
wait_for(child)
for number in (0, 2):
    os.rename(f"{data}.{number}.moved", f"{data}.{number}")
for other in others:
    other.close()
check_parent()
"""

IN_A_HANDLER = """
child = None

def handler(*_):
    global child
    child = os.fork()

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    while child is None:
        cache.incr("views:2")
    if child == 0:
        cache.incr("views:2")
except cachedesk.Forked:
    os._exit(0)
wait_for(child)
cache.delete("views:2")
check_parent()
"""

SCRIPTS = {
    "every call": EVERY_CALL,
    "every lock is held": EVERY_LOCK_IS_HELD,
    "every way to end": EXITS,
    "a fork without the hooks of Python": WITHOUT_HOOKS,
    "multiprocessing": FORKED_BY_MULTIPROCESSING,
    "in a signal handler during a read": IN_A_HANDLER_DURING_A_READ,
    "from a thread, while others read": IN_A_THREAD,
    "a pool": POOL,
    "a stack of the child's own": OWN_STACK,
    "after the parent has closed": AFTER_THE_PARENT_CLOSED,
    "the lock": LOCK,
    "while it opens or closes": WHILE_IT_OPENS_OR_CLOSES,
    "a moved directory": A_MOVED_DIRECTORY,
    "in a signal handler": IN_A_HANDLER,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_forked_child_gets_an_error_and_the_parent_goes_on(tmp_path: Path, name: str) -> None:
    ended = run(SCRIPTS[name], tmp_path / "data")
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert not ended.stderr, ended.stderr[-4000:]


def test_a_child_that_lives_on_does_not_keep_a_killed_parents_directory(tmp_path: Path) -> None:
    script = """
child = os.fork()
if child == 0:
    time.sleep(300)
print(child, flush=True)
time.sleep(300)
"""
    data = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(data)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            parent.kill()
            parent.wait()
            until(lambda: _opens(data))
        finally:
            os.kill(child, signal.SIGKILL)


def test_what_the_parent_acknowledged_is_there_once_whatever_its_children_do(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    seed = random.randrange(1_000_000)
    ended = run(TORTURE, data, str(seed), "30")
    assert ended.returncode == -signal.SIGKILL, (seed, ended.stderr[-4000:])
    acknowledged = json.loads(ended.stdout)
    assert len(acknowledged) == 6, acknowledged
    assert all(acknowledged.values()), acknowledged
    with cachedesk.open(data) as cache:
        assert {key: int(cache.get(key) or 0) for key in acknowledged} == acknowledged, seed
        cache.drain(120)
        books = cache.snapshot().books
        assert (books.pending, books.balanced) == (0, True), seed
        found = {key.decode(): int(value) for key, value in cache.items() if b":of:" in key}
        assert found == acknowledged, seed
    with cachedesk.open(data) as cache:
        assert cache.snapshot().books.pending == 0, seed


def test_a_child_changes_nothing_at_its_exit_when_the_parent_is_dead(tmp_path: Path) -> None:
    ended = orphan_exits(tmp_path / "data")
    assert ended == [], ended


def _opens(data: Path) -> bool:
    try:
        with cachedesk.open(data) as cache:
            return cache.get("order:1") == b"paid"
    except cachedesk.InUse:
        return False
