"""Decisions: the events of blocked keys are tried, and what comes of it is committed.

They are tried one by one, many keys in one commit: those before the first refused one are applied,
those behind it wait, and each refusal is counted in the database, so that neither a restart nor a
SIGKILL begins the count again, and neither adds to it. After ``max_attempts`` refusals an event is
buried.

A refused event is one whose row the database would not take in the place of the row that is there.
So a whole run of them is decided together; but one that was refused behind an event that would be
taken says nothing, because the database was asked for a leap over both: what is taken is committed
first, and then it is asked again. An event that no value can take (an increment of a text) is
buried at once.

What is buried was already part of what readers saw. It is taken away while the key is held
alone, so that no writer reckons with it meanwhile: first from what is pending, then the version
of the key is raised, so that no older fill comes, then the key is dropped from Redis.
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
from cachedesk.engine.poison.trials import Fate, KeyTrials, Ruling, rule

LOCK_SECONDS = 1.0
_FENCE_SECONDS = 0.25
# So many trials hold the database's write lock for about 20 ms.
MOST_REHEARSED = 500

Queues = dict[bytes, Sequence[WriteEvent]]
Settle = Callable[[Sequence[WriteEvent], Coalesced, set[int], float], None]


class Held(Exception):
    """One of the keys is held by a write that does not end; nothing was changed."""


class Decisions:
    """Decides the events of blocked keys. Used by the worker's thread alone."""

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
            database: where the events are tried.
            cache: drops what was buried.
            locks: hold the keys alone meanwhile.
            max_attempts: after how many refusals an event is buried.
            settle: says that events are committed.
            reach: of the failpoints.
        """
        self._database = database
        self._reach = reach
        self._locks = locks
        self._cache = cache
        self._most_attempts = max_attempts
        self._settle = settle

    def take(self, queues: Queues) -> list[Ruling]:
        """Decide what can be decided of some keys in one commit.

        Args:
            queues: of each key its oldest pending events, in order.

        Returns:
            What was decided of each, without those whose row was changed meanwhile.

        Raises:
            Held: a key is held by a write that does not end.
            DatabaseRefused: the database refuses in a commit what it took when it was tried.
            DatabaseError, Unavailable: not now; nothing was changed.
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
                patience = time.monotonic() + _FENCE_SECONDS
                held.enter_context(self._locks.exclusive(set(queues), patience))
            except Unavailable as error:
                raise Held from error
            with self._database.transaction(time.monotonic() + LOCK_SECONDS) as transaction:
                self._reach("worker.apply.begin")
                rows = transaction.rows(list(queues))
                same = [it for it in tried if rows.get(it.key, ABSENT) == it.before]
                refused = [t.event.seq for it in same for t in it.trials if t.fate is Fate.REFUSED]
                attempts = transaction.attempts(refused)
                rulings = [rule(it, attempts, self._most_attempts) for it in same]
                self._reach("worker.coalesce.after")
                for ruling in rulings:
                    transaction.count_attempts(ruling.counted)
                changed = {it.key: it.row for it in rulings if it.row != before.get(it.key, ABSENT)}
                transaction.write(changed)
                self._reach("worker.apply.mid_batch")
                for ruling in rulings:
                    transaction.bury(ruling.buried)
                self._reach("worker.apply.before_commit")
            self._reach("worker.apply.after_commit")
            self._settle_group(rulings, changed, dead, time.monotonic() - began)
        self._reach("worker.settle.after")
        return rulings

    def _try(self, tried: Sequence[KeyTrials]) -> None:
        """Try all, without holding the database's lock for long at a time."""
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
        self, rulings: Iterable[Ruling], rows: dict[bytes, Entry], dead: set[int], seconds: float
    ) -> None:
        rulings = [ruling for ruling in rulings if ruling.decided]
        if not rulings:
            return
        buried = [refusal for ruling in rulings for refusal in ruling.buried]
        dead = dead | {event.seq for event, _ in buried}
        applied = [event for ruling in rulings for event in ruling.with_fate(Fate.TAKEN)]
        settled = [event for ruling in rulings for event in ruling.with_fate(Fate.SETTLED)]
        repeated = [event for event in settled if event.seq not in dead]
        decided = [trial.event for ruling in rulings for trial in ruling.decided]
        self._settle(decided, Coalesced(rows, applied, repeated, buried), dead, seconds)
        if gone := {event.key for event in decided if event.seq in dead}:
            self._cache.drop(gone)
