"""The engine of one process: it composes the paths, the worker and their shared state.

Numbering, the index of the backlog, and the locks and versions of keys are correct only while a
single process uses the stores; the lock of the data directory ensures that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cachedesk.core.events import coalesce
from cachedesk.core.failpoints import Reach
from cachedesk.core.policy import PolicyTable
from cachedesk.core.ports import CacheStore, EventLog, SystemOfRecord
from cachedesk.core.recorder import Announce, Recorder
from cachedesk.core.safeguards import ALL_ON
from cachedesk.core.settings import Settings
from cachedesk.core.watermarks import Watermarks
from cachedesk.core.writes import Observer
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.dead_letter_admin import DeadLetterAdmin
from cachedesk.engine.flush_worker import FlushWorker
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.last_known import LastKnown
from cachedesk.engine.leased_cache import LeasedCache
from cachedesk.engine.local_drain import LocalDrain
from cachedesk.engine.local_flusher import LocalFlusher
from cachedesk.engine.local_truth import LocalTruth
from cachedesk.engine.overlay import PendingView
from cachedesk.engine.poison.decisions import Decisions
from cachedesk.engine.purger import Purger
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.routes import Routes
from cachedesk.engine.settlement import Settlement
from cachedesk.engine.worker_controls import WorkerControls
from cachedesk.engine.write_behind import WriteBehind
from cachedesk.engine.write_through import WriteThrough
from cachedesk.engine.writer import Writer


class LocalEngine:
    """The paths and the worker over three stores."""

    def __init__(
        self,
        *,
        cache: CacheStore,
        log: EventLog,
        database: SystemOfRecord,
        watermarks: Watermarks,
        backlog: Backlog,
        seqs: Iterator[int],
        settings: Settings,
        policies: PolicyTable,
        observer: Observer,
        recorder: Recorder,
        announce: Announce,
        reach: Reach,
        is_abandoned: Callable[[], bool],
    ) -> None:
        """Compose the engine; ``worker.start`` begins to flush.

        Args:
            cache: updated with each write, and answers most reads.
            log: makes write-behind writes durable.
            database: makes write-through writes durable; the worker flushes the others to it.
            watermarks: keeps the seq of the newest write outside the database.
            backlog: the recovered index of the events in the log.
            seqs: the numbers of the writes.
            settings: of the whole stack.
            policies: which absent keys are cached, and which stale values may be served.
            observer: called with the events that became part of their rows.
            recorder: records calls, writes and flushes.
            announce: called when a rare event happens.
            reach: reports that a failpoint is reached.
            is_abandoned: returns whether the caller of the current call was interrupted.
        """
        self._database = database
        self._recorder, self._reach = recorder, reach
        self.backlog, pending = backlog, backlog.pending
        self.locks = KeyLocks()
        self.versions = KeyVersions()
        self.cache = LeasedCache(
            cache,
            self.versions,
            reach,
            negative_seconds=(
                (lambda key: policies.of(key).negative_seconds) if policies.negative else None
            ),
            last_known=(
                LastKnown(lambda key: policies.of(key).stale_seconds)
                if policies.serves_stale
                else None
            ),
        )
        self.reader = self.read_path(pending)
        behind = WriteBehind(
            reader=self.reader,
            log=log,
            backlog=backlog,
            cache=self.cache,
            locks=self.locks,
            seqs=seqs,
            settings=settings.log,
            recorder=recorder,
            reach=reach,
            is_abandoned=is_abandoned,
        )
        self._routes = Routes(ALL_ON, self.reader, behind, coalesce)
        through = WriteThrough(
            database=database,
            pending=pending,
            cache=self.cache,
            locks=self.locks,
            seqs=seqs,
            watermarks=watermarks,
            wake_worker=backlog.grown.set,
            observer=observer,
            recorder=recorder,
            reach=reach,
        )
        settlement = Settlement(
            pending=pending, observer=observer, recorder=recorder, announce=announce
        )
        self.controls = WorkerControls(settings.worker, backlog.grown)
        flusher = LocalFlusher(
            log=log,
            backlog=backlog,
            database=database,
            decisions=Decisions(
                database=database,
                cache=self.cache,
                locks=self.locks,
                max_attempts=settings.worker.max_attempts,
                settle=settlement.settle,
                reach=reach,
            ),
            settlement=settlement,
            settings=settings.worker,
            fold=lambda: self.routes.fold,
            closing=lambda: self.controls.closing,
            announce=announce,
            purger=Purger(
                log=log,
                pending=pending,
                database=database,
                cache=self.cache,
                locks=self.locks,
                announce=announce,
                reach=reach,
            ),
            reach=reach,
        )
        self.worker = FlushWorker(
            flusher=flusher,
            controls=self.controls,
            backlog=backlog,
            settlement=settlement,
            settings=settings.worker,
            announce=announce,
        )
        self.drain = LocalDrain(self.controls, backlog)
        self.truth = LocalTruth(
            routes=lambda: self.routes,
            logged=behind,
            through=through,
            letters=DeadLetterAdmin(
                database=database,
                backlog=backlog,
                locks=self.locks,
                controls=self.controls,
                through=through,
                announce=announce,
            ),
            backlog=backlog,
            database=database,
            overflows=settings.log.when_full == "write-through",
        )
        self.writer = Writer(self.truth, recorder, settings.database.write_seconds)

    @property
    def routes(self) -> Routes:
        """The composition in force."""
        return self._routes

    def compose(self, routes: Routes) -> None:
        """Make calls and batches that begin from now on use ``routes``."""
        self._routes = routes

    def read_path(self, pending: PendingView) -> ReadPath:
        """Return a read path that folds the events of ``pending`` into the rows."""
        return ReadPath(
            cache=self.cache,
            pending=pending,
            database=self._database,
            recorder=self._recorder,
            reach=self._reach,
        )
