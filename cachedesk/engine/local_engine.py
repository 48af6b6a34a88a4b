"""The engine of one process: the paths, the worker and what they share, put together.

Numbering, the backlog's index, the locks and versions of the keys are true only while one process
has the stores; the data directory's lock sees to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cachedesk.core.events import coalesce
from cachedesk.core.failpoints import Reach
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
from cachedesk.engine.leased_cache import LeasedCache
from cachedesk.engine.local_drain import LocalDrain
from cachedesk.engine.local_flusher import LocalFlusher
from cachedesk.engine.local_truth import LocalTruth
from cachedesk.engine.overlay import PendingView
from cachedesk.engine.poison.decisions import Decisions
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
        observer: Observer,
        recorder: Recorder,
        announce: Announce,
        reach: Reach,
        is_abandoned: Callable[[], bool],
    ) -> None:
        """Put the engine together; ``worker.start`` begins to flush.

        Args:
            cache: shows the writes, and answers most reads.
            log: makes fast writes durable.
            database: makes critical writes durable; the worker brings the others there.
            watermarks: remember, outside the database, which write is in it.
            backlog: what the log holds, recovered.
            seqs: number the writes.
            settings: of the whole stack.
            observer: takes the events that became part of their rows.
            recorder: takes note of calls, writes and flushes.
            announce: takes an event when something rare happens.
            reach: of the failpoints.
            is_abandoned: says whether a call that waits for room has lost its caller.
        """
        self._database = database
        self._recorder, self._reach = recorder, reach
        self.backlog, pending = backlog, backlog.pending
        self.locks = KeyLocks()
        self.versions = KeyVersions()
        self.cache = LeasedCache(cache, self.versions, reach)
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
        """The composition in use."""
        return self._routes

    def compose(self, routes: Routes) -> None:
        """Have the calls and batches that begin from now on take ``routes``."""
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
