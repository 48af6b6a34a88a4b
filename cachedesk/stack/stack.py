"""The stack: it opens and composes the parts, recovers after a crash, and closes them in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from cachedesk.chaos.ablations.no_log import DirtyKeys
from cachedesk.chaos.ablations.no_read_repair import NoPending
from cachedesk.chaos.catalog import in_order
from cachedesk.chaos.impact import figures
from cachedesk.chaos.injector import FaultInjector
from cachedesk.chaos.poison_event import LogPoison
from cachedesk.chaos.process_kill import ProcessKill
from cachedesk.chaos.safeguard_switches import SafeguardSwitches
from cachedesk.chaos.worker_crash import WorkerCrash
from cachedesk.core.capabilities import ForeignWritable, ManagedServer, OnDisk
from cachedesk.core.codec_table import CodecTable
from cachedesk.core.codecs import Codec
from cachedesk.core.commands import Command
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import Closed
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.fault import Fault
from cachedesk.core.key_report import KeyReport
from cachedesk.core.policy import PolicyTable
from cachedesk.core.recorder import NullRecorder, Recorder
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import Health, Snapshot
from cachedesk.core.stores import StoreContext, Stores
from cachedesk.core.writes import NullObserver, Observer
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.call_thread import CallThread
from cachedesk.engine.face.coded_layer import CodedCacheLayer
from cachedesk.engine.local_engine import LocalEngine
from cachedesk.engine.sliding_expiry import SlidingExpiry
from cachedesk.observe.accounting import Accounting
from cachedesk.observe.auditor import Auditor
from cachedesk.observe.event_logging import EventLogger
from cachedesk.observe.event_ring import EventRing
from cachedesk.observe.hot_keys import HotView
from cachedesk.observe.inspector import KeyInspector
from cachedesk.observe.metrics import Metrics
from cachedesk.observe.recent_writes import RecentWrites
from cachedesk.observe.snapshotter import Snapshotter
from cachedesk.observe.stack_recorder import StackRecorder
from cachedesk.stack.command_runner import CommandRunner
from cachedesk.stack.dropped import lock_after_dropped
from cachedesk.stack.durable_state import open_state
from cachedesk.stack.housekeeping import FilesMonitor, Ticker

_CLOCK_BEHIND_SECONDS = 60.0
_MEND_SECONDS = 1.0


class Stack:
    """A running cache stack. Implements ``Source`` (snapshots) and ``Control`` (commands)."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Settings | None = None,
        observer: Observer | None = None,
        safeguards: Safeguards = ALL_ON,
        failpoints: Failpoints | None = None,
        *,
        observe: bool = True,
        stores: Stores[Any] | None = None,
        codecs: Mapping[str, Codec | str | None] | None = None,
    ) -> None:
        """Open the data directory at ``path``, recover, and start everything.

        Args:
            path: the data directory; created if it does not exist.
            settings: of all parts; the defaults are documented in ``Settings``.
            observer: called with the events that become part of a row, for the ledger.
            safeguards: the safeguards that are on; the lab and the desk can switch some off.
            failpoints: of this stack; points may be armed before it opens. By default none is.
            observe: count and time calls and keep the newest writes, for snapshots and reports.
            stores: the factories of the stores; by default the embedded ones.
            codecs: of the values of ``layer``, by key pattern; by default they are bytes.

        Raises:
            DataDirectoryError: the directory cannot be used (``InUse``, ``Damaged`` …).
            ConfigError: a setting is invalid.
        """
        self.failpoints = failpoints or Failpoints()
        self._reach = self.failpoints.reach
        self._closers: list[Callable[[], None]] = []
        self._codecs = CodecTable(codecs) if codecs else None
        self.calls = CallThread()
        try:
            self._stores = stores or embedded_stores()
            self.calls.run(self._open, path, settings or Settings(), observer, safeguards, observe)
        except BaseException:
            # An interrupted opening continues in the background; then all that it opened is closed.
            self.calls.end_with(self._close)
            raise

    def _open(
        self,
        path: str | os.PathLike[str],
        settings: Settings,
        observer: Observer | None,
        safeguards: Safeguards,
        observe: bool,
    ) -> None:
        policies = PolicyTable(settings.policies)
        # Before anything is created on the disk.
        self._stores.require()
        self.place = lock_after_dropped(self._stores, path)
        self._closers.append(self.place.close)
        self._reach("boot.lock.after")
        self.workload = ""
        try:
            self._build(settings, policies, observer or NullObserver(), observe=observe)
            self._switches.begin(safeguards)
        except BaseException:
            self._close()
            raise

    def _build(
        self, settings: Settings, policies: PolicyTable, observer: Observer, *, observe: bool
    ) -> None:
        event_logger = EventLogger(self.place.name)
        self._closers.append(event_logger.close)
        self.event_ring = EventRing(event_logger.forward)
        announce = self.event_ring.add
        if armed := self.failpoints.armed():
            announce(EventCode.FAILPOINTS_ARMED, points=tuple(armed))
        context = StoreContext(
            settings, self.failpoints, announce, lambda: self.pending.kept, self.calls.run
        )
        cache = self.cache = self._stores.cache(self.place, context)
        self._closers.append(cache.close)
        self._reach("boot.orphan.after")
        state = open_state(self._stores, self.place, context)
        self._closers.append(state.close)
        if state.recovered or state.was_open:
            announce(
                EventCode.LOG_RECOVERED,
                events=state.recovered,
                unclean=state.was_open,
                seconds=state.recovery_seconds,
            )
        if state.clock_behind_seconds > _CLOCK_BEHIND_SECONDS:
            announce(EventCode.CLOCK_BEHIND, seconds=state.clock_behind_seconds)
        self._state = state
        self._files = [it.files for it in (state.log, state.database) if isinstance(it, OnDisk)]
        self.metrics, self.pending, self.log = Metrics(), state.backlog.pending, state.log
        recent = RecentWrites() if observe else None
        recorder = NullRecorder() if recent is None else StackRecorder(self.metrics, recent)
        engine = LocalEngine(
            cache=cache,
            log=state.log,
            database=state.database,
            watermarks=state.watermarks,
            backlog=state.backlog,
            seqs=state.seqs,
            settings=settings,
            policies=policies,
            observer=observer,
            recorder=recorder,
            announce=announce,
            reach=self._reach,
            is_abandoned=lambda: self.calls.abandoned or self.layer.closing,
        )
        self.backlog, self.worker = engine.backlog, engine.worker
        self._truth = engine.truth
        sliding = SlidingExpiry(policies, engine.truth, engine.writer) if policies.slides else None
        self.layer = (CodedCacheLayer if self._codecs else CacheLayer)(
            writer=engine.writer,
            reader=lambda: engine.routes.reader,
            truth=engine.truth,
            cache=engine.cache,
            drain=engine.drain,
            policies=policies,
            sliding=sliding,
            snapshot=self._snapshot,
            explain=self._explain,
            close=self._close,
            calls=self.calls,
            name=self.place.name,
            codecs=self._codecs,
        )
        self._add_faults(engine, observer)
        self._add_observation(engine, recent, policies, settings)
        self._add_safeguards(engine, observer, recorder)
        self._commands = CommandRunner(
            cache=cache,
            worker=self.worker,
            pending=self.pending,
            faults=self.faults,
            switches=self._switches,
            events=self.event_ring,
        )
        self._closers.append(cache.close)
        cache.start(engine.reader.truths)
        self._reach("boot.serve.before")
        self.worker.start()
        self._closers += (self._close_worker, self._switches.close, self._heal_quietly)
        ticker = Ticker(
            log=self.log,
            backlog=self.backlog,
            metrics=self.metrics if observe else None,
            mend=self._mend,
            check_files=FilesMonitor(self._files, announce).check,
            heal_expired=self.faults.heal_expired,
        )
        ticker.start()
        self._closers.append(ticker.close)
        self.auditor.start()
        self._closers.append(self.auditor.close)

    def _add_faults(self, engine: LocalEngine, observer: Observer) -> None:
        database = self._state.database
        rest: list[Fault] = [ProcessKill()]
        if isinstance(database, ForeignWritable):
            poison = LogPoison(
                layer=self.layer,
                foreign_write=database.foreign_write,
                cache=engine.cache,
                observer=observer,
            )
            rest.insert(0, poison)
        faults: tuple[Fault, ...] = in_order(
            cache=self.cache.faults(),
            worker=WorkerCrash(self.failpoints, flushes=lambda: self._switches.safeguards.log),
            database=database.faults(),
            log=self.log.faults(),
            rest=rest,
        )
        self.faults = FaultInjector(
            faults, self.event_ring, lambda: figures(self.cache, self.metrics, self.backlog)
        )

    def _add_observation(
        self,
        engine: LocalEngine,
        recent: RecentWrites | None,
        policies: PolicyTable,
        settings: Settings,
    ) -> None:
        cache, database, pending = self.cache, self._state.database, self.pending
        self.auditor = Auditor(
            accounting=Accounting(self.backlog, database),
            cache=cache,
            pending=pending,
            database=database,
            locks=engine.locks,
            versions=engine.versions,
            announce=self.event_ring.add,
            settle=self._mend,
            mends=lambda: engine.routes.safeguards.copies_are_true,
        )
        self._snapshotter = Snapshotter(
            cache=cache,
            log=self.log,
            backlog=self.backlog,
            database=database,
            worker=self.worker,
            auditor=self.auditor,
            faults=self.faults,
            metrics=self.metrics,
            events=self.event_ring,
            hot=HotView(
                cache=cache,
                pending=pending,
                database=database,
                metrics=self.metrics,
                policies=policies,
            ),
            failpoints=self.failpoints,
            limit_events=settings.log.limit_events,
            observed=recent is not None,
        )
        self._inspector = KeyInspector(
            cache=cache,
            pending=pending,
            database=database,
            in_flight_through=lambda: self.worker.flusher.in_flight_through,
            recent=recent,
            policies=policies,
        )

    def _add_safeguards(self, engine: LocalEngine, observer: Observer, recorder: Recorder) -> None:
        self._switches = SafeguardSwitches(
            engine=engine,
            pending=self.pending,
            controls=engine.controls,
            cache=self.cache,
            row_reader=engine.read_path(NoPending(self.pending)),
            dirty=DirtyKeys(
                reader=engine.reader,
                pending=self.pending,
                database=self._state.database,
                cache=self.cache,
                locks=engine.locks,
                versions=engine.versions,
                controls=engine.controls,
                seqs=self._state.seqs,
                watermarks=self._state.watermarks,
                observer=observer,
                recorder=recorder,
                announce=self.event_ring.add,
            ),
        )

    @property
    def redis_socket(self) -> str:
        """The address where Redis listens; empty if this process does not manage the cache."""
        return self.cache.address if isinstance(self.cache, ManagedServer) else ""

    def snapshot(self, *, hot_values: bool = True) -> Snapshot:
        """Return the state of the whole stack as one frozen value.

        Args:
            hot_values: whether to read the values of the hot keys from the cache, which counts
                that as a use of them; else they are unknown.
        """
        return self.calls.run(partial(self._snapshot, hot_values=hot_values))

    def _snapshot(self, *, hot_values: bool = True) -> Snapshot:
        snapshot = self._snapshotter.snapshot(self.workload, hot_values=hot_values)
        safeguards = self._switches.safeguards
        if not safeguards.log:
            off = replace(snapshot.log, health=Health.DEGRADED, word="off")
            snapshot = replace(snapshot, log=off)
        return replace(snapshot, safeguards=safeguards)

    def _explain(self, key: bytes) -> KeyReport:
        return self._inspector.inspect(key)

    def inspect(self, key: bytes) -> KeyReport:
        """Return what each store holds of one key now; a store that does not answer is reported as
        such."""
        return self.calls.run(self._explain, key)

    def perform(self, command: Command) -> str:
        """Carry out a command and return a sentence that describes the result.

        Raises:
            Closed: the stack was closed.
            CachedeskError: it cannot be carried out now.
        """
        return self.calls.run(self._perform, command)

    def _perform(self, command: Command) -> str:
        if self.layer.closing:
            raise Closed("the stack was closed")
        return self._commands.perform(command)

    def close(self) -> None:
        """Close the stack; pending events stay in the log. A second call does nothing."""
        self.layer.close()

    @property
    def files_trouble(self) -> str:
        """The trouble with the files of the data directory; empty while they are in place."""
        return next((files.trouble for files in self._files if files.trouble), "")

    def _mend(self) -> None:
        """Recover the log after a failed commit, and return when every append that was under way
        has ended. Raises ``Unavailable`` if the disk still fails."""
        self._truth.mend(time.monotonic() + _MEND_SECONDS)

    def _heal_quietly(self) -> None:
        self.faults.heal()

    def _close(self) -> None:
        first: Exception | None = None
        while self._closers:
            try:
                self._closers[-1]()
            except Exception as error:  # noqa: BLE001 - the other parts must be closed too
                first = first or error
            # Only now: after an interrupt, the next call closes this part again.
            self._closers.pop()
        self.calls.end()
        if first is not None:
            raise first

    def _close_worker(self) -> None:
        self._reach("close.worker.before")
        self.worker.close()
        self._reach("close.worker.after")


def embedded_stores() -> Stores[Any]:
    """Return the default stores. They are imported here because a stack on other stores does not
    need them."""
    from cachedesk.stores.embedded.stores import EMBEDDED

    return EMBEDDED
