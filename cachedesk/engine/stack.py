"""The stack: it opens the parts, recovers what a crash left, and closes them in order."""

from __future__ import annotations

import itertools
import os
import threading
import time
from pathlib import Path

from cachedesk.engine import failpoints
from cachedesk.engine.cache import Cache
from cachedesk.engine.chronicle import Chronicle
from cachedesk.engine.commands import (
    Command,
    EvictAll,
    EvictKey,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetBatch,
    StepWorker,
)
from cachedesk.engine.database import Database
from cachedesk.engine.directory import DataDirectory
from cachedesk.engine.errors import Damaged, Unavailable
from cachedesk.engine.failpoints import reach
from cachedesk.engine.faults import FaultDesk
from cachedesk.engine.fence import KeyFence
from cachedesk.engine.freshness import Versions
from cachedesk.engine.layer import CacheLayer
from cachedesk.engine.log import WriteBehindLog
from cachedesk.engine.metrics import TICK_SECONDS, Metrics
from cachedesk.engine.parts import Parts
from cachedesk.engine.pending import Pending
from cachedesk.engine.policy import PolicyTable
from cachedesk.engine.redis_keeper import RedisKeeper
from cachedesk.engine.redis_server import RedisServer
from cachedesk.engine.settings import Settings
from cachedesk.engine.snapshot import EventKind, Snapshot
from cachedesk.engine.survey import Survey
from cachedesk.engine.worker import FlushWorker
from cachedesk.engine.writes import NoObserver, Observer


class Vault:
    """What is on disk: the database, the log and the pending events rebuilt from it. Enough to
    tell the truth; ``Stack`` adds Redis and the worker."""

    def __init__(self, directory: DataDirectory) -> None:
        """Open both files and see that they belong together.

        Raises:
            Damaged: a file is damaged, lost events, or is from another backup than the other.
        """
        began = time.monotonic()
        if directory.log.exists() and not directory.database.exists():
            raise self._strangers(directory)
        self.database = Database(directory.database)
        try:
            reach("boot.database.after")
            self._check_log_exists(directory)
            self.log = WriteBehindLog(directory.log)
        except BaseException:
            self.database.close()
            raise
        try:
            reach("boot.log.after")
            numbers = self.database.numbers()
            self._check_epoch(numbers["log_epoch"], directory)
            self._check_rows(numbers["newest_seq"], directory)
            self.pending = Pending(self.database.count()[1])
            events = self.log.recover(numbers["log_seq"])
            self.pending.add(events)
            self.log.witness.opened()
        except BaseException:
            self.close()
            raise
        self.recovered = len(events)
        self.recovery_seconds = time.monotonic() - began
        self.was_open = self.log.witness.was_open
        newest = max(numbers["newest_seq"], numbers["log_seq"], self.log.witness.log_seq)
        self.seqs = itertools.count(newest + 1)

    def _check_epoch(self, known: int, directory: DataDirectory) -> None:
        if known == self.log.epoch:
            return
        if known == 0 and self.log.witness.log_seq == self.log.witness.row_seq == 0:
            with self.database.transaction(time.monotonic() + 5) as transaction:
                reach("boot.epoch.before")
                transaction.note("log_epoch", self.log.epoch)
            return
        raise self._strangers(directory)

    def _check_log_exists(self, directory: DataDirectory) -> None:
        """See that a database that had a log still has it, before a new one is made."""
        if self.database.numbers()["log_epoch"] and not WriteBehindLog.is_whole(directory.log):
            raise self._strangers(directory)

    @staticmethod
    def _strangers(directory: DataDirectory) -> Damaged:
        return Damaged(
            f"the database and the write-behind log in {directory.path} do not belong together"
            " (one of them is missing, new, or from another backup); restore the whole data"
            " directory from one backup"
        )

    def _check_rows(self, newest_seq: int, directory: DataDirectory) -> None:
        """See that the database holds what was acknowledged as written through."""
        acknowledged = self.log.witness.row_seq
        if newest_seq < acknowledged:
            raise Damaged(
                f"the database {directory.database} has lost writes up to {acknowledged} (it"
                f" ends at {newest_seq}): it was replaced, or its -wal file was deleted; restore"
                " the whole data directory from one backup"
            )
        if newest_seq > acknowledged:
            # The process died between the commit and the note.
            self.log.witness.note_row(newest_seq)

    def close(self) -> None:
        """Close both files."""
        self.log.close()
        self.database.close()


class Stack:
    """One running cache stack. A ``Source`` of snapshots and a ``Control`` for commands."""

    def __init__(
        self,
        path: Path | str,
        settings: Settings | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Open the data directory at ``path``, recover, and start everything.

        Args:
            path: the data directory; made if it does not exist.
            settings: how; the defaults are documented in ``Settings``.
            observer: told what becomes part of a row, for a judge.

        Raises:
            DataDirectoryError: the directory cannot be used (``InUse``, ``Damaged`` …).
            ConfigError: a setting is wrong.
        """
        failpoints.arm_from(os.environ.get("CACHEDESK_FAILPOINTS", ""))
        settings = settings or Settings()
        policies = PolicyTable(settings.policies)
        self.directory = DataDirectory(path)
        self._undo = [self.directory.close]
        reach("boot.lock.after")
        self.workload = ""
        try:
            self._build(settings, policies, observer or NoObserver())
        except BaseException:
            self._close()
            raise

    def _build(self, settings: Settings, policies: PolicyTable, observer: Observer) -> None:
        self.chronicle = Chronicle()
        announce = self.chronicle.say
        server = RedisServer(self.directory.path, settings.redis)
        if server.stopped_orphan:
            announce(EventKind.RECOVERY, "a redis-server that was left behind was stopped")
        reach("boot.orphan.after")
        cache = Cache(server.socket_path, settings.redis.timeout_seconds)
        keeper = RedisKeeper(server, cache, announce)
        self._undo.append(keeper.close)
        keeper.start()
        vault = Vault(self.directory)
        self._undo.append(vault.close)
        if vault.recovered or vault.was_open:
            stop = "an unclean stop" if vault.was_open else "the last stop"
            announce(
                EventKind.RECOVERY,
                f"recovered {vault.recovered:,} pending events after {stop}, 0 lost,"
                f" {vault.recovery_seconds:.2f} s",
            )
        parts = Parts(
            settings=settings,
            policies=policies,
            cache=cache,
            keeper=keeper,
            log=vault.log,
            pending=vault.pending,
            database=vault.database,
            seqs=vault.seqs,
            fence=KeyFence(),
            versions=Versions(),
            metrics=Metrics(),
            chronicle=self.chronicle,
            observer=observer,
        )
        self.worker = FlushWorker(parts)
        self.faults = FaultDesk(parts, self.worker)
        self.metrics, self.pending = parts.metrics, parts.pending
        self._cache = cache
        self._survey = Survey(parts, self.worker, self.faults)
        self.layer = CacheLayer(parts, self.worker, self.snapshot, self._close)
        keeper.wait_until_tried()
        reach("boot.serve.before")
        self.worker.start()
        self._undo.append(self._close_worker)
        self._undo.append(self._heal_quietly)
        ticker = _Ticker(parts)
        ticker.start()
        self._undo.append(ticker.close)

    def snapshot(self) -> Snapshot:
        """Return how everything is, as one frozen value."""
        return self._survey.snapshot(self.workload)

    def perform(self, command: Command) -> str:
        """Carry out a command and return a sentence that says what happened.

        Raises:
            CachedeskError: it cannot be carried out now.
        """
        match command:
            case EvictKey(key):
                found = self._cache.evict_key(key)
                how = "was evicted from Redis" if found else "was not in Redis"
                return self._say(f"{key.decode(errors='replace')} {how}")
            case EvictAll():
                return self.faults.inject("redis.empty")
            case Inject(fault):
                return self.faults.inject(fault)
            case Heal():
                return self.faults.heal()
            case PauseWorker():
                if not self.worker.state().paused:
                    self.chronicle.begin("worker.pause", lasting=True)
                self.worker.pause()
                return self._say("the worker is paused; write-behind fills the log")
            case ResumeWorker():
                self.worker.resume()
                self.chronicle.end("worker.pause")
                return self._say("the worker goes on")
            case StepWorker():
                self.worker.step()
                return self._say("the worker flushes one batch")
            case SetBatch(events, age_seconds):
                self.worker.set_batch(events, age_seconds)
                return self._say(
                    f"a batch is {self.worker.batch_events:,} events or"
                    f" {self.worker.batch_age_seconds:g} s"
                )
        raise Unavailable(f"the stack cannot carry out {command!r}")

    def close(self) -> None:
        """Close everything; what is pending stays in the log. Closing twice is harmless."""
        self.layer.close()

    def _say(self, sentence: str) -> str:
        self.chronicle.say(EventKind.INFO, sentence)
        return sentence

    def _heal_quietly(self) -> None:
        self.faults.heal()

    def _close(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _close_worker(self) -> None:
        reach("close.worker.before")
        self.worker.close()
        reach("close.worker.after")


class _Ticker:
    """Ends an interval of the history every half second."""

    def __init__(self, parts: Parts) -> None:
        self._log = parts.log
        self._pending = parts.pending
        self._metrics = parts.metrics
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="ticker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _tick(self) -> None:
        while not self._closing.wait(TICK_SECONDS):
            depth = self._pending.depth
            lag_seconds = self._log.oldest_seconds if depth else 0.0
            self._metrics.tick(time.time(), depth, lag_seconds)
