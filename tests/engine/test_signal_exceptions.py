"""Exceptions that a signal handler raises in the middle of a call, thousands of times: a caught
Ctrl-C, a soft time limit, an alarm. Whatever they interrupt, the stack goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cachedesk

pytestmark = pytest.mark.slow

INTERRUPTS_PER_CALL = 150

PRELUDE = """
import faulthandler, random, signal, sys, threading, time
import cachedesk
from cachedesk.core.policy import Policy

faulthandler.dump_traceback_later(240, exit=True)

class Interrupted(BaseException):
    pass

def interrupt(*_):
    raise Interrupted

signal.signal(signal.SIGALRM, interrupt)
dice = random.Random(1)
data, times = sys.argv[1], int(sys.argv[2])

def struck(call):
    "Call until the timer strikes in the middle; return what was returned, or None."
    began = time.perf_counter()
    try:
        call()
        usual = time.perf_counter() - began
        while True:
            signal.setitimer(signal.ITIMER_REAL, dice.uniform(2e-5, 1.3 * usual))
            call()
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupted:
        return
    finally:
        disarm()

def disarm():
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            return
        except Interrupted:
            pass
"""

EVERY_CALL = """
cache = cachedesk.open(data)
cache.write_many([("set", f"order:{n}", b"x") for n in range(300)])
begun = {"order:n": 0, "views:n": 0}
acknowledged = {"order:n": 0, "views:n": 0}
written = [0]

def incr(key):
    begun[key] += 1
    cache.incr(key)
    acknowledged[key] += 1

def miss():
    cache.evict("order:1")
    assert cache.get("order:1") == b"x"

def mixed():
    cache.write_many([("set", "order:m", b"1"), ("set", "likes:m", b"1"), ("delete", "likes:m")])

def newest():
    written[0] += 1
    cache.set("order:newest", written[0])

calls = {
    "get": lambda: cache.get("order:2"),
    "get, miss": miss,
    "get, absent": lambda: cache.get("order:none"),
    "get_many": lambda: cache.get_many([f"order:{n}" for n in range(20)]),
    "set": newest,
    "incr, through": lambda: incr("order:n"),
    "incr, behind": lambda: incr("views:n"),
    "delete": lambda: cache.delete("likes:d"),
    "write_many": mixed,
    "evict": lambda: cache.evict("likes:*"),
    "drain": lambda: cache.drain(60),
    "items": lambda: list(cache.items()),
    "snapshot": cache.snapshot,
}
counted = {"incr, through": "order:n", "incr, behind": "views:n"}
interrupts = 0
for name, call in calls.items():
    for _ in range(times):
        struck(call)
        interrupts += 1
        if name in counted:
            # A read is a later call too: it never goes past the write that was torn.
            value = cache.get(counted[name])
            cache.snapshot()
            assert cache.get(counted[name]) == value, (name, value)

problems = []
def other_thread():
    try:
        for key in ("order:n", "views:n"):
            assert acknowledged[key] <= int(cache.get(key)) <= begun[key], (key, cache.get(key))
        cache.set("order:other", b"y")
        cache.incr("views:other")
        cache.evict("*")
        cache.drain(60)
        books = cache.snapshot().books
        assert books.balanced and not books.pending, books
        truth = dict(cache.items())
        for key in ("order:n", "views:n"):
            assert acknowledged[key] <= int(truth[key.encode()]) <= begun[key], (key, truth)
        assert truth[b"order:newest"] == b"%d" % written[0], truth[b"order:newest"]
        assert truth[b"order:other"] == b"y" and truth[b"views:other"] == b"1"
        began = time.monotonic()
        cache.close()
        # A call that was torn out leaves nothing behind that closing would wait for.
        assert time.monotonic() - began < 25
    except BaseException as error:
        problems.append(repr(error))

# The last call of the main thread may still run: what it wrote is to be known before the check.
cache.set("order:newest", written[0])
thread = threading.Thread(target=other_thread)
thread.start()
thread.join()
assert not problems, problems
print("interrupts", interrupts)
"""

CLOSE = """
for number in range(times):
    cache = cachedesk.open(data)
    cache.incr("views:n")
    try:
        signal.setitimer(signal.ITIMER_REAL, dice.uniform(1e-5, 0.02))
        cache.close()
    except Interrupted:
        pass
    finally:
        disarm()
    cache.close()
with cachedesk.open(data) as cache:
    assert cache.incr("views:n") == times + 1
print("interrupts", times)
"""

OPEN = """
import os
from cachedesk.core.failpoints import Failpoints
from cachedesk.stack.stack import Stack

for point in ("boot.lock.after", "boot.database.after", "boot.log.after", "boot.serve.before"):
    failpoints = Failpoints()
    failpoints.arm(point, "1*pause")
    def strike():
        while not failpoints.hits().get(point):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGALRM)
    thread = threading.Thread(target=strike)
    thread.start()
    try:
        Stack(data, failpoints=failpoints)
        raise AssertionError("it was not interrupted")
    except Interrupted:
        pass
    thread.join()
    failpoints.disarm()
    while True:
        # The opening that was torn out ends, and is closed, by itself.
        try:
            with cachedesk.open(data) as cache:
                cache.incr("views:n")
                break
        except cachedesk.InUse:
            time.sleep(0.01)
print("interrupts", 4)
"""


HANDLER_CALLS = """
cache = cachedesk.open(data)
cache.set("order:1", "x")
handled = [0]

def handler(*_):
    handled[0] += 1
    assert cache.get("order:1") == b"x"
    cache.incr("views:handled")

signal.signal(signal.SIGALRM, handler)
calls = 0
while handled[0] < times:
    signal.setitimer(signal.ITIMER_REAL, dice.uniform(1e-5, 3e-4))
    cache.get("order:1")
    cache.get_many(["order:1", "views:handled"])
    if calls % 10 == 0:
        cache.incr("views:main")
    calls += 1
# The handler calls in the middle of a drain, too; it must not have to wait for the end of it.
signal.setitimer(signal.ITIMER_REAL, 0.02)
cache.drain(60)
signal.setitimer(signal.ITIMER_REAL, 0)
assert int(cache.get("views:handled")) == handled[0]
cache.close()
print("interrupts", handled[0])
"""

FINALIZERS = """
import gc
cache = cachedesk.open(data)
cache.set("order:1", "x")
refused = done = 0

class Node:
    def __init__(self):
        self.me = self
    def __del__(self):
        global refused, done
        try:
            cache.incr("views:finalized")
            done += 1
        except cachedesk.Unavailable:
            refused += 1

def work():
    for number in range(times):
        Node()
        cache.incr("views:work")
        cache.get("order:1")

gc.set_threshold(20, 2, 2)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
work()
for thread in threads:
    thread.join()
gc.set_threshold(0)
# Outside of any call; the others may all have come in the middle of one.
Node()
gc.collect()
assert int(cache.get("views:work")) == 3 * times
assert int(cache.get("views:finalized") or 0) >= 1
cache.close()
print("interrupts", done, refused)
"""

CLOSE_IN_A_HANDLER = """
from cachedesk.core.commands import Inject
from cachedesk.stack.stack import Stack

stack = Stack(data)
stack.perform(Inject("database.lock"))
stack.layer.incr("views:1")

def handler(*_):
    stack.close()

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    stack.layer.drain()
    raise AssertionError("it was drained")
except cachedesk.Closed:
    pass
print("interrupts", 1)
"""

PLANTED_BUG = """
from cachedesk.engine.call_thread import CallThread

CallThread.run = lambda self, function, *arguments: function(*arguments)
"""


def interrupted(data: Path, script: str, times: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + script, str(data), str(times)],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("script", "times"),
    [
        (EVERY_CALL, INTERRUPTS_PER_CALL),
        (CLOSE, 25),
        (OPEN, 1),
        (HANDLER_CALLS, 300),
        (FINALIZERS, 300),
        (CLOSE_IN_A_HANDLER, 1),
    ],
    ids=["every call", "close", "open", "calls in a handler", "finalizers", "close in a handler"],
)
def test_nothing_stays_taken_after_an_exception_at_any_moment(
    tmp_path: Path, script: str, times: int
) -> None:
    ended = interrupted(tmp_path / "data", script, times)
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert ended.stdout.startswith("interrupts"), ended.stdout


def test_calls_that_run_on_the_main_thread_itself_are_caught(tmp_path: Path) -> None:
    ended = interrupted(tmp_path / "data", PLANTED_BUG + EVERY_CALL, 1_000)
    # A write-through that is refused for ever, a hang, or a crash of SQLite itself.
    assert ended.returncode != 0
    # It did not come to its close: what it left behind goes with the next one.
    cachedesk.open(tmp_path / "data").close()
