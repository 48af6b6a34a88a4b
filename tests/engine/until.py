"""Waiting for a condition, and for threads: what tests use instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return as soon as ``condition`` holds; fail when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {seconds} s"
        time.sleep(0.002)


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

    def result(self, seconds: float = 10.0) -> Any:
        """Wait for the call's end and return or raise what it returned or raised."""
        self.join(seconds)
        assert not self.is_alive(), "the call did not end in time"
        if self._error is not None:
            raise self._error
        return self._value


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run ``calls`` at once, each on a thread; return their results in order."""
    gate = threading.Barrier(len(calls))

    def through_the_gate(call: Callable[[], Any]) -> Any:
        gate.wait(10)
        return call()

    return [task.result(30) for task in [Task(through_the_gate, call) for call in calls]]
