"""Isolation: of a batch that is refused as a whole, all that is healthy is applied at once and
only the culprits stay behind, until each is decided (promise 7).

The rows of such a batch are written one by one in one transaction, and a key whose row is refused
is *blocked*: its events, these and later ones, wait in what is pending, while everything else that
the log delivers goes on past them, however many they are. What was applied ahead of them holds its
seq in its row, so that a log which delivers it again changes nothing.

What is blocked is tried again and again, until it is applied or buried (see ``decisions``).
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
    Held,
    Queues,
    Settle,
)

_MOST_KEYS = 500
_MOST_EVENTS = 5_000


def retry_seconds(settings: WorkerSettings, failures: int) -> float:
    """Return how long to wait after so many failures in a row: doubled with each."""
    seconds = settings.retry_seconds * 2.0 ** min(failures - 1, 20) if failures else 0.0
    return min(seconds, settings.retry_max_seconds)


def jitter() -> float:
    """Return a factor for a time to wait, so as not to beat in step."""
    return random.uniform(0.75, 1.25)


class Isolation:
    """Applies batches that cannot be applied as a whole, and decides what keeps them from it.
    Used by the worker's thread alone."""

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
            database: where the events are applied.
            pending: the index of what the log holds.
            decisions: decide the events of blocked keys.
            settings: how often and when what is refused is tried again.
            coalesce: folds events into the rows they meet.
            settle: says that events are committed.
            closing: whether to leave the rest undecided.
            reach: of the failpoints.
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
        """How many events are being decided just now."""

    @property
    def idle(self) -> bool:
        """Whether no key is blocked."""
        return not self._blocked

    def forget(self) -> None:
        """Know nothing, as after a crash; the files know what was decided."""
        self._blocked.clear()
        self.deciding = 0

    def hasten(self) -> None:
        """Let every blocked key be tried now."""
        self._blocked.hasten()

    def due_in(self) -> float | None:
        """Return in how many seconds a blocked key is due; ``None`` when none is blocked."""
        due_at = self._blocked.next_due_at()
        return None if due_at is None else due_at - time.monotonic()

    def trouble(self) -> Trouble | None:
        """Return what keeps the oldest delivered event that is not decided, ``None`` when all
        are: up to it the log can be acked."""
        return self._blocked.oldest(self._pending.first_seq, self.delivered_through)

    def apply(self, events: Sequence[WriteEvent]) -> None:
        """Apply what can be applied of a batch that was just delivered, and block the rest.

        Raises:
            DatabaseError, Unavailable: not now; what was applied so far is committed.
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
                elif isinstance(error, DatabaseUndone) and (refused := self._refused_alone(group)):
                    suspects |= refused
                    groups.append(_split(group, refused)[1])
                else:
                    # It cannot be told whose fault it is: by halves, until a key stands alone.
                    groups += _split(group, frozenset(keys[: len(keys) // 2]))
        now = time.monotonic()
        for event in events:
            if event.key in suspects and event.key not in self._blocked:
                self._blocked.block(event.key, Trouble(event.seq, 0, "it is to be tried"), now)

    def decide(self, until: float) -> None:
        """Try what is due: apply what can be, bury what has no attempts left, and let the rest
        wait for its next attempt.

        Args:
            until: ``time.monotonic()`` seconds after which to begin nothing more.

        Raises:
            DatabaseError, Unavailable: not now; what was decided so far is committed.
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
        """Apply ``events`` in one transaction, without the keys that it returns: of these some are
        refused, or dead already."""
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

    def _refused_alone(self, events: Sequence[WriteEvent]) -> set[bytes]:
        """Return the keys of ``events`` whose row is refused when nothing else is written."""
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
        """Take keys that are due, each with the oldest of its events that were delivered."""
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
                self._blocked.free(key)
        self.deciding = _MOST_EVENTS - room
        return queues

    def _decide_group(self, queues: Queues) -> bool:
        """Decide the events of some keys; return False when only fewer of them can be."""
        alone = len(queues) == 1
        try:
            rulings = self._decisions.take(queues)
        except Held:
            if alone:
                self._wait(queues, "another write to the key is under way")
            return alone
        except Exception as error:
            if not is_refusal(error):
                raise
            if alone:
                self._wait(queues, reason_of(error))
            return alone
        now = time.monotonic()
        factor = jitter()
        ruled = {ruling.key: ruling for ruling in rulings}
        for key, queue in queues.items():
            ruling = ruled.get(key)
            if ruling is None:
                self._blocked.block(key, Trouble(queue[0].seq, 0, "its row was changed"), now)
            elif (trouble := ruling.trouble) is not None:
                seconds = retry_seconds(self._settings, trouble.attempts) * factor
                self._blocked.block(key, trouble, now + seconds)
            else:
                self._look_for_more(key, now)
        return True

    def _look_for_more(self, key: bytes, now: float) -> None:
        """All that was tried of ``key`` is decided: go on with the next events, if there are."""
        first = self._pending.first_seq(key)
        if first is None or first > self.delivered_through:
            self._blocked.free(key)
        else:
            self._blocked.block(key, Trouble(first, 0, "it is to be tried"), now)

    def _wait(self, queues: Queues, reason: str) -> None:
        due_at = time.monotonic() + retry_seconds(self._settings, 1)
        for key, queue in queues.items():
            self._blocked.block(key, Trouble(queue[0].seq, 0, reason), due_at)


def _write_each(transaction: RecordTransaction, rows: Mapping[bytes, Entry]) -> set[bytes]:
    """Write what can be written of ``rows``; return the keys that are refused."""
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
    """Return the events of ``keys``, and then the others."""
    return [
        [event for event in events if event.key in keys],
        [event for event in events if event.key not in keys],
    ]
