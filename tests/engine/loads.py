"""Scenarios of values that are loaded: each a function on a cache."""

from __future__ import annotations

import sys
import threading

import pytest

from cachedesk.engine.cache_layer import CacheLayer

from .until import Task, until

SECONDS = 60.0


class Source:
    """A source of values that a test holds back: each load waits for ``answer``."""

    def __init__(self) -> None:
        self.loads = 0
        self._asked = threading.Semaphore(0)
        self._answers: list[object] = []
        self._answered = threading.Condition()

    def __call__(self) -> str | None:
        """Load."""
        self.loads += 1
        self._asked.release()
        with self._answered:
            assert self._answered.wait_for(lambda: self._answers, SECONDS)
            answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]

    def asked(self) -> None:
        """Wait until one more load has begun."""
        assert self._asked.acquire(timeout=SECONDS)

    def answer(self, answer: object) -> None:
        """Let one load return, or raise, ``answer``."""
        with self._answered:
            self._answers.append(answer)
            self._answered.notify()


def _wait_until_waiting(tasks: list[Task]) -> None:
    """Wait until each of ``tasks`` waits for the flight of another."""

    def all_wait() -> bool:
        frames = sys._current_frames()
        inside = 0
        for task in tasks:
            frame = frames.get(task.ident or 0)
            while frame is not None:
                if frame.f_code.co_name == "wait" and "flights" in frame.f_code.co_filename:
                    inside += 1
                    break
                frame = frame.f_back
        return inside == len(tasks)

    until(all_wait)


def one_caller_loads_for_all(cache: CacheLayer) -> None:
    """Of many callers at the same time one loads, and all have its value."""
    source = Source()
    first = Task(cache.get_or_set, "user:1", source)
    source.asked()
    others = [Task(cache.get_or_set, "user:1", source) for _ in range(7)]
    _wait_until_waiting(others)
    source.answer("Ann")
    assert [task.result() for task in (first, *others)] == [b"Ann"] * 8
    assert source.loads == 1
    assert cache["user:1"] == b"Ann"


def an_error_reaches_all_who_wait(cache: CacheLayer) -> None:
    """An error of the loader is raised in the caller and in those who wait; nothing is stored."""
    source = Source()
    first = Task(cache.get_or_set, "user:1", source)
    source.asked()
    other = Task(cache.get_or_set, "user:1", source)
    _wait_until_waiting([other])
    source.answer(ZeroDivisionError("no such user"))
    for task in (first, other):
        with pytest.raises(ZeroDivisionError, match="no such user"):
            task.result()
    assert "user:1" not in cache
    source.answer("Ann")
    assert cache.get_or_set("user:1", source) == b"Ann"
    assert source.loads == 2


def a_write_during_a_load_is_kept(cache: CacheLayer) -> None:
    """A value that is set while an older one is loaded stays, and is what the load returns."""
    for policy in ("write-through", "write-behind"):
        source = Source()
        key = f"user:{policy}"
        load = Task(cache.get_or_set, key, source, policy=policy)
        source.asked()
        cache.set(key, "new", policy=policy)
        source.answer("old")
        assert load.result() == b"new"
        assert cache[key] == b"new"


def a_delete_during_a_load_is_kept(cache: CacheLayer) -> None:
    """A key that is deleted while its value is loaded stays absent: the value may be older. It
    does so even when nothing is left of the delete in any store."""
    for policy in ("write-through", "write-behind"):
        source = Source()
        key = f"user:{policy}"
        load = Task(cache.get_or_set, key, source)
        source.asked()
        cache.delete(key, policy=policy)
        cache.drain(60)
        source.answer("old")
        assert load.result() == b"old"
        assert key not in cache


def who_comes_after_a_write_loads_again(cache: CacheLayer) -> None:
    """A caller that begins after a delete does not get the value of a load that began before."""
    before, after = Source(), Source()
    early = Task(cache.get_or_set, "user:1", before)
    before.asked()
    cache.delete("user:1")
    late = Task(cache.get_or_set, "user:1", after)
    after.asked()
    before.answer("old")
    assert early.result() == b"old"
    assert "user:1" not in cache
    third = Task(cache.get_or_set, "user:1", before)
    _wait_until_waiting([third])
    after.answer("new")
    assert (late.result(), third.result()) == (b"new", b"new")
    assert (cache["user:1"], before.loads) == (b"new", 1)


def a_load_that_was_interrupted_is_begun_again(cache: CacheLayer) -> None:
    """An interrupt of the loading caller is not raised in the others: one of them loads."""
    source = Source()
    first = Task(cache.get_or_set, "user:1", source)
    source.asked()
    other = Task(cache.get_or_set, "user:1", source)
    _wait_until_waiting([other])
    source.answer(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        first.result()
    source.asked()
    source.answer("Ann")
    assert other.result() == b"Ann"
