"""The controls of a worker: pause, single step, expedite, and the size and age of a batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cachedesk.core.errors import ConfigError
from cachedesk.core.settings import WorkerSettings
from cachedesk.core.wakeup import Wakeup

_BATCHES_WHEN_EXPEDITED = 8
_MOST_WHEN_EXPEDITED = 8_000


class WorkerControls:
    """The requests of other threads to a worker. Thread-safe; the worker checks them between
    batches."""

    def __init__(self, settings: WorkerSettings, wakeup: Wakeup) -> None:
        """Begin with the values of ``settings``; ``wakeup`` is set at each change."""
        self.batch_events = settings.batch_events
        self.batch_age_seconds = settings.batch_age_seconds
        self._wakeup = wakeup
        self._changed = threading.Condition()
        self._closing = False
        self._paused = False
        self._steps = 0
        self._expediting = 0

    @property
    def closing(self) -> bool:
        """Whether the worker must end."""
        return self._closing

    @property
    def paused(self) -> bool:
        """Whether the worker must not flush: it is paused, and no caller waits for a flush."""
        return self._paused and not self._expediting

    @property
    def expedited(self) -> bool:
        """Whether a caller waits until everything is flushed."""
        return self._expediting > 0

    @property
    def steps(self) -> int:
        """How many single steps were requested and have not begun."""
        return self._steps

    @property
    def batch_limit(self) -> int:
        """How many events to flush together: a batch, or more while expedited, because a few large
        commits finish sooner and write each key once. (The number is limited, because a
        write-through waits for the commit under way.)"""
        if not self._expediting:
            return self.batch_events
        larger = min(self.batch_events * _BATCHES_WHEN_EXPEDITED, _MOST_WHEN_EXPEDITED)
        return max(self.batch_events, larger)

    def pause(self) -> None:
        """Finish the current batch and flush no more until ``resume`` or ``step``."""
        self._change(paused=True)

    def resume(self) -> None:
        """Flush again."""
        self._change(paused=False)

    def step(self) -> None:
        """Flush one batch, now, even while paused."""
        self._change(steps=1)

    def take_step(self) -> bool:
        """Return whether a step was requested, and count it as begun."""
        with self._changed:
            taken = self._steps > 0
            self._steps -= taken
            return taken

    def set_batch(self, events: int | None = None, age_seconds: float | None = None) -> None:
        """Change the size or the age at which a batch is flushed; takes effect at once.

        Raises:
            ConfigError: ``events`` is not 1 to 1,000,000, or ``age_seconds`` not 0 to 3,600.
        """
        if events is not None and not 1 <= events <= 1_000_000:
            raise ConfigError(f"a batch is 1 to 1,000,000 events, not {events}")
        if age_seconds is not None and not 0 <= age_seconds <= 3600:
            raise ConfigError(f"a batch's age is 0 to 3,600 seconds, not {age_seconds}")
        if events is not None:
            self.batch_events = events
        if age_seconds is not None:
            self.batch_age_seconds = age_seconds
        self._change()

    @contextmanager
    def expedite(self) -> Iterator[None]:
        """Flush without waiting for a batch to fill, even while paused, until the block ends."""
        self._change(expediting=1)
        try:
            yield
        finally:
            self._change(expediting=-1)

    def end(self) -> None:
        """Make the worker end after the current batch."""
        self._closing = True
        self._change()

    def wait_for_end(self, seconds: float) -> None:
        """Wait for ``seconds``, or until ``end`` is called."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)

    def _change(self, paused: bool | None = None, steps: int = 0, expediting: int = 0) -> None:
        with self._changed:
            self._paused = self._paused if paused is None else paused
            self._steps += steps
            self._expediting += expediting
            self._changed.notify_all()
        self._wakeup.set()
