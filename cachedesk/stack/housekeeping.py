"""Housekeeping: the periodic work of a stack, every half second."""

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
    """Every half second it ends an interval of the metrics history, mends a failed log, checks the
    files, and heals expired faults."""

    def __init__(
        self,
        *,
        log: EventLog,
        backlog: Backlog,
        metrics: Metrics | None,
        mend: Callable[[], None],
        check_files: Callable[[], None],
        heal_expired: Callable[[], None],
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            log: mended after a failed commit.
            backlog: its depth and lag are recorded.
            metrics: the history; ``None``: none is kept.
            mend: retries what a failed disk has stopped.
            check_files: checks whether the files are in place.
            heal_expired: heals faults whose time is up.
        """
        self._mend = mend
        self._heal_expired = heal_expired
        self._check_files = check_files
        self._log = log
        self._backlog = backlog
        self._metrics = metrics
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="ticker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._thread.join()

    def _tick(self) -> None:
        due = time.monotonic() + TICK_SECONDS
        while not self._closing.wait(max(0.0, due - time.monotonic())):
            # Due by the clock: if each interval began when the work of the previous one is done,
            # intervals would be too long. Missed intervals are skipped.
            due = max(due, time.monotonic() - TICK_SECONDS) + TICK_SECONDS
            # Events that a write-through absorbed wait for their ack, but are applied: no lag.
            lag_seconds = self._backlog.oldest_seconds if self._backlog.pending.depth else 0.0
            if self._metrics is not None:
                self._metrics.tick(wall_seconds(), self._backlog.depth, lag_seconds)
            if self._log.failed:
                with suppress(CachedeskError):
                    self._mend()
            self._check_files()
            self._heal_expired()


class FilesMonitor:
    """Announces when files of a store are moved, replaced or deleted, and when they are back."""

    def __init__(self, stores: Sequence[Files], announce: Announce) -> None:
        """Prepare.

        Args:
            stores: the files of each store.
            announce: called when trouble begins, and when it ends.
        """
        self._stores = stores
        self._announce = announce
        self._announced: dict[Files, str] = {}

    def check(self) -> None:
        """Check the files of all stores."""
        for store in self._stores:
            trouble, announced = store.look(), self._announced.get(store, "")
            if trouble and not announced:
                self._announce(EventCode.FILES_CHANGED, trouble=trouble)
            if announced and not trouble:
                self._announce(EventCode.FILES_BACK)
            self._announced[store] = trouble
