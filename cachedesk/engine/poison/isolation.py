"""Isolation: of a batch that the database refuses as a whole, the healthy events are applied at
once; only the keys of the refused events are held back until they are decided (promise 7).

The rows of such a batch are written one by one in one transaction. A key whose row is refused is
*blocked*: its events, in this batch and later, stay pending, while all other events that the log
delivers are applied past them, however many they are. An event that was applied past a blocked one
holds its seq in its row, so that its redelivery changes nothing.

Blocked events are retried until they are applied or buried (see ``decisions``).
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from cachedesk.core.errors import DatabaseUndone
from cachedesk.core.events import Coalesced, Entry, WriteEvent
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import RecordTransaction, SystemOfRecord
from cachedesk.core.refusals import is_refusal, reason_of
from cachedesk.core.settings import WorkerSettings
from cachedesk.core.truth import Trouble
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.poison.blocked_keys import BlockedKeys
from cachedesk.engine.poison.decisions import (
    LOCK_SECONDS,
    MOST_REHEARSED,
    Decisions,
    KeysHeld,
    Queues,
    Settle,
)

_MOST_KEYS = 500
_MOST_EVENTS = 5_000
_NOT_TRIED = "it was not tried yet"


def retry_seconds(settings: WorkerSettings, failures: int) -> float:
    """Return how many seconds to wait after ``failures`` failures in a row: doubled with each."""
    seconds = settings.retry_seconds * 2.0 ** min(failures - 1, 20) if failures else 0.0
    return min(seconds, settings.retry_max_seconds)


def jitter() -> float:
    """Return a random factor for a waiting time, so that retries do not synchronize."""
    return random.uniform(0.75, 1.25)


class Isolation:
    """Applies batches that the database refuses as a whole, and decides the refused events. Used
    only by the worker's thread."""

    def __init__(
        self,
        *,
        database: SystemOfRecord,
        pending: PendingEvents,
        decisions: Decisions,
        settings: WorkerSettings,
        coalesce: Callable[[Mapping[bytes, Entry], Sequence[WriteEvent]], Coalesced],
        settle: Settle,
        closing: Callable[[], bool],
        reach: Reach,
    ) -> None:
        """Prepare.

        Args:
            database: the system of record.
            pending: the index of pending events.
            decisions: decides the events of blocked keys.
            settings: the retries of refused events.
            coalesce: folds events into their rows.
            settle: called with the events of each commit.
            closing: returns whether the stack is closing; then nothing more is decided.
            reach: reports that a failpoint is reached.
        """
        self._database = database
        self._reach = reach
        self._pending = pending
        self._settings = settings
        self._coalesce = coalesce
        self._settle = settle
        self._closing = closing
        self._decisions = decisions
        self._blocked = BlockedKeys()
        self.delivered_through = 0
        """The seq of the newest event that the log has delivered."""
        self.deciding = 0
        """How many events are being decided now."""

    @property
    def idle(self) -> bool:
        """Whether no key is blocked."""
        return not self._blocked

    def reset(self) -> None:
        """Discard all state in memory, as after a crash; the files record what was decided."""
        self._blocked.clear()
        self.deciding = 0

    def decide_all_now(self) -> None:
        """Make every blocked key due now."""
        self._blocked.make_all_due()

    def due_in(self) -> float | None:
        """Return in how many seconds a blocked key is due; ``None`` if none is blocked."""
        due_at = self._blocked.next_due_at()
        return None if due_at is None else due_at - time.monotonic()

    def trouble(self) -> Trouble | None:
        """Return why the oldest delivered event that is undecided is blocked, ``None`` if all are
        decided. The log can be acked up to that event."""
        return self._blocked.oldest(self._pending.first_seq, self.delivered_through)

    def apply(self, events: Sequence[WriteEvent]) -> None:
        """Apply the events of a batch that the database accepts, and block the keys of the others.

        Args:
            events: the batch, in seq order.

        Raises:
            DatabaseError, Unavailable: not possible now; the events applied so far are committed.
        """
        suspects: set[bytes] = set()
        groups = [[event for event in events if event.key not in self._blocked]]
        while groups:
            group = groups.pop()
            try:
                suspects |= self._apply_all_but_refused(group) if group else set()
            except Exception as error:
                if not is_refusal(error):
                    raise
                keys = list(dict.fromkeys(event.key for event in group))
                if len(keys) == 1:
                    suspects.add(keys[0])
                elif isinstance(error, DatabaseUndone) and (refused := self._refused_keys(group)):
                    suspects |= refused
                    groups.append(_split(group, refused)[1])
                else:
                    # It is unknown which key is refused: split in halves, down to single keys.
                    groups += _split(group, frozenset(keys[: len(keys) // 2]))
        now = time.monotonic()
        for event in events:
            if event.key in suspects and event.key not in self._blocked:
                self._blocked.block(event.key, Trouble(event.seq, 0, _NOT_TRIED), now)

    def decide(self, until: float) -> None:
        """Try the events that are due: apply those that the database accepts, bury those without
        attempts left, and schedule the next attempt of the others.

        Args:
            until: ``time.monotonic()`` seconds after which to begin nothing more.

        Raises:
            DatabaseError, Unavailable: not possible now; the decisions so far are committed.
        """
        while not self._closing() and (queues := self._due()):
            groups = [queues]
            while groups:
                group = groups.pop()
                if not self._decide_group(group):
                    half = dict(itertools.islice(group.items(), len(group) // 2))
                    groups += [{key: group[key] for key in group if key not in half}, half]
            self.deciding = 0
            if time.monotonic() >= until:
                return

    def _apply_all_but_refused(self, events: Sequence[WriteEvent]) -> set[bytes]:
        """Apply ``events`` in one transaction, except those of the keys that it returns: some of
        their events are refused, or are dead letters already."""
        began = time.monotonic()
        with self._database.transaction(began + LOCK_SECONDS) as transaction:
            self._reach("worker.apply.begin")
            rows = transaction.rows(list({event.key for event in events}))
            coalesced = self._coalesce(rows, events)
            left_out = {event.key for event, _ in coalesced.refused}
            dead = transaction.dead_between(events[0].seq, events[-1].seq)
            left_out |= {event.key for event in events if event.seq in dead}
            self._reach("worker.coalesce.after")
            wanted = {key: row for key, row in coalesced.rows.items() if key not in left_out}
            left_out |= _write_each(transaction, wanted)
            settled = [event for event in events if event.key not in left_out]
            if not settled:
                return left_out
            self._reach("worker.apply.mid_batch")
            self._reach("worker.apply.before_commit")
        self._reach("worker.apply.after_commit")
        applied = Coalesced(
            {key: row for key, row in wanted.items() if key not in left_out},
            [event for event in coalesced.applied if event.key not in left_out],
            [event for event in coalesced.repeated if event.key not in left_out],
            [],
        )
        self._settle(settled, applied, set(), time.monotonic() - began)
        self._reach("worker.settle.after")
        return left_out

    def _refused_keys(self, events: Sequence[WriteEvent]) -> set[bytes]:
        """Return the keys of ``events`` whose row is refused if it is the only one written."""
        refused: set[bytes] = set()
        rows = self._database.read_many(list({event.key for event in events}))
        wanted = list(self._coalesce(rows, events).rows.items())
        for start in range(0, len(wanted), MOST_REHEARSED):
            with self._database.rehearsal(time.monotonic() + LOCK_SECONDS) as transaction:
                for key, row in wanted[start : start + MOST_REHEARSED]:
                    try:
                        transaction.rehearse_one(key, row)
                    except Exception as error:
                        if not is_refusal(error):
                            raise
                        refused.add(key)
        return refused

    def _due(self) -> Queues:
        """Take keys that are due, each with its oldest delivered events."""
        queues: Queues = {}
        now, room = time.monotonic(), _MOST_EVENTS
        while room > 0 and len(queues) < _MOST_KEYS:
            key = self._blocked.take_due(now)
            if key is None:
                break
            oldest = self._pending.oldest(key, room)
            queue = [event for event in oldest if event.seq <= self.delivered_through]
            if queue:
                queues[key] = queue
                room -= len(queue)
            else:
                self._blocked.unblock(key)
        self.deciding = _MOST_EVENTS - room
        return queues

    def _decide_group(self, queues: Queues) -> bool:
        """Decide the events of some keys; return False if a smaller group must be tried."""
        single = len(queues) == 1
        try:
            decisions = self._decisions.decide(queues)
        except KeysHeld:
            if single:
                self._postpone(queues, "another write to the key is under way")
            return single
        except Exception as error:
            if not is_refusal(error):
                raise
            if single:
                self._postpone(queues, reason_of(error))
            return single
        now = time.monotonic()
        factor = jitter()
        decided = {decision.key: decision for decision in decisions}
        for key, queue in queues.items():
            decision = decided.get(key)
            if decision is None:
                self._blocked.block(key, Trouble(queue[0].seq, 0, "its row was changed"), now)
            elif (trouble := decision.trouble) is not None:
                seconds = retry_seconds(self._settings, trouble.attempts) * factor
                self._blocked.block(key, trouble, now + seconds)
            else:
                self._continue(key, now)
        return True

    def _continue(self, key: bytes, now: float) -> None:
        """Continue with the next delivered events of ``key``, of which all tried ones are decided;
        unblock it if there are none."""
        first = self._pending.first_seq(key)
        if first is None or first > self.delivered_through:
            self._blocked.unblock(key)
        else:
            self._blocked.block(key, Trouble(first, 0, _NOT_TRIED), now)

    def _postpone(self, queues: Queues, reason: str) -> None:
        due_at = time.monotonic() + retry_seconds(self._settings, 1)
        for key, queue in queues.items():
            self._blocked.block(key, Trouble(queue[0].seq, 0, reason), due_at)


def _write_each(transaction: RecordTransaction, rows: Mapping[bytes, Entry]) -> set[bytes]:
    """Write those of ``rows`` that the database accepts; return the keys of the others."""
    refused: set[bytes] = set()
    for key, row in rows.items():
        try:
            transaction.write_one(key, row)
        except DatabaseUndone:
            raise
        except Exception as error:
            if not is_refusal(error):
                raise
            refused.add(key)
    return refused


def _split(events: Sequence[WriteEvent], keys: Collection[bytes]) -> list[list[WriteEvent]]:
    """Return the events of ``keys``, and the others, in two lists."""
    return [
        [event for event in events if event.key in keys],
        [event for event in events if event.key not in keys],
    ]
