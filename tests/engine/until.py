"""Waiting for a condition and for threads, and settings that do not depend on speed."""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cachedesk.core.settings import DatabaseSettings, RedisSettings, Settings
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis.embedded_redis import EmbeddedRedis

PATIENCE_SECONDS = 60.0
"""How long a condition is waited for: a limit for what never comes, not for what is slow."""


def unhurried(settings: Settings | None = None) -> Settings:
    """Give Redis a second and a write twenty where ``settings`` do not say how long they have.

    On a busy machine a process waits longer for its turn than the 0.05 s that Redis has by
    default; the cache would be bypassed, which is right, and not what a test of something else is
    about.
    """
    settings = settings or Settings()
    if settings.redis.timeout_seconds == RedisSettings().timeout_seconds:
        settings = replace(settings, redis=replace(settings.redis, timeout_seconds=1.0))
    if settings.database == DatabaseSettings():
        settings = replace(settings, database=DatabaseSettings(write_seconds=20.0))
    return settings


def until(condition: Callable[[], object]) -> None:
    """Return as soon as ``condition`` holds; fail when it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        began = time.monotonic()
        if condition():
            return
        ended = time.monotonic()
        if ended >= deadline:
            waited = f"did not come true within {PATIENCE_SECONDS} s"
            raise AssertionError("\n".join((waited, *diagnosis())))
        # To ask may cost much, as a snapshot does: most of the time is for what is awaited.
        time.sleep(min(0.1, max(0.002, 4 * (ended - began))))


def diagnosis() -> Iterator[str]:
    """Yield what each thread of this process does just now, its innermost calls last, and what
    the process last said of Redis."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread.ident in frames and thread is not threading.current_thread():
            calls = traceback.extract_stack(frames[thread.ident])[-6:]
            places = (f"{Path(it.filename).name}:{it.lineno} {it.name}" for it in calls)
            yield f"  {thread.name}: {' > '.join(places)}"
    for stack in (it for it in gc.get_objects() if type(it) is Stack):
        if not isinstance(stack.cache, EmbeddedRedis):
            continue
        server, cache = stack.cache.server, stack.cache.cache
        yield f"  Redis {server.pid}: {stack.cache.supervisor.word}, {cache.trusted_server.reason}"
        yield from (f"    {event.text}" for event in stack.event_ring.events()[-20:])


class Task(threading.Thread):
    """A call on a thread of its own, whose result or exception is asked for later."""

    def __init__(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        super().__init__(daemon=True)
        self._call = lambda: call(*arguments, **named)
        self._value: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Run the call."""
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised again in ``result``
            self._error = error

    @property
    def failed(self) -> bool:
        """Whether the call has raised an exception."""
        return self._error is not None

    def result(self) -> Any:
        """Wait for the call's end and return or raise what it returned or raised."""
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive(), "the call did not end in time"
        if self._error is not None:
            raise self._error
        return self._value


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run ``calls`` at once, each on a thread; return their results in order."""
    gate = threading.Barrier(len(calls))

    def through_the_gate(call: Callable[[], Any]) -> Any:
        gate.wait(PATIENCE_SECONDS)
        return call()

    return [task.result() for task in [Task(through_the_gate, call) for call in calls]]
