"""The stack: it opens the parts, recovers what a crash left, and closes them in order."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable
from dataclasses import replace

from cachedesk.chaos.catalog import catalogue
from cachedesk.chaos.impact import figures
from cachedesk.chaos.injector import FaultInjector
from cachedesk.chaos.safeguard_switches import SafeguardSwitches
from cachedesk.core.commands import (
    Command,
    EvictAll,
    EvictKey,
    EvictMatching,
    EvictShare,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetBatch,
    SetMemory,
    SetSafeguard,
    StepWorker,
)
from cachedesk.core.errors import Closed, Unavailable
from cachedesk.core.eviction_policies import NOEVICTION_WARNING
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.policy import PolicyTable
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import EventKind, Health, Snapshot
from cachedesk.core.writes import NullObserver, Observer
from cachedesk.engine.backlog import Backlog
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.call_thread import CallThread
from cachedesk.engine.flush_worker import FlushWorker
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.parts import Parts
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.routes import usual
from cachedesk.observe.auditor import Auditor
from cachedesk.observe.event_ring import EventRing
from cachedesk.observe.inspector import KeyInspector
from cachedesk.observe.key_report import KeyReport
from cachedesk.observe.metrics import Metrics
from cachedesk.observe.recent_writes import RecentWrites
from cachedesk.observe.snapshotter import Snapshotter
from cachedesk.stack.housekeeping import Ticker
from cachedesk.stores.embedded.durable_state import DurableState
from cachedesk.stores.files.data_directory import DataDirectory
from cachedesk.stores.redis.memory_limits import MemoryLimits
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.server_process import RedisServer, executable
from cachedesk.stores.redis.supervisor import RedisSupervisor
from cachedesk.stores.redis.sweep import matching_command, share_of_all


class Stack:
    """One running cache stack. A ``Source`` of snapshots and a ``Control`` for commands."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Settings | None = None,
        observer: Observer | None = None,
        safeguards: Safeguards = ALL_ON,
        failpoints: Failpoints | None = None,
    ) -> None:
        """Open the data directory at ``path``, recover, and start everything.

        Args:
            path: the data directory; made if it does not exist.
            settings: how; the defaults are documented in ``Settings``.
            observer: told what becomes part of a row, for a judge.
            safeguards: which are on; to switch one off is for the lab and the desk.
            failpoints: those of this stack, some armed before it opens; by default none is.

        Raises:
            DataDirectoryError: the directory cannot be used (``InUse``, ``Damaged`` …).
            ConfigError: a setting is wrong.
        """
        self.failpoints = failpoints or Failpoints()
        self._reach = self.failpoints.reach
        self._undo: list[Callable[[], None]] = []
        self._calls = CallThread()
        try:
            self._calls.run(self._open, path, settings or Settings(), observer, safeguards)
        except BaseException:
            # An interrupted opening goes on: what it opens is closed behind it.
            self._calls.leave(self._close)
            raise

    def _open(
        self,
        path: str | os.PathLike[str],
        settings: Settings,
        observer: Observer | None,
        safeguards: Safeguards,
    ) -> None:
        policies = PolicyTable(settings.policies)
        # Before anything is made on the disk.
        executable()
        self.directory = DataDirectory(path)
        self._undo.append(self.directory.close)
        self._reach("boot.lock.after")
        self.workload = ""
        try:
            self._build(settings, policies, observer or NullObserver())
            self._switchboard.begin(safeguards)
        except BaseException:
            self._close()
            raise

    def _build(self, settings: Settings, policies: PolicyTable, observer: Observer) -> None:
        self.chronicle = EventRing()
        announce = self.chronicle.say
        if armed := self.failpoints.armed():
            announce(EventKind.FAULT, f"failpoints are armed: {', '.join(armed)}")
        if settings.redis.eviction_policy == "noeviction":
            announce(EventKind.INFO, NOEVICTION_WARNING)
        server = RedisServer(self.directory.path, settings.redis)
        self._undo.append(server.close)
        if server.stopped_orphan:
            announce(EventKind.RECOVERY, "a redis-server that was left behind was stopped")
        self._reach("boot.orphan.after")
        vault = DurableState(self.directory, self.failpoints)
        self._undo.append(vault.close)
        if vault.recovered or vault.was_open:
            stop = "an unclean stop" if vault.was_open else "the last stop"
            announce(
                EventKind.RECOVERY,
                f"recovered {vault.recovered:,} pending events after {stop}, 0 lost,"
                f" {vault.recovery_seconds:.2f} s",
            )
        self._server = server
        cache = RedisCache(
            server.socket_path, settings.redis.timeout_seconds, self.failpoints, self._calls.run
        )
        limits = MemoryLimits(settings.redis, server, cache)
        keeper = RedisSupervisor(
            server,
            cache,
            announce,
            limits,
            lambda: vault.pending.kept,
            failpoints=self.failpoints,
        )
        parts = Parts(
            settings=settings,
            policies=policies,
            cache=cache,
            keeper=keeper,
            log=vault.log,
            pending=vault.pending,
            backlog=Backlog(vault.log, vault.pending, settings.log),
            database=vault.database,
            seqs=vault.seqs,
            fence=KeyLocks(),
            versions=KeyVersions(),
            metrics=Metrics(),
            chronicle=self.chronicle,
            observer=observer,
            journal=RecentWrites(),
            failpoints=self.failpoints,
        )
        self.worker = FlushWorker(parts)
        self.metrics, self.pending, self.log = parts.metrics, parts.pending, parts.log
        self._files = parts.database.files
        self.backlog = parts.backlog
        self._cache, self._limits = cache, limits
        paths = usual(parts, lambda: self._calls.abandoned or self.layer.closing)
        self.layer = CacheLayer(
            parts, self.worker, paths, self._seen, self._close, calls=self._calls
        )
        faults = catalogue(parts, self.layer)
        self.faults = FaultInjector(faults, parts.chronicle, lambda: figures(parts))
        self.auditor = Auditor(parts, self.layer.mend)
        self._switchboard = SafeguardSwitches(parts, paths, self.worker, self.auditor)
        self._survey = Snapshotter(parts, self.worker, self.faults, self.auditor)
        self._inspector = KeyInspector(parts, self.worker)
        self._undo.append(keeper.close)
        keeper.start(ReadPath(parts).truths)
        keeper.wait_until_tried()
        self._reach("boot.serve.before")
        self.worker.start()
        self._undo.append(self._close_worker)
        self._undo.append(self._switchboard.close)
        self._undo.append(self._heal_quietly)
        ticker = Ticker(parts, self.layer.mend, self.faults.tend)
        ticker.start()
        self._undo.append(ticker.close)
        self.auditor.start()
        self._undo.append(self.auditor.close)

    @property
    def redis_socket(self) -> str:
        """Where Redis listens."""
        return self._server.socket_path

    def snapshot(self) -> Snapshot:
        """Return how everything is, as one frozen value."""
        return self._calls.run(self._seen)

    def _seen(self) -> Snapshot:
        seen = self._survey.snapshot(self.workload)
        safeguards = self._switchboard.safeguards
        if not safeguards.log:
            seen = replace(seen, log=replace(seen.log, health=Health.DEGRADED, word="off"))
        return replace(seen, safeguards=safeguards)

    def inspect(self, key: bytes) -> KeyReport:
        """Return everything that is known of one key now; a place that does not answer says so."""
        return self._calls.run(self._inspector.inspect, key)

    def perform(self, command: Command) -> str:
        """Carry out a command and return a sentence that says what happened.

        Raises:
            Closed: the stack was closed.
            CachedeskError: it cannot be carried out now.
        """
        return self._calls.run(self._perform, command)

    def _perform(self, command: Command) -> str:
        if self.layer.closing:
            raise Closed("the stack was closed")
        match command:
            case EvictKey() | EvictMatching() | EvictShare():
                return self._say(self._evict(command))
            case SetMemory(maxmemory_bytes, eviction_policy):
                return self._say(self._limits.set(maxmemory_bytes, eviction_policy))
            case EvictAll():
                return self.faults.inject("redis.empty")
            case Inject(fault, seconds):
                return self.faults.inject(fault, seconds)
            case Heal(fault):
                return self.faults.heal(fault)
            case PauseWorker():
                if not self.worker.state().paused:
                    self.chronicle.begin("worker.pause", lasting=True)
                self.worker.pause()
                logged = self._switchboard.safeguards.log
                fills = "write-behind fills the log" if logged else "dirty keys are not copied"
                return self._say(f"the worker is paused; {fills}")
            case ResumeWorker():
                self.worker.resume()
                self.chronicle.end("worker.pause")
                return self._say("the worker goes on")
            case StepWorker():
                self.worker.step()
                self._switchboard.step()
                return self._say("the worker flushes one batch")
            case SetBatch(events, age_seconds):
                self.worker.set_batch(events, age_seconds)
                return self._say(
                    f"a batch is {self.worker.batch_events:,} events or"
                    f" {self.worker.batch_age_seconds:g} s"
                )
            case SetSafeguard(name, on):
                return self._say(self._switchboard.switch(name, on))
        raise Unavailable(f"the stack cannot carry out {command!r}")

    def close(self) -> None:
        """Close everything; what is pending stays in the log. Closing twice is harmless."""
        self.layer.close()

    def _evict(self, command: EvictKey | EvictMatching | EvictShare) -> str:
        match command:
            case EvictKey(key):
                found = self._cache.evict_key(key)
                how = "was evicted from Redis" if found else "was not in Redis"
                return f"{key.decode(errors='replace')} {how}"
            case EvictMatching(pattern):
                evicted, _ = self._cache.evict_chosen(matching_command(pattern))
                which = f"{evicted:,} keys that match {reprlib.repr(pattern)}"
                return f"{which} were evicted from Redis; {self.pending.kept}"
            case EvictShare(share):
                evicted, keys = self._cache.evict_chosen(share_of_all(share))
                which = f"{evicted:,} of {keys:,} keys, chosen at random,"
                return f"{which} were evicted from Redis; {self.pending.kept}"

    @property
    def files_trouble(self) -> str:
        """What is wrong with the files of the data directory; empty while they are in place."""
        return self.log.files.trouble or self._files.trouble

    def _say(self, sentence: str) -> str:
        self.chronicle.say(EventKind.INFO, sentence)
        return sentence

    def _heal_quietly(self) -> None:
        self.faults.heal()

    def _close(self) -> None:
        first: Exception | None = None
        while self._undo:
            try:
                self._undo[-1]()
            except Exception as error:  # noqa: BLE001 - the others are closed all the same
                first = first or error
            # Only now: what an interrupt cuts short is closed by the next call.
            self._undo.pop()
        self._calls.end()
        if first is not None:
            raise first

    def _close_worker(self) -> None:
        self._reach("close.worker.before")
        self.worker.close()
        self._reach("close.worker.after")
