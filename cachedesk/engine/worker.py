"""The flush worker: it brings what is in the log to the database, batch by batch.

    read a batch → coalesce per key → one transaction (rows, dead letters, what was applied) → ack

It dies anywhere without harm: before the commit nothing has changed; after it the rows hold the
events' seqs, so the next delivery of the batch changes nothing (promise 2).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cachedesk.engine.errors import ConfigError
from cachedesk.engine.events import Coalesced, Row, coalesce
from cachedesk.engine.failpoints import ComponentCrash, reach
from cachedesk.engine.log import Batch
from cachedesk.engine.metrics import runs
from cachedesk.engine.parts import Parts
from cachedesk.engine.snapshot import EventKind, Health, WorkerState

_LOCK_SECONDS = 1.0
_IDLE_SECONDS = 60.0
_PAUSED_SECONDS = 3600.0
_BATCHES_PER_TRIM = 50


class FlushWorker:
    """One thread that flushes; restarted with back-off when it crashes."""

    def __init__(self, parts: Parts) -> None:
        self._log = parts.log
        self._pending = parts.pending
        self._database = parts.database
        self._cache = parts.cache
        self._metrics = parts.metrics
        self._settings = parts.settings.worker
        self._observer = parts.observer
        self._announce = parts.chronicle.say
        self.batch_events = self._settings.batch_events
        self.batch_age_seconds = self._settings.batch_age_seconds
        self._opened_at = time.time()
        self._thread = threading.Thread(target=self._live, name="flush-worker", daemon=True)
        self._lock = threading.Lock()
        self._steered = threading.Condition(self._lock)
        self._closing = False
        self._paused = False
        self._steps = 0
        self._hurry = 0
        self._word = "idle"
        self._health = Health.UP
        self._in_flight = 0
        self._batches = 0
        self._redelivered = 0
        self._restarts = 0
        self._failures = 0
        self._last_error = ""

    @property
    def in_flight(self) -> int:
        """How many events are in the batch that is being flushed."""
        return self._in_flight

    def start(self) -> None:
        """Begin to flush."""
        self._thread.start()

    def pause(self) -> None:
        """Finish the batch in hand and flush no more until ``resume`` or ``step``."""
        self._steer(paused=True)

    def resume(self) -> None:
        """Flush again."""
        self._steer(paused=False)

    def step(self) -> None:
        """Flush one batch, now, even while paused."""
        self._steer(steps=1)

    def set_batch(self, events: int | None = None, age_seconds: float | None = None) -> None:
        """Change the size or the age at which a batch is flushed; takes effect at once.

        Raises:
            ConfigError: ``events`` is not 1 to 1,000,000, or ``age_seconds`` not 0 to 3,600.
        """
        if events is not None and not 1 <= events <= 1_000_000:
            raise ConfigError(f"a batch is 1 to 1,000,000 events, not {events}")
        if age_seconds is not None and not 0 <= age_seconds <= 3600:
            raise ConfigError(f"a batch's age is 0 to 3,600 seconds, not {age_seconds}")
        if events is not None:
            self.batch_events = events
        if age_seconds is not None:
            self.batch_age_seconds = age_seconds
        self._steer()

    @contextmanager
    def hurrying(self) -> Iterator[None]:
        """Flush whatever there is without waiting for a batch to fill, even while paused."""
        self._steer(hurry=1)
        try:
            yield
        finally:
            self._steer(hurry=-1)

    def close(self) -> None:
        """Finish the batch in hand and end."""
        self._closing = True
        self._steer()
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

    def _steer(self, paused: bool | None = None, steps: int = 0, hurry: int = 0) -> None:
        with self._lock:
            self._paused = self._paused if paused is None else paused
            self._steps += steps
            self._hurry += hurry
            self._steered.notify_all()
        self._log.grown.set()

    def _live(self) -> None:
        while not self._closing:
            try:
                self._work()
            except ComponentCrash as crash:
                self._restarts += 1
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
            self._log.rewind()

    def _work(self) -> None:
        while self._wait_for_batch():
            batch = self._log.read(self.batch_events)
            if not batch.events or self._batches % _BATCHES_PER_TRIM == 0:
                self._trim()
            if batch.events:
                self._word = "flushing"
                self._flush(batch)
                if self._failures:
                    self._announce(EventKind.HEALED, "the worker flushes again")
                self._failures, self._last_error, self._health = 0, "", Health.UP
            self._word = "idle"

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
                return 0.0
            if self._paused and not self._hurry:
                return _PAUSED_SECONDS
        self._log.grown_at = 1
        if not self._log.waiting:
            return _IDLE_SECONDS
        self._log.grown_at = self.batch_events
        if self._hurry or self._log.waiting >= self.batch_events:
            return 0.0
        return self.batch_age_seconds - self._log.oldest_seconds

    def _flush(self, batch: Batch) -> None:
        began = time.monotonic()
        self._in_flight = len(batch.events)
        reach("worker.read.after")
        keys = list({event.key for event in batch.events})
        with self._database.transaction(began + _LOCK_SECONDS) as transaction:
            reach("worker.apply.begin")
            coalesced = coalesce(transaction.rows(keys), batch.events)
            reach("worker.coalesce.after")
            first, second = _halves(coalesced.rows)
            transaction.write(first)
            reach("worker.apply.mid_batch")
            transaction.write(second)
            transaction.bury(coalesced.refused)
            transaction.note("log_seq", batch.events[-1].seq)
            dead = transaction.dead_between(batch.events[0].seq, batch.events[-1].seq)
            reach("worker.apply.before_commit")
        reach("worker.apply.after_commit")
        self._settle(batch, coalesced, dead, time.monotonic() - began)
        reach("worker.settle.after")
        reach("worker.ack.before")
        self._log.ack(batch)
        reach("worker.ack.after")
        self._in_flight = 0

    def _trim(self) -> None:
        reach("worker.trim.before")
        self._database.trim(self._log.acked_through, time.monotonic() + _LOCK_SECONDS)
        reach("worker.trim.after")

    def _settle(self, batch: Batch, coalesced: Coalesced, dead: set[int], seconds: float) -> None:
        self._observer.applied(coalesced.applied)
        self._pending.settle(batch.events, dead)
        self._batches += 1
        self._redelivered += len(coalesced.repeated)
        now = time.time()
        # The time that passed while nobody was there is not the pipeline's.
        lags = runs(event.at for event in coalesced.applied if event.at >= self._opened_at)
        self._metrics.flushed(
            seconds,
            len(coalesced.applied),
            len(coalesced.rows),
            [(max(0.0, now - at), count) for at, count in lags],
        )
        if dead:
            # Redis was given what they would have come to.
            keys = {event.key for event in batch.events if event.seq in dead}
            self._cache.doubt(keys, "an event became a dead letter")
            for event, reason in coalesced.refused:
                self._announce(EventKind.ERROR, f"event {event.seq} is a dead letter: {reason}")

    def _failed(self, error: str, word: str, health: Health) -> None:
        self._failures += 1
        self._last_error, self._word, self._health = error, word, health

    def _back_off(self) -> None:
        """Wait: doubled with each failure in a row, with jitter so as not to beat in step."""
        settings = self._settings
        seconds = min(
            settings.retry_seconds * 2 ** min(self._failures - 1, 20), settings.retry_max_seconds
        )
        with self._lock:
            self._steered.wait_for(lambda: self._closing, seconds * random.uniform(0.75, 1.25))


def _halves(rows: dict[bytes, Row]) -> tuple[dict[bytes, Row], dict[bytes, Row]]:
    items = list(rows.items())
    middle = (len(items) + 1) // 2
    return dict(items[:middle]), dict(items[middle:])
