"""What every test of cachedesk has: real stacks that are closed, and a house left clean."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
from engine.until import unhurried, until

from cachedesk.core.settings import Settings
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack

OpenStack = Callable[..., Stack]

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")

_OUR_THREADS = (
    "call-thread",
    "flush-worker",
    "redis-supervisor",
    "ticker",
    "auditor",
    "copier",
    "event-log",
    "sampler",
)


def pytest_configure() -> None:
    """Let Python keep what it compiles, in the workers and in all that the tests start: where it
    is told not to, each of hundreds of processes compiled all of cachedesk again, a fifth of the
    suite's time."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that at the end no worker waits for the other."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What was collected stays: the garbage collector need not look at it again and again, which
    took a fifth of the time of a test that draws."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _clean_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the end of the session no server, no socket folder and no thread of ours is left."""
    # pytest's own folder first, so that it stays where the user expects it.
    tmp_path_factory.getbasetemp()
    threads_before = set(threading.enumerate())
    ours = Path(tempfile.mkdtemp(prefix="cdt-", dir="/tmp"))
    os.environ.pop("XDG_RUNTIME_DIR", None)
    usual, usual_variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(ours)
    yield
    tempfile.tempdir = usual
    if usual_variable is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = usual_variable
    try:
        until(lambda: not _left_behind(ours, threads_before))
    except AssertionError:
        pytest.fail("\n".join(("left behind:", *_left_behind(ours, threads_before))))
    finally:
        shutil.rmtree(ours)


def _left_behind(folder: Path, threads_before: set[threading.Thread]) -> list[str]:
    commands = {
        process.pid: " ".join(process.info["cmdline"] or ())
        for process in psutil.process_iter(["cmdline"])
    }
    servers = [f"process {pid}: {line}" for pid, line in commands.items() if str(folder) in line]
    threads = [
        f"thread {thread.name}"
        for thread in set(threading.enumerate()) - threads_before
        if not thread.daemon or thread.name in _OUR_THREADS
    ]
    return [*servers, *threads, *(str(path) for path in folder.glob("cachedesk-*"))]


@pytest.fixture
def open_stack(tmp_path: Path) -> Iterator[OpenStack]:
    """Open stacks that are closed after the test: ``open_stack(settings=…, path=…)``."""
    opened: list[Stack] = []

    def open_one(
        settings: Settings | None = None, path: Path | None = None, **more: object
    ) -> Stack:
        stack = Stack(path or tmp_path / "data", unhurried(settings), **more)  # type: ignore[arg-type]
        opened.append(stack)
        return stack

    yield open_one
    for stack in opened:
        # A thread that pauses at one goes on.
        stack.failpoints.disarm()
    for stack in reversed(opened):
        stack.close()


@pytest.fixture
def stack(open_stack: OpenStack) -> Stack:
    """A running stack on an empty data directory, with Redis in use."""
    stack = open_stack()
    until(lambda: stack.snapshot().redis.word == "up")
    return stack


@pytest.fixture
def cache(stack: Stack) -> CacheLayer:
    """The cache layer of ``stack``."""
    return stack.layer
