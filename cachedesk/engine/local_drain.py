"""Drains in one process: the worker is expedited until its log is empty."""

from __future__ import annotations

from contextlib import AbstractContextManager

from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.worker_controls import WorkerControls


class LocalDrain:
    """A ``Drain`` for the log and the worker of this process. Thread-safe."""

    def __init__(self, controls: WorkerControls, backlog: Backlog) -> None:
        self._controls = controls
        self._backlog = backlog

    def expedite(self) -> AbstractContextManager[None]:
        """See ``Drain.expedite``."""
        return self._controls.expedite()

    def wait_until_flushed(self, seconds: float) -> bool:
        """See ``Drain.wait_until_flushed``."""
        return self._backlog.wait_until_flushed(seconds)

    def remainder(self, seconds: float | None) -> str:
        """See ``Drain.remainder``."""
        return self._backlog.remainder(seconds)
