"""The flush worker: one thread that decides when to flush, and what follows a failure.

While the database is locked, full or gone it retries forever, with back-off, and discards nothing.
It alternates between reading new events and deciding blocked ones. The flusher does the flushing
(see ``local_flusher``).
"""

from __future__ import annotations

import math
import threading
import time

from cachedesk.core.engine_event import EventCode
from cachedesk.core.failpoints import ComponentCrash
from cachedesk.core.recorder import Announce
from cachedesk.core.settings import WorkerSettings
from cachedesk.core.snapshot import Health, WorkerState
from cachedesk.core.truth import Flusher, Trouble
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.poison.isolation import jitter, retry_seconds
from cachedesk.engine.settlement import Settlement
from cachedesk.engine.worker_controls import WorkerControls

_IDLE_SECONDS = 60.0
_PAUSED_SECONDS = 3600.0
# While there is more to read, the worker alternates between reading and deciding blocked events.
_READING_SECONDS = 0.4
_DECIDING_SECONDS = 0.1


class FlushWorker:
    """One thread that drives a flusher; it restarts after a crash, with back-off."""

    def __init__(
        self,
        *,
        flusher: Flusher,
        controls: WorkerControls,
        backlog: Backlog,
        settlement: Settlement,
        settings: WorkerSettings,
        announce: Announce,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            flusher: flushes a batch to the database.
            controls: the requests of other threads: pause, step, expedite, batch size.
            backlog: the age of the oldest event, and the wakeup for new ones.
            settlement: the counts of flushed events.
            settings: the back-off after failures.
            announce: called when a rare event happens.
        """
        self.flusher = flusher
        self.controls = controls
        self._backlog = backlog
        self._pending = backlog.pending
        self._settlement = settlement
        self._settings = settings
        self._announce = announce
        self._thread = threading.Thread(target=self._run, name="flush-worker", daemon=True)
        self._word = "idle"
        self._health = Health.UP
        self._restarts = 0
        self._failures = 0
        self._last_error = ""
        self._read_at = self._decided_at = 0.0
        self._stepping = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Finish the current batch and end the thread."""
        self.controls.end()
        if self._thread.is_alive():
            self._thread.join()

    def state(self) -> WorkerState:
        """Return the state of the worker, for a snapshot."""
        # A paused worker does not try to flush, so an earlier error is not its present state.
        paused = self.controls.paused
        return WorkerState(
            health=Health.UP if paused else self._health,
            word="paused" if paused else self._word,
            paused=paused,
            batch_events=self.controls.batch_events,
            batch_age_seconds=self.controls.batch_age_seconds,
            batches=self._settlement.batches,
            events=self._settlement.events,
            rows=self._settlement.rows,
            redelivered=self._settlement.redelivered,
            purged=self._settlement.purged,
            restarts=self._restarts,
            last_error="" if paused else self._last_error,
        )

    def _run(self) -> None:
        while not self.controls.closing:
            try:
                self._work()
            except ComponentCrash as crash:
                self._restarts += 1
                self.flusher.crashed(str(crash))
                self._failed(f"crashed at {crash}", "crashed", Health.DOWN)
                in_flight = self.flusher.in_flight
                self._announce(EventCode.WORKER_CRASHED, point=str(crash), in_flight=in_flight)
                self._back_off()
                self._announce(EventCode.WORKER_RESTARTED)
            except Exception as error:  # noqa: BLE001 - no error of a flush may end the worker
                if self._last_error != str(error):
                    self._announce(EventCode.WORKER_CANNOT_FLUSH, error=str(error))
                self._failed(str(error), "retrying", Health.DEGRADED)
                self._back_off()
            # As after a restart, the worker relies on the files alone.
            self.flusher.start_over()

    def _work(self) -> None:
        while self._wait_for_batch():
            events = self.flusher.read(self.controls.batch_limit)
            self._read_at = time.monotonic()
            if events:
                self._word = "flushing"
            self.flusher.flush(events)
            if blocked := self.flusher.blocked:
                self._decide()
            if not self.flusher.blocked:
                if events or blocked:
                    self._succeeded()
                else:
                    self._word = "idle"
            # Only here: after a failed flush the decision is still to be made.
            self._pending.decision_requested = False

    def _wait_for_batch(self) -> bool:
        """Wait until a batch is due; return False if the worker must end."""
        idle_at = time.monotonic() + _IDLE_SECONDS
        while True:
            # Cleared before the check: any later change sets it again.
            self._backlog.grown.clear()
            if self.controls.closing:
                return False
            seconds = self._due_in()
            if seconds <= 0:
                return True
            tidy_in = _PAUSED_SECONDS if self.controls.paused else self.flusher.tidy()
            if self._backlog.grown.wait(min(seconds, tidy_in)):
                idle_at = time.monotonic() + _IDLE_SECONDS
            elif seconds == _IDLE_SECONDS and time.monotonic() >= idle_at:
                return True

    def _due_in(self) -> float:
        """Return in how many seconds a flush is due if nothing changes meanwhile."""
        controls, flusher = self.controls, self.flusher
        self._stepping = controls.take_step()
        if self._stepping:
            flusher.decide_all_now()
            return 0.0
        if controls.paused:
            return _PAUSED_SECONDS
        if self._pending.decision_requested:
            return 0.0
        due_in = flusher.due_in()
        idle_seconds = _IDLE_SECONDS if due_in is None else due_in
        flusher.wake_at(1)
        unread = flusher.unread
        if not unread:
            return idle_seconds
        flusher.wake_at(controls.batch_events)
        if controls.expedited or unread >= controls.batch_events:
            return 0.0
        blocked = flusher.blocked
        age = time.monotonic() - self._read_at if blocked else self._backlog.oldest_seconds
        return min(idle_seconds, controls.batch_age_seconds - age)

    def _decide(self) -> None:
        """Decide the blocked events that are due, unless new events must be read first."""
        now = time.monotonic()
        much_to_read = self.flusher.unread >= self.controls.batch_events
        if much_to_read and now < self._decided_at + _READING_SECONDS and not self._stepping:
            return
        trouble = self.flusher.decide(math.inf if self._stepping else now + _DECIDING_SECONDS)
        self._decided_at = time.monotonic()
        if trouble is not None:
            self._refused(trouble)

    def _refused(self, trouble: Trouble) -> None:
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
        """Wait before a retry: twice as long after each failure in a row, with jitter so that
        retries do not synchronize."""
        self.controls.wait_for_end(retry_seconds(self._settings, self._failures) * jitter())
