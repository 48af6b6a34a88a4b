"""The key locks: shared holds overlap, an exclusive hold excludes, and no waiter waits for ever."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.errors import Unavailable
from cachedesk.engine.key_locks import KeyLocks

from .scenarios import soon
from .until import Task, together, until


def hold(locks: KeyLocks, how: str, keys: list[bytes], until_set: threading.Event) -> Task:
    """Hold ``keys`` on a thread of its own until the event is set; return once it waits or
    holds."""
    entered = threading.Event()

    def run() -> None:
        with getattr(locks, how)(keys, soon()):
            entered.set()
            until_set.wait(60)

    task = Task(run)
    task.entered = entered  # type: ignore[attr-defined]
    until(lambda: entered.is_set() or locks._freed._waiters)  # type: ignore[attr-defined]
    return task


def entered(task: Task) -> bool:
    return bool(task.entered.is_set())  # type: ignore[attr-defined]


def test_shared_holds_overlap() -> None:
    locks = KeyLocks()
    with locks.shared([b"a", b"b"], soon()), locks.shared([b"b", b"a"], soon()):
        pass


@pytest.mark.parametrize("first", ["shared", "exclusive"])
@pytest.mark.parametrize("second", ["shared", "exclusive"])
def test_a_hold_alone_excludes_every_other(first: str, second: str) -> None:
    locks, end = KeyLocks(), threading.Event()
    with ExitStack() as held:
        held.enter_context(getattr(locks, first)([b"a"], soon()))
        task = hold(locks, second, [b"a", b"b"], end)
        assert entered(task) == (first == second == "shared")
    until(lambda: entered(task))
    end.set()
    task.result()


def test_other_keys_are_free() -> None:
    locks = KeyLocks()
    with (
        locks.exclusive([b"a"], soon()),
        locks.exclusive([b"b"], soon()),
        locks.shared([b"c"], soon()),
    ):
        pass


@pytest.mark.parametrize("how", ["shared", "exclusive"])
def test_a_hold_that_does_not_come_in_time_is_unavailable(how: str) -> None:
    locks = KeyLocks()
    with locks.exclusive([b"a"], soon()):
        for deadline in (time.monotonic() + 0.01, time.monotonic() - 1):
            with (
                pytest.raises(Unavailable, match="timed out waiting for another write"),
                getattr(locks, how)([b"b", b"a"], deadline),
            ):
                pass
    with locks.exclusive([b"a", b"b"], soon()):
        pass


def test_who_gave_up_waiting_stands_in_nobodys_way() -> None:
    locks = KeyLocks()
    with locks.shared([b"a"], soon()):
        with pytest.raises(Unavailable), locks.exclusive([b"a"], time.monotonic() + 0.01):
            pass
        with locks.shared([b"a"], soon()):
            pass


def test_a_waiting_exclusive_hold_is_not_starved_by_shared_ones() -> None:
    locks, end = KeyLocks(), threading.Event()
    with locks.shared([b"a"], soon()):
        exclusive = hold(locks, "exclusive", [b"a"], end)
        later = hold(locks, "shared", [b"a"], end)
        assert not entered(exclusive)
        assert not entered(later), "it came after the one that waits"
    until(lambda: entered(exclusive))
    end.set()
    exclusive.result()
    later.result()


@pytest.mark.parametrize("late", ["shared", "exclusive"])
def test_a_stream_of_holds_alone_starves_nobody(late: str) -> None:
    """Two threads hand the key to each other without a gap; a third one gets it in between."""
    locks, stop = KeyLocks(), threading.Event()

    def stream() -> None:
        while not stop.is_set():
            with locks.exclusive([b"a"], soon()):
                until(lambda: stop.is_set() or locks._freed._waiters)  # type: ignore[attr-defined]

    tasks = [Task(stream) for _ in range(2)]
    try:
        until(lambda: locks._freed._waiters)  # type: ignore[attr-defined]
        for _ in range(20):
            with getattr(locks, late)([b"a"], soon()):
                pass
    finally:
        stop.set()
    for task in tasks:
        task.result()


def test_an_error_inside_lets_go() -> None:
    locks = KeyLocks()
    for how in ("shared", "exclusive"):
        with pytest.raises(ZeroDivisionError), getattr(locks, how)([b"a"], soon()):
            _ = 1 / 0
    with locks.exclusive([b"a"], soon()):
        pass


plans = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["shared", "exclusive"]),
            st.sets(st.sampled_from([b"a", b"b", b"c"]), min_size=1),
        ),
        min_size=1,
        max_size=8,
    ),
    min_size=2,
    max_size=4,
)


@settings(max_examples=60)
@given(plans)
def test_nobody_is_ever_alone_with_anyone(plan: list[list[tuple[str, set[bytes]]]]) -> None:
    locks, lock = KeyLocks(), threading.Lock()
    shared: Counter[bytes] = Counter()
    exclusive: Counter[bytes] = Counter()

    def act(steps: list[tuple[str, set[bytes]]]) -> None:
        for how, keys in steps:
            with getattr(locks, how)(keys, soon()):
                mine, its = (shared, exclusive) if how == "shared" else (exclusive, shared)
                with lock:
                    mine.update(keys)
                    assert all(its[key] == 0 for key in keys)
                    assert how == "shared" or all(exclusive[key] == 1 for key in keys)
                with lock:
                    mine.subtract(keys)

    together([lambda steps=steps: act(steps) for steps in plan])
    with locks.exclusive([b"a", b"b", b"c"], time.monotonic()):
        pass


def test_nothing_is_kept_of_keys_that_are_free() -> None:
    locks = KeyLocks()
    for number in range(1_000):
        with locks.shared([b"%d" % number], soon()):
            pass
        with locks.exclusive([b"%d" % number], soon()):
            pass
    kept = [it for it in vars(locks).values() if isinstance(it, (dict, set, list))]
    assert kept
    assert not any(kept)
