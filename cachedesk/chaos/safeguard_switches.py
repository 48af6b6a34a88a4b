"""Safeguards switched while a stack runs: another composition takes the place of the one in use.

There is no "if" along the paths: a safeguard is one part of a composition (``engine.routes``),
and a composition without it has a careless part (``ablations``) in its place. ``cold_restart`` is
the exception: it is set on the cache store, which applies it when it meets an unknown server. For
the lab and the desk; ``cachedesk.open`` offers no switch.
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
_LOOK_SECONDS = 0.05


class SafeguardSwitches:
    """The safeguards of one stack. Thread-safe."""

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
        """Begin with the composition in use, in which all safeguards are on.

        Args:
            engine: takes a composition.
            pending: the log is switched off only when it is empty.
            controls: expedite the worker until it is.
            cache: compares what a restarted server holds with the truth, or does not.
            row_reader: the read path without read repair.
            dirty: the path of fast writes without the log.
        """
        self._engine = engine
        self._pending = pending
        self._controls = controls
        self._cache = cache
        self._row_reader = row_reader
        self._dirty = dirty
        self._careful = engine.routes
        self._switching = threading.Lock()

    @property
    def safeguards(self) -> Safeguards:
        """Which are on now."""
        return self._engine.routes.safeguards

    def switch(self, name: str, on: bool) -> None:
        """Switch a safeguard on or off.

        Raises:
            ConfigError: there is no such safeguard; the nearest is named.
            Unavailable: the log cannot be switched while something is known to one of the two
                paths alone; nothing was changed.
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
        """Switch off what is not to be on from the start."""
        for name in safeguards.off:
            self.switch(name, False)

    def step(self) -> None:
        """Flush one batch of what no worker knows of."""
        if not self.safeguards.log:
            self._dirty.copy()

    def close(self) -> None:
        """Save what can be saved."""
        self._dirty.close()

    def _composition(self, safeguards: Safeguards) -> Routes:
        return Routes(
            safeguards,
            reader=self._careful.reader if safeguards.read_repair else self._row_reader,
            fast=self._careful.fast if safeguards.log else self._dirty,
            fold=self._careful.fold if safeguards.effectively_once else coalesce_again,
        )

    def _hand_over(self, to_log: bool) -> None:
        """Empty the path of fast writes that is in use, so that the other begins with nothing."""
        deadline = time.monotonic() + _SECONDS
        if to_log:
            self._dirty.end(deadline)
            return
        with self._controls.expedite():
            while not self._pending.wait_until_empty(_LOOK_SECONDS):
                if time.monotonic() >= deadline:
                    raise Unavailable("the log cannot be switched off while events are in it")
        self._dirty.start()

    def _check_restarts(self, on: bool) -> None:
        if not isinstance(self._cache, RestartChecking):
            raise Unavailable(
                f"{self._cache.name} never comes back with what it held; cold_restart stays on"
            )
        self._cache.check_restarts(on)
