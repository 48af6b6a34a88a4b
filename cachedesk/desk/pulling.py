"""Pulling: one snapshot at a time, off the event loop, and a word when none comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.timer import Timer
from textual.worker import Worker

from cachedesk.core.snapshot import Snapshot, Source
from cachedesk.desk.background import in_background

PATIENCE_SECONDS = 3.0
"""A source that has not answered for this long is shown as lost."""


class Puller:
    """Asks a source for snapshots while an app runs, and hands each to ``show``.

    Args:
        app: whose event loop it lives on.
        source: whom to ask; only its ``snapshot()`` is called, never on the event loop.
        show: given every snapshot.
        lose: told why there is none.
    """

    def __init__(
        self,
        app: App[Any],
        source: Source,
        show: Callable[[Snapshot], None],
        lose: Callable[[str], None],
    ) -> None:
        self._app = app
        self._source = source
        self._show = show
        self._lose = lose
        self._since: float | None = None
        self._timer: Timer | None = None

    def every(self, seconds: float) -> None:
        """Pull now and then every so many seconds."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_interval(seconds, self.soon)
        self.soon()

    def soon(self) -> None:
        """Pull, unless a pull is under way; complain when that takes too long."""
        if self._since is None:
            # Marked here and not where it begins: a second call may come before that.
            self._since = time.monotonic()
            # The function, not its coroutine: that of an app that ends first was never awaited.
            _pulling: Worker[None] = self._app.run_worker(self._pull, group="pull")
            return
        waited = time.monotonic() - self._since
        if waited >= PATIENCE_SECONDS and self._app.is_running:
            self._lose(f"no answer for {waited:.0f} s")

    async def once(self) -> None:
        """Pull and show what comes, unless a pull is under way."""
        if self._since is None:
            self._since = time.monotonic()
            await self._pull()

    async def _pull(self) -> None:
        try:
            snapshot = await in_background(self._source.snapshot)
        except Exception as error:  # noqa: BLE001 - whatever it is, the screen says so and goes on
            if self._app.is_running:
                self._lose(f"{type(error).__name__}: {error}")
        else:
            # An answer may come when the widgets it was meant for are already gone.
            if self._app.is_running:
                self._show(snapshot)
        finally:
            self._since = None
