"""Decisions: the events of blocked keys are tried, and the results are committed.

Events are tried one by one; one commit decides many keys. The events before the first refused one
are applied, those after it wait, and each refusal is counted in the database, so that a restart or
a SIGKILL neither resets the count nor adds to it. After ``max_attempts`` refusals an event is
buried: it becomes a dead letter.

An event is refused if the database would not accept the row after it in place of the stored row.
Consecutive refused events are all tried in place of the same stored row, so a whole run of them is
decided together. But the refusal of an event that follows an accepted one proves nothing, because
the database was asked to accept both changes in one step: the accepted event is committed first,
and then the other is tried again. An event that cannot be applied to the value before it (an
increment of a text) is buried at once.

Readers have already seen a buried event. Its removal happens while the key is held exclusively, so
that no writer computes a value from it meanwhile: first it leaves the pending index, then the
version of the key is raised, so that no older fill succeeds, then the key is dropped from Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack

from cachedesk.core.errors import Unavailable
from cachedesk.core.events import ABSENT, Coalesced, Entry, WriteEvent
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import SystemOfRecord
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.leased_cache import LeasedCache
from cachedesk.engine.poison.trials import Decision, KeyTrials, Outcome, decide

LOCK_SECONDS = 1.0
_KEY_LOCK_SECONDS = 0.25
# This number of trials holds the database's write lock for about 20 ms.
MOST_REHEARSED = 500

Queues = dict[bytes, Sequence[WriteEvent]]
Settle = Callable[[Sequence[WriteEvent], Coalesced, set[int], float], None]


class KeysHeld(Exception):
    """Another write held one of the keys for too long; nothing was changed."""


class Decisions:
    """Decides the events of blocked keys. Used only by the worker's thread."""

    def __init__(
        self,
        *,
        database: SystemOfRecord,
        cache: LeasedCache,
        locks: KeyLocks,
        max_attempts: int,
        settle: Settle,
        reach: Reach,
    ) -> None:
        """Prepare.

        Args:
            database: the system of record, where the events are tried.
            cache: the cache; keys of buried events are dropped from it.
            locks: the key locks; the keys are held exclusively.
            max_attempts: the number of refusals after which an event is buried.
            settle: called with the events of each commit.
            reach: reports that a failpoint is reached.
        """
        self._database = database
        self._reach = reach
        self._locks = locks
        self._cache = cache
        self._most_attempts = max_attempts
        self._settle = settle

    def decide(self, queues: Queues) -> list[Decision]:
        """Decide as many events of some keys as possible in one commit.

        Args:
            queues: the oldest pending events of each key, in seq order.

        Returns:
            One decision per key; keys whose row was changed meanwhile are left out.

        Raises:
            KeysHeld: another write held one of the keys for too long.
            DatabaseRefused: the database refuses in the commit a row that it accepted in a trial.
            DatabaseError, Unavailable: not possible now; nothing was changed.
        """
        began = time.monotonic()
        dead = self._database.dead_among([it.seq for queue in queues.values() for it in queue])
        before = self._database.read_many(list(queues))
        tried = [
            KeyTrials(key, before.get(key, ABSENT), queue, dead) for key, queue in queues.items()
        ]
        self._try(tried)
        with ExitStack() as held:
            try:
                deadline = time.monotonic() + _KEY_LOCK_SECONDS
                held.enter_context(self._locks.exclusive(set(queues), deadline))
            except Unavailable as error:
                raise KeysHeld from error
            with self._database.transaction(time.monotonic() + LOCK_SECONDS) as transaction:
                self._reach("worker.apply.begin")
                rows = transaction.rows(list(queues))
                same = [it for it in tried if rows.get(it.key, ABSENT) == it.before]
                refused = [
                    trial.event.seq
                    for it in same
                    for trial in it.trials
                    if trial.outcome is Outcome.REFUSED
                ]
                attempts = transaction.attempts(refused)
                decisions = [decide(it, attempts, self._most_attempts) for it in same]
                self._reach("worker.coalesce.after")
                for decision in decisions:
                    transaction.count_attempts(decision.counted)
                changed = {
                    it.key: it.row for it in decisions if it.row != before.get(it.key, ABSENT)
                }
                transaction.write(changed)
                self._reach("worker.apply.mid_batch")
                for decision in decisions:
                    transaction.bury(decision.buried)
                self._reach("worker.apply.before_commit")
            self._reach("worker.apply.after_commit")
            self._settle_group(decisions, changed, dead, time.monotonic() - began)
        self._reach("worker.settle.after")
        return decisions

    def _try(self, tried: Sequence[KeyTrials]) -> None:
        """Try all events, in rehearsals that each hold the database's write lock only briefly."""
        left = list(reversed(tried))
        while left:
            with self._database.rehearsal(time.monotonic() + LOCK_SECONDS) as transaction:
                room = MOST_REHEARSED
                while left and room > 0:
                    done = left[-1].go_on(transaction.rehearse_one, room)
                    room -= done
                    if not done:
                        left.pop()

    def _settle_group(
        self,
        decisions: Iterable[Decision],
        rows: dict[bytes, Entry],
        dead: set[int],
        seconds: float,
    ) -> None:
        decisions = [decision for decision in decisions if decision.decided]
        if not decisions:
            return
        buried = [refusal for it in decisions for refusal in it.buried]
        dead = dead | {event.seq for event, _ in buried}
        applied = [event for it in decisions for event in it.with_outcome(Outcome.ACCEPTED)]
        settled = [event for it in decisions for event in it.with_outcome(Outcome.SETTLED)]
        repeated = [event for event in settled if event.seq not in dead]
        decided = [trial.event for it in decisions for trial in it.decided]
        self._settle(decided, Coalesced(rows, applied, repeated, buried), dead, seconds)
        if outdated := {event.key for event in decided if event.seq in dead}:
            self._cache.drop(outdated)
