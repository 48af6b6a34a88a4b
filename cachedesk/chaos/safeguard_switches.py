"""The switchboard: it takes the part that is a safeguard out, and puts a careless one in.

There is no "if" along the paths: each safeguard is one part in one place, and while it is off
another stands there. For the lab and the desk; ``cachedesk.open`` gives nobody this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cachedesk.chaos.ablations.apply_twice import coalesce_again
from cachedesk.chaos.ablations.no_log import DirtyKeys
from cachedesk.core.capabilities import RestartChecking
from cachedesk.core.errors import Unavailable
from cachedesk.core.events import coalesce
from cachedesk.core.ports import CacheStore
from cachedesk.core.safeguards import Safeguards
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.flush_worker import FlushWorker
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.routes import Routes
from cachedesk.observe.auditor import Auditor

_SECONDS = 5.0
_LOOK_SECONDS = 0.05


class SafeguardSwitches:
    """The safeguards of one stack. Thread-safe."""

    def __init__(
        self,
        *,
        routes: Routes,
        worker: FlushWorker,
        auditor: Auditor,
        pending: PendingEvents,
        cache: CacheStore,
        row_reader: ReadPath,
        dirty: DirtyKeys,
    ) -> None:
        """Begin with all safeguards on.

        Args:
            routes: the paths that calls take.
            worker: applies batches.
            auditor: does not mend where copies are wrong on purpose.
            pending: the log is switched off only when nothing is.
            cache: believes, or not, what a restarted server brings with it.
            row_reader: the read path without read repair.
            dirty: the path of fast writes without the log.
        """
        self._pending = pending
        self._routes = routes
        self._cache = cache
        self._worker = worker
        self._auditor = auditor
        self._careful, self._careless = routes.reader, row_reader
        self._dirty = dirty
        self._switching = threading.Lock()
        self._safeguards = Safeguards()
        self._parts: dict[str, Callable[[bool], None]] = {
            "log": self._log,
            "read_repair": self._read_repair,
            "effectively_once": self._effectively_once,
            "cold_restart": self._cold_restart,
        }

    @property
    def safeguards(self) -> Safeguards:
        """Which are on now."""
        return self._safeguards

    def switch(self, name: str, on: bool) -> None:
        """Switch a safeguard on or off.

        Raises:
            ConfigError: there is no such safeguard; the nearest is named.
            Unavailable: the log cannot be switched while there is something that only the one
                or the other path knows of; nothing was changed.
        """
        switched = self._safeguards.switched(name, on)
        with self._switching:
            if getattr(self._safeguards, name) != on:
                self._parts[name](on)
                self._safeguards = switched

    def begin(self, safeguards: Safeguards) -> None:
        """Switch off what is not to be on from the start."""
        for name in safeguards.off:
            self.switch(name, False)

    def step(self) -> None:
        """Flush one batch of what no worker knows of."""
        if not self._safeguards.log:
            self._dirty.copy()

    def close(self) -> None:
        """Save what can be saved."""
        self._dirty.close()

    def _log(self, on: bool) -> None:
        deadline = time.monotonic() + _SECONDS
        if on:
            self._dirty.end(deadline)
            self._routes.fast = self._routes.logged
            return
        with self._worker.hurrying():
            while not self._pending.wait_until_empty(_LOOK_SECONDS):
                if time.monotonic() >= deadline:
                    raise Unavailable("the log cannot be switched off while events are in it")
        self._dirty.start()
        self._routes.fast = self._dirty

    def _read_repair(self, on: bool) -> None:
        self._routes.reader = self._careful if on else self._careless
        self._auditor.mends = on and self._safeguards.cold_restart

    def _effectively_once(self, on: bool) -> None:
        self._worker.coalesce = coalesce if on else coalesce_again

    def _cold_restart(self, on: bool) -> None:
        if not isinstance(self._cache, RestartChecking):
            raise Unavailable(
                f"{self._cache.name} never comes back with what it held; cold_restart stays on"
            )
        self._cache.check_restarts(on)
        self._auditor.mends = on and self._safeguards.read_repair
