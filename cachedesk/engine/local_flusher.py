"""The flusher of one process: it brings events of the log to the database, a batch a call.

    read a batch → coalesce per key → one transaction (rows, dead letters, what was applied) → ack

It may be interrupted anywhere without harm: before the commit nothing has changed; after it the
rows hold the events' seqs, so the next delivery of the batch changes nothing (promise 2).

Of a batch that the database refuses, what is healthy is applied and the rest is blocked (see
``isolation``). Reading goes on past all that is blocked, and the log is acked as far as all is
decided. When to flush, and what to do after a failure, is the worker's part (see ``flush_worker``).
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
from cachedesk.engine.routes import Fold
from cachedesk.engine.settlement import Settlement
from cachedesk.engine.trimmer import Trimmer

_BATCHES_PER_TRIM = 50


class _Refused(Exception):
    """Some events of a batch can be applied to no value, or are dead already. Internal."""


class LocalFlusher:
    """A ``Flusher`` from a log to a database that this process alone uses. The worker's thread
    alone calls its methods; any thread may read its properties."""

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
        reach: Reach,
    ) -> None:
        """Begin with the oldest event of the log.

        Args:
            log: what is flushed.
            backlog: what the log holds.
            database: where to.
            decisions: decide the events of keys that are blocked.
            settlement: what follows a commit.
            settings: how often and when what is refused is tried again.
            fold: returns what folds a batch into the rows it meets, looked up once a batch.
            closing: whether to leave undecided what is not decided yet.
            announce: takes an event when something rare happens.
            reach: of the failpoints.
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
        """The seq of the last event that the log has delivered; 0 when none is in flight."""
        return self._isolation.delivered_through if self.in_flight else 0

    @property
    def blocked(self) -> bool:
        """Whether a key is blocked: its events wait for a decision."""
        return not self._isolation.idle

    def read(self, most: int) -> tuple[WriteEvent, ...]:
        """Return the next events of the log, at most ``most``; nothing that is not pending yet."""
        events = self._log.read(self._delivered_seq, self._backlog.published_seq, most)
        if events:
            self._delivered_seq = events[-1].seq
        return events

    def flush(self, events: Sequence[WriteEvent]) -> None:
        """Bring ``events``, which ``read`` has returned, to the database, and ack them.

        Raises:
            DatabaseError, Unavailable: not now; ``start_over``, and read again.
        """
        if not events or self._settlement.batches % _BATCHES_PER_TRIM == 0:
            self._trimmer.trim(events)
        if events:
            self._flush(events)
            self._report_redelivery(events)
        elif self._log.failed and self._backlog.waiting:
            # The commit of an ack failed, and what it acked may be gone.
            raise Unavailable("the write-behind log is to be mended")

    def decide(self, until: float) -> Trouble | None:
        """Try again what is blocked and due.

        Args:
            until: ``time.monotonic()`` seconds after which to begin nothing more.

        Returns:
            What keeps the oldest event that is not decided; ``None`` when all are.

        Raises:
            DatabaseError, Unavailable: not now; ``start_over``, and read again.
        """
        self._isolation.decide(until)
        self._ack_decided()
        return self._isolation.trouble()

    def decide_all_now(self) -> None:
        """Let every blocked key be due."""
        self._isolation.hasten()

    def due_in(self) -> float | None:
        """Return in how many seconds a blocked key is due; ``None`` when none is blocked."""
        return self._isolation.due_in()

    def wake_at(self, unread: int) -> None:
        """Have the next write that makes ``unread`` events unread wake the worker."""
        self._backlog.wake_at(unread, self._delivered_seq)

    def crashed(self, point: str) -> None:
        """Note that a flush was cut off at ``point``, to report what is delivered again."""
        through_seq = self._isolation.delivered_through
        again = self._backlog.acked_through < through_seq
        self._redelivery.crashed(point, through_seq if again else 0)

    def start_over(self) -> None:
        """Forget what is known of the batch in hand, and begin with the oldest event that was not
        acked: at-least-once delivery."""
        self._in_flight = 0
        self._isolation.forget()
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

    def _ack_decided(self) -> None:
        """Ack the log as far as all of it is decided, and note in the database that it is."""
        trouble = self._isolation.trouble()
        through_seq = self._isolation.delivered_through if trouble is None else trouble.seq - 1
        through_seq = self._log.ackable(through_seq)
        if not through_seq:
            return
        with self._database.transaction(time.monotonic() + LOCK_SECONDS) as transaction:
            transaction.note("log_seq", through_seq)
            transaction.forget_attempts(through_seq)
        self._ack(through_seq)

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
