"""The flush worker: it brings what is in the log to the database, batch by batch.

    read a batch → coalesce per key → one transaction (rows, dead letters, what was applied) → ack

It dies anywhere without harm: before the commit nothing has changed; after it the rows hold the
events' seqs, so the next delivery of the batch changes nothing (promise 2).

While the database is locked, full or gone it tries for ever and gives nothing up. Of a batch that
the database refuses, what is healthy is applied and the rest is blocked (see ``isolation``). The
worker goes on reading, past all that is blocked, tries it again in turn with what is read, and acks
the log as far as all is decided.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence

from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import Unavailable
from cachedesk.core.events import Coalesced, Entry, WriteEvent, coalesce
from cachedesk.core.failpoints import ComponentCrash, Reach
from cachedesk.core.ports import EventLog, SystemOfRecord
from cachedesk.core.recorder import Announce
from cachedesk.core.refusals import is_refusal
from cachedesk.core.settings import WorkerSettings
from cachedesk.core.snapshot import Health, WorkerState
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.poison.blocked_keys import Trouble
from cachedesk.engine.poison.decisions import LOCK_SECONDS, Decisions
from cachedesk.engine.poison.isolation import Isolation, jitter, retry_seconds
from cachedesk.engine.settlement import Settlement
from cachedesk.engine.trimmer import Trimmer
from cachedesk.engine.worker_controls import WorkerControls

_IDLE_SECONDS = 60.0
_PAUSED_SECONDS = 3600.0
_BATCHES_PER_TRIM = 50
_BATCHES_IN_A_HURRY = 8
_MOST_IN_A_HURRY = 8_000
# While there is more to read, what is read and what is blocked take turns.
_READING_SECONDS = 0.4
_DECIDING_SECONDS = 0.1


class _Refused(Exception):
    """Some events of a batch can be applied to no value, or are dead already. Internal."""


class FlushWorker(WorkerControls):
    """One thread that flushes; restarted with back-off when it crashes."""

    def __init__(
        self,
        *,
        log: EventLog,
        backlog: Backlog,
        database: SystemOfRecord,
        decisions: Decisions,
        settlement: Settlement,
        settings: WorkerSettings,
        announce: Announce,
        reach: Reach,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            log: what is flushed.
            backlog: what the log holds.
            database: where to.
            decisions: decide the events of keys that are blocked.
            settlement: what follows a commit.
            settings: the batches, and what is tried again when.
            announce: told when something rare happens.
            reach: of the failpoints.
        """
        super().__init__(settings, backlog.grown)
        self._log = log
        self._backlog = backlog
        self._pending = backlog.pending
        self._delivered_seq = 0
        self._database = database
        self._reach = reach
        self._settlement = settlement
        self._trimmer = Trimmer(backlog, database, announce, reach)
        self._isolation = Isolation(
            database=database,
            pending=backlog.pending,
            decisions=decisions,
            settings=settings,
            coalesce=self._coalesced,
            settle=settlement.settle,
            closing=lambda: self._closing,
            reach=reach,
        )
        self._settings = settings
        self.coalesce = coalesce
        self._announce = announce
        self._redelivery = settlement.redelivery
        self._thread = threading.Thread(target=self._live, name="flush-worker", daemon=True)
        self._word = "idle"
        self._health = Health.UP
        self._in_flight = 0
        self._restarts = 0
        self._failures = 0
        self._last_error = ""
        self._read_at = self._decided_at = 0.0
        self._stepping = False

    @property
    def unread(self) -> int:
        """How many events of the log it has not read yet."""
        return self._backlog.unread(self._delivered_seq)

    @property
    def in_flight(self) -> int:
        """How many events are being flushed or decided."""
        return self._in_flight + self._isolation.deciding

    @property
    def in_flight_through(self) -> int:
        """The seq of the last event that the log has delivered; 0 when none is in flight."""
        return self._isolation.delivered_through if self.in_flight else 0

    def wait_until_flushed(self, seconds: float) -> bool:
        """Wait for at most ``seconds`` until nothing is pending and nothing waits in the log;
        return whether that is so."""
        return self._pending.wait_until_empty(seconds) and not self._backlog.waiting

    def remainder(self, seconds: float | None) -> str:
        """Say what waits after a drain of ``seconds``; empty when nothing does."""
        return self._backlog.remainder(seconds)

    def start(self) -> None:
        """Begin to flush."""
        self._thread.start()

    def close(self) -> None:
        """Finish the batch in hand and end."""
        self._end()
        if self._thread.is_alive():
            self._thread.join()

    def state(self) -> WorkerState:
        """Return how the worker is."""
        # Whoever is paused does not try, so an error of before says nothing about now.
        paused = self._paused and not self._hurry
        return WorkerState(
            health=Health.UP if paused else self._health,
            word="paused" if paused else self._word,
            paused=paused,
            batch_events=self.batch_events,
            batch_age_seconds=self.batch_age_seconds,
            batches=self._settlement.batches,
            events=self._settlement.events,
            rows=self._settlement.rows,
            redelivered=self._settlement.redelivered,
            restarts=self._restarts,
            last_error="" if paused else self._last_error,
        )

    def _live(self) -> None:
        while not self._closing:
            try:
                self._work()
            except ComponentCrash as crash:
                self._restarts += 1
                self._redelivery.crashed(str(crash), self._delivered_again_through())
                self._failed(f"crashed at {crash}", "crashed", Health.DOWN)
                self._announce(EventCode.WORKER_CRASHED, point=str(crash), in_flight=self.in_flight)
                self._back_off()
                self._announce(EventCode.WORKER_RESTARTED)
            except Exception as error:  # noqa: BLE001 - it outlives whatever a flush raises
                if self._last_error != str(error):
                    self._announce(EventCode.WORKER_CANNOT_FLUSH, error=str(error))
                self._failed(str(error), "retrying", Health.DEGRADED)
                self._back_off()
            # Whoever comes after a failure knows nothing: it starts from the files.
            self._in_flight = 0
            self._isolation.forget()
            self._read_again()

    def _work(self) -> None:
        while self._wait_for_batch():
            events = self._read()
            self._read_at = time.monotonic()
            if not events or self._settlement.batches % _BATCHES_PER_TRIM == 0:
                self._trimmer.trim(events)
            if not events and self._log.failed and self._backlog.waiting:
                # The commit of an ack failed, and what it acked may be gone.
                raise Unavailable("the write-behind log is to be mended")
            if events:
                self._word = "flushing"
                self._flush(events)
                if (again := self._redelivery.flushed(events)) is not None:
                    self._announce(
                        EventCode.WORKER_REDELIVERED,
                        point=again.point,
                        events=again.events,
                        already_applied=again.already_applied,
                    )
            if blocked := not self._isolation.idle:
                self._decide()
            if self._isolation.idle:
                if events or blocked:
                    self._succeeded()
                else:
                    self._word = "idle"
            # Not before: after a flush that failed it is urgent still.
            self._pending.urgent = False

    def _read(self) -> tuple[WriteEvent, ...]:
        """Return what comes next; nothing that is not pending yet."""
        events = self._log.read(
            self._delivered_seq, self._backlog.published_seq, self._most_at_once()
        )
        if events:
            self._delivered_seq = events[-1].seq
        return events

    def _read_again(self) -> None:
        """Begin with the oldest event that was not acked: at-least-once delivery."""
        self._delivered_seq = 0

    def _most_at_once(self) -> int:
        """Return how many events are flushed together: a batch; more if somebody waits for all of
        them, who is served sooner by few large commits, in which a key is written once. (Not too
        many: a write-through waits for the commit in hand.)"""
        if not self._hurry:
            return self.batch_events
        return max(
            self.batch_events, min(self.batch_events * _BATCHES_IN_A_HURRY, _MOST_IN_A_HURRY)
        )

    def _wait_for_batch(self) -> bool:
        """Wait until a batch is due; return False when the worker is to end."""
        while True:
            # Cleared before looking: whatever changes from here on sets it again.
            self._backlog.grown.clear()
            if self._closing:
                return False
            seconds = self._due_in()
            if seconds <= 0:
                return True
            if not self._backlog.grown.wait(seconds) and seconds == _IDLE_SECONDS:
                return True

    def _due_in(self) -> float:
        """Return in how many seconds something is due, if nothing changes meanwhile."""
        with self._lock:
            if self._steps:
                self._steps -= 1
                self._stepping = True
                self._isolation.hasten()
                return 0.0
            self._stepping = False
            if self._paused and not self._hurry:
                return _PAUSED_SECONDS
        if self._pending.urgent:
            return 0.0
        due_in = self._isolation.due_in()
        idle_seconds = _IDLE_SECONDS if due_in is None else due_in
        self._backlog.wake_at(1, self._delivered_seq)
        unread = self.unread
        if not unread:
            return idle_seconds
        self._backlog.wake_at(self.batch_events, self._delivered_seq)
        if self._hurry or unread >= self.batch_events:
            return 0.0
        age = time.monotonic() - self._read_at
        if self._isolation.idle:
            age = self._backlog.oldest_seconds
        return min(idle_seconds, self.batch_age_seconds - age)

    def _flush(self, events: Sequence[WriteEvent]) -> None:
        through_seq = events[-1].seq
        self._isolation.delivered_through = through_seq
        self._in_flight = len(events)
        self._reach("worker.read.after")
        if self._isolation.idle:
            try:
                self._apply(events, through_seq)
            except Exception as error:
                if not isinstance(error, _Refused) and not is_refusal(error):
                    raise
            else:
                self._ack(through_seq)
                self._in_flight = 0
                return
        self._isolation.apply(events)
        self._ack_decided()
        self._in_flight = 0

    def _decide(self) -> None:
        """Try again what is blocked and due, unless it is the turn of what is to be read."""
        now = time.monotonic()
        much_to_read = self.unread >= self.batch_events
        if much_to_read and now < self._decided_at + _READING_SECONDS and not self._stepping:
            return
        self._isolation.decide(math.inf if self._stepping else now + _DECIDING_SECONDS)
        self._decided_at = time.monotonic()
        self._ack_decided()
        if (trouble := self._isolation.trouble()) is not None:
            self._complain(trouble)

    def _apply(self, events: Sequence[WriteEvent], through_seq: int) -> None:
        """Bring ``events`` to their rows in one transaction, and settle them.

        Args:
            events: in seq order.
            through_seq: what to note as the newest seq of the log that is applied.

        Raises:
            _Refused: some can be applied to no value, or are dead letters.
        """
        began = time.monotonic()
        keys = list({event.key for event in events})
        with self._database.transaction(began + LOCK_SECONDS) as transaction:
            self._reach("worker.apply.begin")
            coalesced = self.coalesce(transaction.rows(keys), events)
            if coalesced.refused or transaction.dead_between(events[0].seq, events[-1].seq):
                raise _Refused
            self._reach("worker.coalesce.after")
            first, second = _halves(coalesced.rows)
            transaction.write(first)
            self._reach("worker.apply.mid_batch")
            transaction.write(second)
            transaction.note("log_seq", through_seq)
            self._reach("worker.apply.before_commit")
        self._reach("worker.apply.after_commit")
        self._settlement.settle(events, coalesced, set(), time.monotonic() - began)
        self._reach("worker.settle.after")

    def _coalesced(self, rows: Mapping[bytes, Entry], events: Sequence[WriteEvent]) -> Coalesced:
        """As ``coalesce``, whatever that is by now: a switch may turn it."""
        return self.coalesce(rows, events)

    def _ack(self, through_seq: int) -> None:
        self._reach("worker.ack.before")
        self._backlog.acked(self._log.ack(through_seq))
        self._reach("worker.ack.after")

    def _ack_decided(self) -> None:
        """Ack the log as far as all of it is decided, and note here that it is."""
        trouble = self._isolation.trouble()
        through_seq = self._isolation.delivered_through if trouble is None else trouble.seq - 1
        through_seq = self._log.ackable(through_seq)
        if not through_seq:
            return
        with self._database.transaction(time.monotonic() + LOCK_SECONDS) as transaction:
            transaction.note("log_seq", through_seq)
            transaction.forget_attempts(through_seq)
        self._ack(through_seq)

    def _delivered_again_through(self) -> int:
        """Return up to which seq the log will deliver again what it has delivered; 0: nothing."""
        through_seq = self._isolation.delivered_through
        return through_seq if self._backlog.acked_through < through_seq else 0

    def _complain(self, trouble: Trouble) -> None:
        if self._last_error != trouble.reason:
            self._announce(
                EventCode.DATABASE_REFUSED,
                seq=trouble.seq,
                reason=trouble.reason,
                max_attempts=self._settings.max_attempts,
            )
        self._failed(trouble.reason, "retrying", Health.DEGRADED)

    def _succeeded(self) -> None:
        if self._failures:
            self._announce(EventCode.WORKER_FLUSHES_AGAIN)
        self._failures, self._last_error, self._health = 0, "", Health.UP
        self._word = "idle"

    def _failed(self, error: str, word: str, health: Health) -> None:
        self._failures += 1
        self._last_error, self._word, self._health = error, word, health

    def _back_off(self) -> None:
        """Wait: doubled with each failure in a row, with jitter so as not to beat in step."""
        seconds = retry_seconds(self._settings, self._failures) * jitter()
        with self._lock:
            self._steered.wait_for(lambda: self._closing, seconds)


def _halves(rows: dict[bytes, Entry]) -> tuple[dict[bytes, Entry], dict[bytes, Entry]]:
    items = list(rows.items())
    middle = (len(items) + 1) // 2
    return dict(items[:middle]), dict(items[middle:])
