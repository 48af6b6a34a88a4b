"""A cache that is opened twice in one process, and one that is dropped without ``close``."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import cachedesk
from cachedesk.core.failpoints import Failpoints
from cachedesk.engine.call_thread import CallThread
from cachedesk.stack import dropped
from cachedesk.stack.stack import Stack

from .until import until

Cell = Callable[[], cachedesk.CacheLayer]


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """A cell of a notebook."""
    return lambda: cachedesk.open(tmp_path / "data")


def servers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "redis" in each.name()]


def test_a_cell_that_is_run_twice_is_told_what_to_do(cell: Cell) -> None:
    cache = cell()
    with pytest.raises(cachedesk.InUse) as error:
        cache = cell()
    assert f"is open already in this process, process {os.getpid()};" in str(error.value)
    assert "close()" in str(error.value)
    # What it says works, and the first cache was not affected.
    assert cache.incr("views:1") == 1
    cache.close()
    cache = cell()
    assert cache.incr("views:1") == 2
    cache.close()


def test_the_message_goes_by_the_directory_and_not_by_a_pid(tmp_path: Path) -> None:
    """In a container the other program has the same pid as this one."""
    code = (
        "import sys, cachedesk\n"
        "with cachedesk.open(sys.argv[1]): print(flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as other:  # type: ignore[call-overload]
        other.stdout.readline()
        (tmp_path / "lock").write_text(f"{os.getpid()}\n")
        with pytest.raises(cachedesk.InUse, match=rf"in use by process {os.getpid()};"):
            cachedesk.open(tmp_path)
        other.communicate(b"\n")


def test_a_dropped_cache_is_closed_and_its_directory_opens_again(cell: Cell) -> None:
    cache = cell()
    cache.incr("views:1")
    first = servers()
    del cache
    cache = cell()
    assert cache.incr("views:1") == 2
    assert servers() != first
    del cache
    until(lambda: not servers())


def in_a_cycle(cell: Cell) -> None:
    ring: list[object] = [cell()]
    ring.append(ring)


def in_a_thread(cell: Cell) -> None:
    thread = threading.Thread(target=lambda: cell().incr("views:1"))
    thread.start()
    thread.join()


def by_an_error(cell: Cell) -> None:
    def failing() -> None:
        cache = cell()
        cache.incr("views:1")
        raise LookupError

    with pytest.raises(LookupError):
        failing()


DROPS = {"in a cycle": in_a_cycle, "in a thread": in_a_thread, "by an error": by_an_error}


@pytest.mark.parametrize("how", DROPS)
def test_a_cache_may_be_dropped_anywhere(cell: Cell, how: str) -> None:
    DROPS[how](cell)
    with cell() as cache:
        assert cache.get("absent") is None
    until(lambda: not servers())


def test_the_finalizer_waits_for_no_lock_of_the_stack(tmp_path: Path) -> None:
    """It may run in a thread that holds one of them, in the middle of a commit."""
    failpoints = Failpoints()
    stack = Stack(tmp_path / "data", failpoints=failpoints)
    twin = dropped.closing_when_dropped(stack.layer, stack.calls)
    failpoints.arm("log.append.before_commit", "1*pause")
    writer = threading.Thread(target=stack.layer.incr, args=("views:1",))
    writer.start()
    until(lambda: failpoints.hits().get("log.append.before_commit"))
    del twin
    gc.collect()
    # The call goes on to its end, which the close waits for.
    failpoints.disarm()
    writer.join()
    with cachedesk.open(tmp_path / "data") as cache:
        assert cache.get("views:1") == b"1"


def test_what_uses_a_cache_keeps_it_open(cell: Cell) -> None:
    incr = cell().incr
    gc.collect()
    assert incr("views:1") == 1
    items = iter(incr.__self__.items())  # type: ignore[attr-defined]
    del incr
    gc.collect()
    assert next(items) == (b"views:1", b"1")
    items.close()
    del items
    until(lambda: not servers())


def test_a_warning_names_the_directory_only_if_it_was_not_closed(tmp_path: Path) -> None:
    script = (
        "import cachedesk, sys\n"
        "cachedesk.open(sys.argv[1]).close()\n"
        "print('closed', file=sys.stderr, flush=True)\n"
        "cachedesk.open(sys.argv[1])\n"
        "cachedesk.open(sys.argv[1]).close()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    before, _, after = ended.stderr.partition("closed\n")
    assert not before
    assert str(tmp_path) in after
    assert "was dropped without close()" in after


def test_a_dropped_cache_loses_nothing_that_was_pending(tmp_path: Path) -> None:
    settings = cachedesk.Settings(worker=cachedesk.WorkerSettings(batch_age_seconds=60))
    cache = cachedesk.open(tmp_path, settings=settings)
    for _ in range(20):
        cache.incr("views:1")
    del cache
    with cachedesk.open(tmp_path) as cache:
        assert cache.get("views:1") == b"20"


def test_planted_a_reference_to_the_twin_is_found(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finalizer that refers to what it finalizes never runs."""
    kept: list[cachedesk.CacheLayer] = []
    real = dropped.closing_when_dropped

    def planted(layer: cachedesk.CacheLayer, calls: CallThread) -> cachedesk.CacheLayer:
        kept.append(real(layer, calls))
        return kept[-1]

    monkeypatch.setattr(dropped, "closing_when_dropped", planted)
    cache = cell()
    del cache
    with pytest.raises(cachedesk.InUse, match="open already in this process"):
        cell()
    kept[0].close()
