"""Safeguard switches: they replace the composition of a running stack by another one.

The paths contain no conditions: a safeguard is one part of a composition (``engine.routes``), and
a composition without it has an unsafe part (``ablations``) in its place. ``cold_restart`` is the
exception: it is set on the cache store, which applies it when it finds an unknown server. For the
lab and the desk; ``cachedesk.open`` offers no switch.
"""

from __future__ import annotations

import threading
import time

from cachedesk.chaos.ablations.apply_twice import coalesce_again
from cachedesk.chaos.ablations.no_log import DirtyKeys
from cachedesk.core.capabilities import RestartChecking
from cachedesk.core.errors import Unavailable
from cachedesk.core.ports import CacheStore
from cachedesk.core.safeguards import Safeguards
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.local_engine import LocalEngine
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.routes import Routes
from cachedesk.engine.worker_controls import WorkerControls

_SECONDS = 5.0
_POLL_SECONDS = 0.05


class SafeguardSwitches:
    """Switches the safeguards of one stack. Thread-safe."""

    def __init__(
        self,
        *,
        engine: LocalEngine,
        pending: PendingEvents,
        controls: WorkerControls,
        cache: CacheStore,
        row_reader: ReadPath,
        dirty: DirtyKeys,
    ) -> None:
        """Begin with the current composition of ``engine``, in which all safeguards are on.

        Args:
            engine: the engine to recompose.
            pending: the pending events; the log is switched off only when there are none.
            controls: the controls of the worker, which is expedited until then.
            cache: the cache; it can compare the contents of a restarted server with the truth.
            row_reader: the read path without read repair.
            dirty: the write-behind path without the log.
        """
        self._engine = engine
        self._pending = pending
        self._controls = controls
        self._cache = cache
        self._row_reader = row_reader
        self._dirty = dirty
        self._all_on = engine.routes
        self._switching = threading.Lock()

    @property
    def safeguards(self) -> Safeguards:
        """The safeguards that are on."""
        return self._engine.routes.safeguards

    def switch(self, name: str, on: bool) -> None:
        """Switch a safeguard on or off.

        Raises:
            ConfigError: there is no such safeguard; the message suggests a similar name.
            Unavailable: the log cannot be switched, because writes that only the current path
                holds could not be flushed or copied in time; or the cache cannot compare. Nothing
                was changed.
        """
        with self._switching:
            wanted = self.safeguards.switched(name, on)
            if wanted == self.safeguards:
                return
            if name == "log":
                self._hand_over(on)
            elif name == "cold_restart":
                self._check_restarts(on)
            self._engine.compose(self._composition(wanted))

    def begin(self, safeguards: Safeguards) -> None:
        """Switch off the safeguards that are off in ``safeguards``, when the stack opens."""
        for name in safeguards.off:
            self.switch(name, False)

    def step(self) -> None:
        """Copy the dirty keys once; the worker does not flush them."""
        if not self.safeguards.log:
            self._dirty.copy()

    def close(self) -> None:
        """Copy the dirty keys if possible, and end the copying."""
        self._dirty.close()

    def _composition(self, safeguards: Safeguards) -> Routes:
        return Routes(
            safeguards,
            reader=self._all_on.reader if safeguards.read_repair else self._row_reader,
            fast=self._all_on.fast if safeguards.log else self._dirty,
            fold=self._all_on.fold if safeguards.effectively_once else coalesce_again,
        )

    def _hand_over(self, to_log: bool) -> None:
        """Empty the current write-behind path, so that the other one starts empty."""
        deadline = time.monotonic() + _SECONDS
        if to_log:
            self._dirty.end(deadline)
            return
        with self._controls.expedite():
            while not self._pending.wait_until_empty(_POLL_SECONDS):
                if time.monotonic() >= deadline:
                    raise Unavailable("the log cannot be switched off while events are in it")
        self._dirty.start()

    def _check_restarts(self, on: bool) -> None:
        if not isinstance(self._cache, RestartChecking):
            raise Unavailable(
                f"{self._cache.name} never keeps its contents over a restart; cold_restart stays on"
            )
        self._cache.check_restarts(on)
