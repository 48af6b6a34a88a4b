"""The survey: it asks each part how it is and makes one snapshot of the answers."""

from __future__ import annotations

import time

from cachedesk.chaos.injector import FaultInjector
from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CacheError, DatabaseError
from cachedesk.core.snapshot import (
    SLOW,
    Books,
    DatabaseState,
    Health,
    LogState,
    RedisState,
    Snapshot,
)
from cachedesk.engine.flush_worker import FlushWorker
from cachedesk.engine.parts import Parts
from cachedesk.observe.auditor import Auditor
from cachedesk.observe.hot_keys import HotView
from cachedesk.observe.metrics import TICK_SECONDS
from cachedesk.stores.redis.info import CacheStats

_PREFIXES = 12
_TRIES = 8
_FILES_GONE = "file gone"
_WORDS = {
    "database.lock": "locked",
    "database.full": "disk full",
    "database.readonly": "read-only",
    "database.slow": SLOW,
}


class Snapshotter:
    """Builds snapshots. What it costs depends on the number of panels, not of keys."""

    def __init__(
        self, parts: Parts, worker: FlushWorker, faults: FaultInjector, auditor: Auditor
    ) -> None:
        self._keeper = parts.keeper
        self._cache = parts.cache
        self._log = parts.log
        self._database = parts.database
        self._pending = parts.pending
        self._metrics = parts.metrics
        self._chronicle = parts.chronicle
        self._failpoints = parts.failpoints
        self._backlog = parts.backlog
        self._limit_events = parts.settings.log.limit_events
        self._worker = worker
        self._faults = faults
        self._auditor = auditor
        self._hot = HotView(parts)
        self._opened = time.monotonic()
        self._evicted = 0

    def snapshot(self, workload: str) -> Snapshot:
        """Return how everything is; ``workload`` says what drives the stack."""
        # Before anything that has to be asked for: it takes milliseconds, and writes go on.
        books, log = self._books_and_log()
        return Snapshot(
            at=wall_seconds(),
            uptime_seconds=time.monotonic() - self._opened,
            redis=self._redis(),
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
            marks=self._chronicle.marks(),
            faults=self._faults.active,
            catalogue=self._faults.states(),
            armed=self._failpoints.waiting(),
            hot=self._hot.keys(books.dead),
            events=self._chronicle.events(),
            prefixes=self._metrics.prefixes(_PREFIXES),
            audit=self._auditor.audit,
            unaccounted=self._auditor.accounting.ids if not books.balanced else (),
            workload=workload,
        )

    def _redis(self) -> RedisState:
        try:
            figures = self._cache.figures()
            health, self._evicted = Health.UP, figures.evicted
        except CacheError:
            # What it held is not used now; its limits are those it will have.
            limits = self._keeper.limits
            memory, policy = limits.maxmemory_bytes, limits.eviction_policy
            figures = CacheStats(0, memory, policy, 0, self._evicted)
            health = Health.DOWN
        return RedisState(
            health=health,
            word=self._keeper.word,
            memory_bytes=figures.memory_bytes,
            maxmemory_bytes=figures.maxmemory_bytes,
            eviction_policy=figures.eviction_policy,
            keys=figures.keys,
            evicted=figures.evicted,
            restarts=self._keeper.restarts,
            pid=self._keeper.pid,
            bypasses=self._keeper.bypasses,
        )

    def _books_and_log(self) -> tuple[Books, LogState]:
        """Return the books and the log as they were at one instant: what is pending in one is in
        the other."""
        for _ in range(_TRIES):
            waiting = self._log.waiting
            oldest_seconds, in_flight = self._log.oldest_seconds, self._worker.in_flight
            books = self._pending.books()
            if self._log.waiting == waiting:
                break
        # A write is pending a moment before the log delivers it.
        depth = max(waiting, books.pending)
        return books, self._log_state(depth, oldest_seconds, in_flight)

    def _log_state(self, depth: int, oldest_seconds: float, in_flight: int) -> LogState:
        health, word = Health.UP, "up"
        if self._log.files.trouble:
            health, word = Health.DOWN, _FILES_GONE
        elif self._log.failed:
            health, word = Health.DOWN, "failed"
        elif self._log.trouble:
            health, word = Health.DOWN, self._log.trouble
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
        try:
            rows, _ = self._database.count()
            size, wal = self._database.bytes
        except (DatabaseError, OSError):
            gone = self._database.files.trouble
            return DatabaseState(Health.DOWN, _FILES_GONE if gone else "not readable")
        if self._database.files.trouble:
            return DatabaseState(Health.DOWN, _FILES_GONE, rows, size, wal)
        word = next((_WORDS[name] for name in self._faults.active if name in _WORDS), "up")
        return DatabaseState(
            health=Health.UP if word == "up" else Health.DEGRADED,
            word=word,
            rows=rows,
            bytes=size,
            wal_bytes=wal,
        )
