"""Steering: what people want of the worker: paused, one step, in a hurry, larger batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cachedesk.core.errors import ConfigError
from cachedesk.core.settings import WorkerSettings
from cachedesk.core.wakeup import Wakeup


class WorkerControls:
    """What can be steered from other threads while it works."""

    def __init__(self, settings: WorkerSettings, bell: Wakeup) -> None:
        """Begin as the settings say; ``bell`` is rung at each change."""
        self.batch_events = settings.batch_events
        self.batch_age_seconds = settings.batch_age_seconds
        self._bell = bell
        self._lock = threading.Lock()
        self._steered = threading.Condition(self._lock)
        self._closing = False
        self._paused = False
        self._steps = 0
        self._hurry = 0

    @property
    def held(self) -> bool:
        """Whether nothing is to be flushed now."""
        return self._paused and not self._hurry

    @property
    def hurried(self) -> bool:
        """Whether somebody waits for everything to be flushed."""
        return self._hurry > 0

    def pause(self) -> None:
        """Finish the batch in hand and flush no more until ``resume`` or ``step``."""
        self._steer(paused=True)

    def resume(self) -> None:
        """Flush again."""
        self._steer(paused=False)

    def step(self) -> None:
        """Flush one batch, now, even while paused."""
        self._steer(steps=1)

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
        self._steer()

    @contextmanager
    def hurrying(self) -> Iterator[None]:
        """Flush whatever there is without waiting for a batch to fill, even while paused."""
        self._steer(hurry=1)
        try:
            yield
        finally:
            self._steer(hurry=-1)

    def _end(self) -> None:
        self._closing = True
        self._steer()

    def _steer(self, paused: bool | None = None, steps: int = 0, hurry: int = 0) -> None:
        with self._lock:
            self._paused = self._paused if paused is None else paused
            self._steps += steps
            self._hurry += hurry
            self._steered.notify_all()
        self._bell.set()
