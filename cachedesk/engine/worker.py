"""The flush worker: it brings what is in the log to the database, batch by batch.

    read a batch → coalesce per key → one transaction (rows, dead letters, what was applied) → ack

It dies anywhere without harm: before the commit nothing has changed; after it the rows hold the
events' seqs, so the next delivery of the batch changes nothing (promise 2).

While the database is locked, full or gone it tries for ever and gives nothing up. A batch that
the database refuses is decided event by event (see ``isolation``); until the last of it is, the
worker goes on reading further, and acks the log as far as all is decided.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

from cachedesk.engine.clock import wall_seconds
from cachedesk.engine.errors import DatabaseRefused, Unavailable
from cachedesk.engine.events import Coalesced, Row, WriteEvent, coalesce
from cachedesk.engine.failpoints import ComponentCrash
from cachedesk.engine.isolation import LOCK_SECONDS, Isolation, Suspicious, Trouble
from cachedesk.engine.log import Batch
from cachedesk.engine.metrics import runs
from cachedesk.engine.parts import Parts
from cachedesk.engine.redelivery import Redelivery
from cachedesk.engine.refusal import is_refusal
from cachedesk.engine.snapshot import EventKind, Health, WorkerState
from cachedesk.engine.steering import Steered

_IDLE_SECONDS = 60.0
_PAUSED_SECONDS = 3600.0
_BATCHES_PER_TRIM = 50
_BATCHES_AHEAD = 16
_BATCHES_IN_A_HURRY = 8
_MOST_IN_A_HURRY = 8_000
_MOST_LETTERS_TOLD = 5
_NEVER = 2**63 - 1


class FlushWorker(Steered):
    """One thread that flushes; restarted with back-off when it crashes."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.settings.worker, parts.log.grown)
        self._log = parts.log
        self._pending = parts.pending
        self._database = parts.database
        self._reach = parts.failpoints.reach
        self._isolation = Isolation(parts, self._apply, self._settle, lambda: self._closing)
        self._metrics = parts.metrics
        self._settings = parts.settings.worker
        self._observer = parts.observer
        self._journal = parts.journal
        self.coalesce = coalesce
        self._announce = parts.chronicle.say
        self._redelivery = Redelivery()
        self._opened_at = wall_seconds()
        self._thread = threading.Thread(target=self._live, name="flush-worker", daemon=True)
        self._word = "idle"
        self._health = Health.UP
        self._in_flight = self._in_flight_through = 0
        self._batches = 0
        self._redelivered = 0
        self._restarts = 0
        self._failures = 0
        self._last_error = ""
        self._trouble: Trouble | None = None
        self._batches_ahead = 1
        self._retry_at = self._passed_at = 0.0
        self._seen = 0
        self._cannot_trim = ""

    @property
    def in_flight(self) -> int:
        """How many events are in the batch that is being flushed."""
        return self._in_flight

    @property
    def in_flight_through(self) -> int:
        """The seq of the last event in the batch that is being flushed; 0 when there is none."""
        return self._in_flight_through if self._in_flight else 0

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
            batches=self._batches,
            events=self._metrics.counted("applied"),
            rows=self._metrics.counted("rows"),
            redelivered=self._redelivered,
            restarts=self._restarts,
            last_error="" if paused else self._last_error,
        )

    def _live(self) -> None:
        while not self._closing:
            try:
                self._work()
            except ComponentCrash as crash:
                self._restarts += 1
                self._redelivery.crashed(str(crash), self.in_flight_through)
                self._failed(f"crashed at {crash}", "crashed", Health.DOWN)
                self._announce(
                    EventKind.ERROR,
                    f"the worker crashed at {crash} with {self._in_flight:,} events in flight;"
                    " they are still in the log",
                )
                self._back_off()
                self._announce(EventKind.RECOVERY, "the worker is started again")
            except Exception as error:  # noqa: BLE001 - it outlives whatever a flush raises
                if self._last_error != str(error):
                    self._announce(EventKind.ERROR, f"the worker cannot flush: {error}")
                self._failed(str(error), "retrying", Health.DEGRADED)
                self._back_off()
            # Whoever comes after a failure knows nothing: it starts from the files.
            self._in_flight = 0
            self._trouble, self._retry_at = None, 0.0
            self._isolation.forget()
            self._log.rewind()

    def _work(self) -> None:
        while self._wait_for_batch():
            batch = self._log.read(self._most_at_once())
            if not batch.events or self._batches % _BATCHES_PER_TRIM == 0:
                self._trim(batch)
            if not batch.events and self._log.failed and self._log.waiting:
                # The commit of an ack failed, and what it acked may be gone.
                raise Unavailable("the write-behind log is to be mended")
            if batch.events:
                self._word = "flushing"
                self._flush(batch)
                if said := self._redelivery.flushed(batch.events):
                    self._announce(EventKind.RECOVERY, said)
                if self._trouble is None:
                    self._succeeded()
            elif self._trouble is None:
                self._word = "idle"
            # Not before: after a flush that failed it is urgent still.
            self._pending.urgent = False

    def _most_at_once(self) -> int:
        """Return how many events are flushed together: a batch, or as far as it looks ahead; more
        if somebody waits for all of them, who is served sooner by few large commits, in which a
        key is written once. (Not too many: a write-through waits for the commit in hand.)"""
        usual = self.batch_events * self._batches_ahead
        if not self._hurry:
            return usual
        return max(usual, min(self.batch_events * _BATCHES_IN_A_HURRY, _MOST_IN_A_HURRY))

    def _wait_for_batch(self) -> bool:
        """Wait until a batch is due; return False when the worker is to end."""
        while True:
            # Cleared before looking: whatever changes from here on sets it again.
            self._log.grown.clear()
            if self._closing:
                return False
            seconds = self._due_in()
            if seconds <= 0:
                return True
            if not self._log.grown.wait(seconds) and seconds == _IDLE_SECONDS:
                return True

    def _due_in(self) -> float:
        """Return in how many seconds a batch is due, if nothing changes meanwhile."""
        with self._lock:
            if self._steps:
                self._steps -= 1
                self._retry_at = 0.0
                return 0.0
            if self._paused and not self._hurry:
                return _PAUSED_SECONDS
        if self._trouble is not None:
            return self._pass_due_in()
        if self._pending.urgent:
            return 0.0
        self._log.grown_at = 1
        if not self._log.waiting:
            return _IDLE_SECONDS
        self._log.grown_at = self.batch_events
        if self._hurry or self._log.waiting >= self.batch_events:
            return 0.0
        return self.batch_age_seconds - self._log.oldest_seconds

    def _pass_due_in(self) -> float:
        """As ``_due_in``, while an event waits for its next attempt: that, or others behind it."""
        now = time.monotonic()
        again = self._retry_at - now
        self._log.grown_at = self._seen + 1
        if self._log.waiting <= self._seen:
            return again
        self._log.grown_at = _NEVER
        return min(again, self._passed_at + self.batch_age_seconds - now)

    def _flush(self, batch: Batch) -> None:
        self._in_flight_through = batch.events[-1].seq
        self._in_flight = len(batch.events)
        self._reach("worker.read.after")
        if self._trouble is None:
            try:
                self._apply(batch.events, through_seq=batch.events[-1].seq)
            except Exception as error:
                if not is_refusal(error):
                    raise
            else:
                self._ack(batch)
                return
        self._decide(batch)

    def _decide(self, batch: Batch) -> None:
        """Decide what can be decided of a batch that is refused as a whole."""
        again = time.monotonic() >= self._retry_at
        judge = self._isolation.decide if again else self._isolation.pass_by
        self._trouble = judge(batch.events)
        self._passed_at = time.monotonic()
        if self._trouble is None:
            self._ack_decided(batch)
            self._batches_ahead, self._retry_at = 1, 0.0
            self._isolation.forget()
            return
        retry_at = self._passed_at + self._wait_seconds(self._trouble.attempts)
        self._retry_at = retry_at if again else min(self._retry_at, retry_at)
        self._seen = len(batch.events) - self._ack_until(self._trouble.seq)
        # From now on it looks further ahead in the log, for the others.
        self._batches_ahead = _BATCHES_AHEAD
        self._complain(self._trouble)

    def _apply(self, events: Sequence[WriteEvent], through_seq: int | None = None) -> None:
        """Bring ``events`` to their rows in one transaction, and settle them.

        Args:
            events: in seq order.
            through_seq: what to note as the newest seq of the log that is applied.

        Raises:
            Suspicious: some are refused or dead: their keys must be held to decide them.
        """
        began = time.monotonic()
        keys = list({event.key for event in events})
        with self._database.transaction(began + LOCK_SECONDS) as transaction:
            self._reach("worker.apply.begin")
            coalesced = self.coalesce(transaction.rows(keys), events)
            dead = transaction.dead_between(events[0].seq, events[-1].seq)
            if suspects := {event.key for event, _ in coalesced.refused} | {
                event.key for event in events if event.seq in dead
            }:
                raise Suspicious(suspects)
            self._reach("worker.coalesce.after")
            first, second = _halves(coalesced.rows)
            transaction.write(first)
            self._reach("worker.apply.mid_batch")
            transaction.write(second)
            if through_seq is not None:
                transaction.note("log_seq", through_seq)
            self._reach("worker.apply.before_commit")
        self._reach("worker.apply.after_commit")
        self._settle(events, coalesced, set(), time.monotonic() - began)
        self._reach("worker.settle.after")

    def _ack(self, batch: Batch) -> None:
        self._reach("worker.ack.before")
        self._log.ack(batch)
        self._reach("worker.ack.after")
        self._in_flight = 0

    def _ack_decided(self, batch: Batch) -> None:
        """Ack a batch of which not all was applied: it is noted here that all is decided."""
        through_seq = batch.events[-1].seq
        with self._database.transaction(time.monotonic() + LOCK_SECONDS) as transaction:
            transaction.note("log_seq", through_seq)
            transaction.forget_attempts(through_seq)
        self._ack(batch)
        self._isolation.acked(through_seq)

    def _ack_until(self, seq: int) -> int:
        """Ack the records before the one with the event ``seq``, and go back to that one;
        return how many events they hold."""
        self._log.rewind()
        decided = 0
        while (record := self._log.read(1)).events and record.events[-1].seq < seq:
            decided += len(record.events)
        self._log.rewind()
        if decided:
            self._ack_decided(self._log.read(decided))
        return decided

    def _complain(self, trouble: Trouble) -> None:
        if self._last_error != trouble.reason:
            self._announce(
                EventKind.ERROR,
                f"the database refuses event {trouble.seq}: {trouble.reason}; the other keys go"
                f" on, it is tried {self._settings.max_attempts} times",
            )
        self._failed(trouble.reason, "retrying", Health.DEGRADED)

    def _trim(self, batch: Batch) -> None:
        through_seq = self._log.acked_through
        if batch.events:
            # The log may have let go of it meanwhile: an ack that had failed may have happened.
            through_seq = min(through_seq, batch.events[0].seq - 1)
        self._reach("worker.trim.before")
        try:
            self._database.trim(through_seq, time.monotonic() + LOCK_SECONDS)
        except DatabaseRefused as error:
            # A trigger that forbids deleting costs room; it must not stop the flushing.
            if self._cannot_trim != str(error):
                self._announce(EventKind.ERROR, f"deleted keys cannot be trimmed: {error}")
            self._cannot_trim = str(error)
        self._reach("worker.trim.after")

    def _settle(
        self, events: Sequence[WriteEvent], coalesced: Coalesced, dead: set[int], seconds: float
    ) -> None:
        self._observer.applied(coalesced.applied)
        self._journal.applied(coalesced.applied + coalesced.repeated)
        self._pending.settle(events, dead)
        self._batches += 1
        self._redelivered += len(coalesced.repeated)
        self._redelivery.repeated(coalesced.repeated)
        now = wall_seconds()
        # The time that passed while nobody was there is not the pipeline's.
        lags = runs(event.at for event in coalesced.applied if event.at >= self._opened_at)
        self._metrics.flushed(
            seconds,
            len(coalesced.applied),
            len(coalesced.rows),
            [(max(0.0, now - at), count) for at, count in lags],
        )
        for event, reason in coalesced.refused[:_MOST_LETTERS_TOLD]:
            self._announce(EventKind.ERROR, f"event {event.seq} is a dead letter: {reason}")
        if (more := len(coalesced.refused) - _MOST_LETTERS_TOLD) > 0:
            self._announce(EventKind.ERROR, f"{more:,} more events of the key are dead letters")

    def _succeeded(self) -> None:
        if self._failures:
            self._announce(EventKind.HEALED, "the worker flushes again")
        self._failures, self._last_error, self._health = 0, "", Health.UP
        self._word = "idle"

    def _failed(self, error: str, word: str, health: Health) -> None:
        self._failures += 1
        self._last_error, self._word, self._health = error, word, health

    def _back_off(self) -> None:
        """Wait: doubled with each failure in a row, with jitter so as not to beat in step."""
        seconds = self._wait_seconds(self._failures)
        with self._lock:
            self._steered.wait_for(lambda: self._closing, seconds)

    def _wait_seconds(self, failures: int) -> float:
        settings = self._settings
        seconds = settings.retry_seconds * 2.0 ** min(failures - 1, 20) if failures else 0.0
        return min(seconds, settings.retry_max_seconds) * random.uniform(0.75, 1.25)


def _halves(rows: dict[bytes, Row]) -> tuple[dict[bytes, Row], dict[bytes, Row]]:
    items = list(rows.items())
    middle = (len(items) + 1) // 2
    return dict(items[:middle]), dict(items[middle:])
