"""The ticker: what a stack does every half second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from cachedesk.core.capabilities import Files
from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import CachedeskError
from cachedesk.core.ports import EventLog
from cachedesk.core.recorder import Announce
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.observe.metrics import TICK_SECONDS, Metrics


class Ticker:
    """Ends an interval of the history every half second, has what failed tried again and the files
    looked at, and has faults healed whose time is up."""

    def __init__(
        self,
        *,
        log: EventLog,
        backlog: Backlog,
        metrics: Metrics | None,
        mend: Callable[[], None],
        look_at_files: Callable[[], None],
        tend_faults: Callable[[], None],
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            log: mended when a commit of it failed.
            backlog: how much lags.
            metrics: the history; ``None``: none is kept.
            mend: tries again what a failed disk has stopped.
            look_at_files: sees whether the files are still in place.
            tend_faults: heals faults whose time is up.
        """
        self._mend = mend
        self._tend_faults = tend_faults
        self._look_at_files = look_at_files
        self._log = log
        self._backlog = backlog
        self._metrics = metrics
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._closing.set()
        self._thread.join()

    def _tick(self) -> None:
        due = time.monotonic() + TICK_SECONDS
        while not self._closing.wait(max(0.0, due - time.monotonic())):
            # By the clock: intervals that each begin when the work of the one before is done are
            # longer than they say. What was missed altogether is not made up for.
            due = max(due, time.monotonic() - TICK_SECONDS) + TICK_SECONDS
            # What a write-through absorbed waits for its ack, and lags behind nothing.
            lag_seconds = self._backlog.oldest_seconds if self._backlog.pending.depth else 0.0
            if self._metrics is not None:
                self._metrics.tick(wall_seconds(), self._backlog.depth, lag_seconds)
            if self._log.failed:
                with suppress(CachedeskError):
                    self._mend()
            self._look_at_files()
            self._tend_faults()


class FilesAlarm:
    """Tells of trouble with the files, once, and of its end."""

    def __init__(self, stores: Sequence[Files], announce: Announce) -> None:
        """Look at the files of these ``stores``."""
        self._stores = stores
        self._announce = announce
        self._told: dict[Files, str] = {}

    def look(self) -> None:
        """Look at the files of all stores."""
        for store in self._stores:
            trouble, told = store.look(), self._told.get(store, "")
            if trouble and not told:
                self._announce(EventCode.FILES_CHANGED, trouble=trouble)
            if told and not trouble:
                self._announce(EventCode.FILES_BACK)
            self._told[store] = trouble
