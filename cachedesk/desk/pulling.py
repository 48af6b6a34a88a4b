"""Pulling: one snapshot at a time, off the event loop, with an error when none arrives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from textual.app import App
from textual.timer import Timer
from textual.worker import Worker

from cachedesk.desk.background import in_background

PATIENCE_SECONDS = 3.0
"""A source that has not answered for this long is shown as lost."""


T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class PulledSource(Protocol[T_co]):
    """A source of snapshots of any kind."""

    def snapshot(self) -> T_co:
        """Return the state now."""
        ...


class Puller(Generic[T]):
    """Pulls snapshots from a source while an app runs and passes each to ``show``.

    Args:
        app: the app, on whose event loop ``show`` and ``lose`` are called.
        source: gives the snapshots; ``snapshot()`` is never called on the event loop.
        show: called with every snapshot.
        lose: called with the reason when there is no snapshot.
    """

    def __init__(
        self,
        app: App[Any],
        source: PulledSource[T],
        show: Callable[[T], None],
        lose: Callable[[str], None],
    ) -> None:
        self._app = app
        self._source = source
        self._show = show
        self._lose = lose
        self._since: float | None = None
        self._timer: Timer | None = None

    def every(self, seconds: float) -> None:
        """Pull now, and again every ``seconds``."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_interval(seconds, self.soon)
        self.soon()

    def soon(self) -> None:
        """Pull, unless a pull is running; report the source as lost when that takes too long."""
        if self._since is None:
            # Set here and not in the coroutine: a second call may come before that starts.
            self._since = time.monotonic()
            # The function and not its coroutine, which is never awaited if the app ends first.
            _pulling: Worker[None] = self._app.run_worker(self._pull, group="pull")
            return
        waited = time.monotonic() - self._since
        if waited >= PATIENCE_SECONDS and self._app.is_running:
            self._lose(f"no answer for {waited:.0f} s")

    async def once(self) -> None:
        """Pull and show the snapshot, unless a pull is running."""
        if self._since is None:
            self._since = time.monotonic()
            await self._pull()

    async def _pull(self) -> None:
        try:
            snapshot = await in_background(self._source.snapshot)
        except Exception as error:  # noqa: BLE001 - any failure is displayed, and the app continues
            if self._app.is_running:
                self._lose(f"{type(error).__name__}: {error}")
        else:
            # The widgets may be gone by the time a snapshot arrives.
            if self._app.is_running:
                self._show(snapshot)
        finally:
            self._since = None
