"""What the engine takes from ``threading``, ``time`` and ``queue``, on the scheduler's terms.

A Ctrl-C comes where CPython lets it come: in a wait, or in Python code, but not inside an operation
that is whole in C (taking a lock that is free, releasing it, ringing a bell).

Each name has the behaviour of the real one; where a real thread could be overtaken, it gives way.
A name that is not here is missing on purpose: the engine began to use it, and the model must
learn it.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from greenlet import GreenletExit

from tests.model.scheduler import WALL_CLOCK_SECONDS, Actor, Scheduler

_scheduler = Scheduler(0, 1, 1.0)

fine: list[bool] = []
"""Holds something while the schedule is a fine one: most are not, and are not asked at each
statement."""


def use(scheduler: Scheduler) -> None:
    """Have everything that is made here run under ``scheduler`` from now on."""
    global _scheduler  # noqa: PLW0603 - the engine's modules hold these names, not an object
    _scheduler = scheduler


def set_fine_rate(rate: float) -> None:
    """Have a share ``rate`` of the engine's statements begin with a turn."""
    _scheduler.fine_rate = rate
    fine[:] = [True] if rate else []


def turn(where: str) -> None:
    """Let any actor run."""
    _scheduler.turn(where)


def wait(where: str, ready: Callable[[], object], seconds: float | None = None) -> bool:
    """Let others run until ``ready()``; see ``Scheduler.wait``."""
    return _scheduler.wait(where, ready, seconds)


def line(where: str) -> None:
    """Called before each statement of the engine in fine schedules: a turn now and then."""
    scheduler = _scheduler
    if scheduler.current is None or scheduler.dying or scheduler.picking:
        return
    if scheduler.random.random() < scheduler.fine_rate:
        # CPython looks for signals between calls, not between any two statements.
        scheduler.turn(where, interruptible=False)


class Lock:
    """``threading.Lock``."""

    __slots__ = ("_holder",)

    def __init__(self) -> None:
        self._holder: object = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        _scheduler.turn("lock", interruptible=False)
        if self._holder is not None:
            if not blocking:
                return False
            seconds = None if timeout < 0 else timeout
            if not _scheduler.wait("a lock", lambda: self._holder is None, seconds):
                return False
        self._holder = _scheduler.current or "judge"
        return True

    def release(self) -> None:
        self.free()
        if not _scheduler.dying:
            _scheduler.turn("unlock", interruptible=False)

    def free(self) -> None:
        """Release it without a turn."""
        if self._holder is None:
            raise RuntimeError("release unlocked lock")
        self._holder = None

    def take_again(self) -> None:
        """Acquire it after a wait; an interrupt comes when that is done."""
        interrupt: KeyboardInterrupt | None = None
        while self._holder is not None:
            try:
                _scheduler.wait("a lock", lambda: self._holder is None)
            except KeyboardInterrupt as error:
                interrupt = error
        self._holder = _scheduler.current
        if interrupt is not None:
            raise interrupt

    def locked(self) -> bool:
        return self._holder is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Condition:
    """``threading.Condition``, on a plain lock."""

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = lock or Lock()
        self.acquire, self.release = self._lock.acquire, self._lock.release
        self._waiters: list[list[bool]] = []

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        if not self._lock.locked():
            raise RuntimeError("cannot wait on un-acquired lock")
        called = [False]
        self._waiters.append(called)
        self._lock.free()
        try:
            return _scheduler.wait("a condition", lambda: called[0], timeout)
        finally:
            if called in self._waiters and not called[0]:
                self._waiters = [waiter for waiter in self._waiters if waiter is not called]
            if not _scheduler.dying:
                self._lock.take_again()
            else:
                self._lock._holder = self

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        until = None if timeout is None else _scheduler.now + timeout
        while not (result := predicate()):
            left = None if until is None else until - _scheduler.now
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    def notify(self, n: int = 1) -> None:
        if not self._lock.locked():
            raise RuntimeError("cannot notify on un-acquired lock")
        for waiter in self._waiters[:n]:
            waiter[0] = True
        del self._waiters[:n]

    def notify_all(self) -> None:
        self.notify(len(self._waiters))


class Event:
    """``threading.Event``."""

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        _scheduler.turn("event set", interruptible=False)

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        return _scheduler.wait("an event", lambda: self._set, timeout)


class SimpleQueue:
    """``queue.SimpleQueue``."""

    def __class_getitem__(cls, _: object) -> type[SimpleQueue]:
        return cls

    def __init__(self) -> None:
        self._items: deque[object] = deque()

    def put(self, item: object) -> None:
        self._items.append(item)
        _scheduler.turn("put", interruptible=False)

    def empty(self) -> bool:
        return not self._items

    def get(self, block: bool = True, timeout: float | None = None) -> object:
        seconds = timeout if block else 0.0
        if not _scheduler.wait("a ring", lambda: self._items, seconds):
            raise queue.Empty
        return self._items.popleft()


class Thread:
    """``threading.Thread``."""

    def __init__(
        self,
        target: Callable[..., Any],
        name: str = "thread",
        args: tuple[Any, ...] = (),
        daemon: bool | None = None,
    ) -> None:
        self.name = name
        self.daemon = daemon
        self._call = lambda: target(*args)
        self._actor: Actor | None = None

    @property
    def ident(self) -> int | None:
        return None if self._actor is None else self._actor.number

    def start(self) -> None:
        self._actor = _scheduler.spawn(self.name, self._call)
        _scheduler.turn("thread started", interruptible=False)

    def is_alive(self) -> bool:
        return self._actor in _scheduler.actors

    def join(self, timeout: float | None = None) -> None:
        _scheduler.wait(f"the end of {self.name}", lambda: not self.is_alive(), timeout)


class Threading:
    """The module ``threading``."""

    Lock = staticmethod(Lock)
    RLock = staticmethod(Lock)
    Condition = staticmethod(Condition)
    Event = staticmethod(Event)
    Thread = staticmethod(Thread)

    @staticmethod
    def get_ident() -> int:
        return -1 if _scheduler.current is None else _scheduler.current.number

    @staticmethod
    def current_thread() -> _Identity:
        return _Identity(Threading.get_ident())

    @staticmethod
    def main_thread() -> _Identity:
        """None of ours: the interrupts of the model come in any thread."""
        return _Identity(-2)

    @staticmethod
    def enumerate() -> list[_Identity]:
        return [_Identity(actor.number) for actor in _scheduler.actors]


class _Identity:
    def __init__(self, ident: int) -> None:
        self.ident = ident


class Time:
    """The module ``time``."""

    @staticmethod
    def monotonic() -> float:
        return _scheduler.now

    perf_counter = thread_time = monotonic

    @staticmethod
    def time() -> float:
        return WALL_CLOCK_SECONDS + _scheduler.now

    @staticmethod
    def sleep(seconds: float) -> None:
        _scheduler.wait("sleep", lambda: False, seconds)


class Chance:
    """The module ``random``."""

    @staticmethod
    def uniform(low: float, high: float) -> float:
        return _scheduler.random.uniform(low, high)

    @staticmethod
    def random() -> float:
        return _scheduler.random.random()

    @staticmethod
    def sample(population: Sequence[Any], number: int) -> list[Any]:
        return _scheduler.random.sample(population, number)


def check_alive() -> None:
    """Before what has an effect without a turn: the dying have none."""
    if _scheduler.dying:
        raise GreenletExit
