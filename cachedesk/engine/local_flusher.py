"""The flusher of one process: it flushes events of the log to the database, one batch per call.

    read a batch → coalesce per key → one transaction (rows, dead letters, newest seq) → ack

It may be interrupted anywhere without harm: before the commit nothing has changed; after it the
rows hold the events' seqs, so the next delivery of the batch changes nothing (promise 2).

If the database refuses a batch, the healthy events are applied and the keys of the others are
blocked (see ``isolation``). Later events are read past the blocked ones, and the log is acked up to
the first undecided event. The worker decides when to flush, and what follows a failure (see
``flush_worker``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import Unavailable
from cachedesk.core.events import Coalesced, Entry, WriteEvent
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import EventLog, SystemOfRecord
from cachedesk.core.recorder import Announce
from cachedesk.core.refusals import is_refusal
from cachedesk.core.settings import WorkerSettings
from cachedesk.core.truth import Trouble
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.poison.decisions import LOCK_SECONDS, Decisions
from cachedesk.engine.poison.isolation import Isolation
from cachedesk.engine.purger import Purger
from cachedesk.engine.routes import Fold
from cachedesk.engine.settlement import Settlement
from cachedesk.engine.trimmer import Trimmer

_BATCHES_PER_TRIM = 50


class _Refused(Exception):
    """Some events of a batch cannot be applied to their values, or are dead letters already."""


class LocalFlusher:
    """A ``Flusher`` from a log to a database that no other process uses. Only the worker's thread
    calls its methods; any thread may read its properties."""

    def __init__(
        self,
        *,
        log: EventLog,
        backlog: Backlog,
        database: SystemOfRecord,
        decisions: Decisions,
        settlement: Settlement,
        settings: WorkerSettings,
        fold: Callable[[], Fold],
        closing: Callable[[], bool],
        announce: Announce,
        purger: Purger,
        reach: Reach,
    ) -> None:
        """Prepare to begin with the oldest event of the log.

        Args:
            log: the log to flush.
            backlog: the index of its events.
            database: the system of record.
            decisions: decides the events of blocked keys.
            settlement: called after each commit.
            settings: the retries of refused events.
            fold: returns the function that folds a batch into its rows; called once per batch.
            closing: returns whether the stack is closing; then nothing more is decided.
            announce: called when a rare event happens.
            purger: makes tombstones of expired rows.
            reach: reports that a failpoint is reached.
        """
        self._log = log
        self._backlog = backlog
        self._pending = backlog.pending
        self._database = database
        self._settlement = settlement
        self._redelivery = settlement.redelivery
        self._fold = fold
        self._announce = announce
        self._reach = reach
        self._purger = purger
        self._trimmer = Trimmer(backlog, database, announce, reach)
        self._isolation = Isolation(
            database=database,
            pending=backlog.pending,
            decisions=decisions,
            settings=settings,
            coalesce=self._coalesced,
            settle=settlement.settle,
            closing=closing,
            reach=reach,
        )
        self._delivered_seq = 0
        self._in_flight = 0

    @property
    def unread(self) -> int:
        """How many events of the log were not read yet."""
        return self._backlog.unread(self._delivered_seq)

    @property
    def in_flight(self) -> int:
        """How many events are being flushed or decided."""
        return self._in_flight + self._isolation.deciding

    @property
    def in_flight_through(self) -> int:
        """The seq of the newest event that was read; 0 if none is in flight."""
        return self._isolation.delivered_through if self.in_flight else 0

    @property
    def blocked(self) -> bool:
        """Whether a key is blocked: its events wait for a decision."""
        return not self._isolation.idle

    def read(self, most: int) -> tuple[WriteEvent, ...]:
        """Return the next events of the log in whole records, up to the record that reaches
        ``most``. All of them are pending already."""
        events = self._log.read(self._delivered_seq, self._backlog.published_seq, most)
        if events:
            self._delivered_seq = events[-1].seq
        return events

    def flush(self, events: Sequence[WriteEvent]) -> None:
        """Commit ``events``, which ``read`` has returned, to the database, and ack them.

        Raises:
            DatabaseError, Unavailable: not now; ``start_over``, and read again.
        """
        if not events or self._settlement.batches % _BATCHES_PER_TRIM == 0:
            self._trimmer.trim(events)
        self._settlement.purged += self._purger.purge()
        if events:
            self._flush(events)
            self._purger.expect(events)
            self._report_redelivery(events)
        elif self._log.failed and self._backlog.waiting:
            # The commit of an ack failed: the events may have left the log although they are still
            # counted as waiting.
            raise Unavailable("the write-behind log needs recovery after a failed commit")

    def decide(self, until: float) -> Trouble | None:
        """Try the events of blocked keys that are due.

        Args:
            until: ``time.monotonic()`` seconds after which to begin nothing more.

        Returns:
            Why the oldest undecided event is blocked; ``None`` if all events are decided.

        Raises:
            DatabaseError, Unavailable: not now; ``start_over``, and read again.
        """
        self._isolation.decide(until)
        return self._ack_decided()

    def decide_all_now(self) -> None:
        """Make every blocked key due now."""
        self._isolation.decide_all_now()

    def due_in(self) -> float | None:
        """Return in how many seconds a blocked key is due; ``None`` when none is blocked."""
        return self._isolation.due_in()

    def tidy(self) -> float:
        """Purge what has expired, if that is due; return in how many seconds it is due again."""
        self._settlement.purged += self._purger.purge()
        return self._purger.due_in()

    def wake_at(self, unread: int) -> None:
        """Make the write that makes ``unread`` events unread wake the worker."""
        self._backlog.wake_at(unread, self._delivered_seq)

    def crashed(self, point: str) -> None:
        """Record that a flush was cut off at ``point``, so that its redelivery is reported."""
        through_seq = self._isolation.delivered_through
        again = self._backlog.acked_through < through_seq
        self._redelivery.crashed(point, through_seq if again else 0)

    def start_over(self) -> None:
        """Discard all state about the current batch and continue with the oldest event that was
        not acked: at-least-once delivery."""
        self._in_flight = 0
        self._isolation.reset()
        self._read_again()

    def _read_again(self) -> None:
        self._delivered_seq = 0

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

    def _apply(self, events: Sequence[WriteEvent], through_seq: int) -> None:
        """Apply ``events`` to their rows in one transaction, and settle them.

        Args:
            events: in seq order.
            through_seq: stored as the newest applied seq of the log.

        Raises:
            _Refused: some of them cannot be applied to their values, or are dead letters.
        """
        began = time.monotonic()
        keys = list({event.key for event in events})
        with self._database.transaction(began + LOCK_SECONDS) as transaction:
            self._reach("worker.apply.begin")
            coalesced = self._coalesced(transaction.rows(keys), events)
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
        return self._fold()(rows, events)

    def _ack(self, through_seq: int) -> None:
        self._reach("worker.ack.before")
        self._backlog.acked(self._log.ack(through_seq))
        self._reach("worker.ack.after")

    def _ack_decided(self) -> Trouble | None:
        """Ack the log up to the first undecided event, and store that seq in the database.

        Returns:
            Why that event is blocked. It is not asked for again: if a write-through has taken the
            event along meanwhile, the key would be freed and nothing would ack the rest.
        """
        trouble = self._isolation.trouble()
        through_seq = self._isolation.delivered_through if trouble is None else trouble.seq - 1
        through_seq = self._log.ackable(through_seq)
        if through_seq:
            with self._database.transaction(time.monotonic() + LOCK_SECONDS) as transaction:
                transaction.note("log_seq", through_seq)
                transaction.forget_attempts(through_seq)
            self._ack(through_seq)
        return trouble

    def _report_redelivery(self, events: Sequence[WriteEvent]) -> None:
        if (again := self._redelivery.flushed(events)) is not None:
            self._announce(
                EventCode.WORKER_REDELIVERED,
                point=again.point,
                events=again.events,
                already_applied=again.already_applied,
            )


def _halves(rows: dict[bytes, Entry]) -> tuple[dict[bytes, Entry], dict[bytes, Entry]]:
    items = list(rows.items())
    middle = (len(items) + 1) // 2
    return dict(items[:middle]), dict(items[middle:])
