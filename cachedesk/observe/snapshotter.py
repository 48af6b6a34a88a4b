"""Builds a snapshot from the states of all parts."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

from cachedesk.core.clock import wall_seconds
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.ports import CacheStore, EventLog, SystemOfRecord
from cachedesk.core.snapshot import (
    SLOW,
    Books,
    DatabaseState,
    FaultState,
    Health,
    LogState,
    Snapshot,
)
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.flush_worker import FlushWorker
from cachedesk.observe.auditor import Auditor
from cachedesk.observe.event_ring import EventRing
from cachedesk.observe.hot_keys import HotView
from cachedesk.observe.metrics import TICK_SECONDS, Metrics

_PREFIXES = 12
_WORDS = {
    "database.lock": "locked",
    "database.full": "disk full",
    "database.readonly": "read-only",
    "database.slow": SLOW,
}


class FaultReport(Protocol):
    """The state of each fault."""

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the faults that were injected and have not ended."""
        ...

    def states(self) -> tuple[FaultState, ...]:
        """Return the state of each fault of the catalog."""
        ...


class Snapshotter:
    """Builds snapshots. The cost depends on the number of panels, not of keys."""

    def __init__(
        self,
        *,
        cache: CacheStore,
        log: EventLog,
        backlog: Backlog,
        database: SystemOfRecord,
        worker: FlushWorker,
        auditor: Auditor,
        faults: FaultReport,
        metrics: Metrics,
        events: EventRing,
        hot: HotView,
        failpoints: Failpoints,
        limit_events: int,
        observed: bool,
    ) -> None:
        """Prepare the snapshotter with the parts of the stack.

        Args:
            observed: whether calls are recorded in ``metrics``; part of each snapshot.
        """
        self._cache = cache
        self._log = log
        self._database = database
        self._metrics = metrics
        self._events = events
        self._failpoints = failpoints
        self._backlog = backlog
        self._limit_events = limit_events
        self._observed = observed
        self._worker = worker
        self._faults = faults
        self._auditor = auditor
        self._hot = hot
        self._opened = time.monotonic()

    def snapshot(self, workload: str, *, hot_values: bool) -> Snapshot:
        """Return a snapshot.

        Args:
            workload: describes the workload in a few words.
            hot_values: whether to read the values of the hot keys from the cache.
        """
        # First: the other states take milliseconds, and writes go on meanwhile.
        books, log = self._books_and_log()
        return Snapshot(
            at=wall_seconds(),
            uptime_seconds=time.monotonic() - self._opened,
            redis=self._cache.state(),
            log=log,
            worker=self._worker.state(),
            database=self._database_state(),
            reads=self._metrics.reads(),
            writes=self._metrics.writes(),
            books=books,
            latencies=self._metrics.latencies(),
            lag=self._metrics.lag(),
            tick_seconds=TICK_SECONDS,
            ticks=self._metrics.ticks(),
            marks=self._events.marks(),
            faults=self._faults.active,
            catalogue=self._faults.states(),
            armed=self._failpoints.waiting(),
            hot=self._hot.keys(books.dead, values=hot_values),
            events=self._events.events(),
            prefixes=self._metrics.prefixes(_PREFIXES),
            audit=self._auditor.audit,
            unaccounted=self._auditor.accounting.ids if not books.balanced else (),
            workload=workload,
            observed=self._observed,
        )

    def _books_and_log(self) -> tuple[Books, LogState]:
        """Return the event balance and the state of the log as of one moment: every pending event
        is in both."""
        in_flight = self._worker.flusher.in_flight
        books, waiting, oldest_seconds = self._backlog.state()
        return books, self._log_state(max(waiting, books.pending), oldest_seconds, in_flight)

    def _log_state(self, depth: int, oldest_seconds: float, in_flight: int) -> LogState:
        health, word = Health.UP, "up"
        if obstacle := self._log.obstacle:
            health, word = Health.DOWN, obstacle
        elif self._backlog.full:
            health, word = Health.DEGRADED, "full"
        return LogState(
            health=health,
            word=word,
            depth=depth,
            limit_events=self._limit_events,
            in_flight=in_flight,
            oldest_seconds=oldest_seconds,
            bytes=self._log.bytes,
        )

    def _database_state(self) -> DatabaseState:
        state = self._database.state()
        word = next((_WORDS[name] for name in self._faults.active if name in _WORDS), "")
        if not word or state.health is not Health.UP:
            return state
        return replace(state, health=Health.DEGRADED, word=word)
