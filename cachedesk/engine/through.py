"""The write-through path: database first, then Redis.

One transaction takes the key's pending events and the new write, in that order, so an older
event can never overwrite a newer write (promise 3): once it is committed, the row's seq is above
theirs, and the worker finds them applied. The caller holds the key alone in the fence meanwhile.
Callers that arrive together share one commit.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence

from cachedesk.engine.errors import (
    CounterOverflow,
    DatabaseBusy,
    DatabaseError,
    DatabaseUncertain,
    NotACounter,
    OutcomeUnknown,
    Unavailable,
)
from cachedesk.engine.events import NO_ROW, Row, WriteEvent, change, coalesce
from cachedesk.engine.failpoints import reach
from cachedesk.engine.group import GroupCommit
from cachedesk.engine.parts import Parts
from cachedesk.engine.writes import Change, Level, Receipt, WriteRequest

_MOST_CALLERS = 256


class WriteThrough:
    """The path of critical data. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._fence = parts.fence
        self._pending = parts.pending
        self._database = parts.database
        self._versions = parts.versions
        self._cache = parts.cache
        self._seqs = parts.seqs
        self._observer = parts.observer
        self._witness = parts.log.witness
        self._group: GroupCommit[WriteRequest] = GroupCommit(self._commit, _MOST_CALLERS)

    def write(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        """Apply ``changes`` to the database, all or none, and then to the cache.

        Args:
            changes: the writes, in order.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Raises:
            Unavailable: the database could not be written by the deadline; nothing changed.
            NotACounter, CounterOverflow: an increment met a value it cannot change; nothing
                changed.
        """
        reach("through.fence.before")
        with self._fence.alone({change.key for change in changes}, deadline):
            request = WriteRequest(changes, deadline)
            self._group.submit(request)
        return request.receipts

    def _commit(self, group: list[WriteRequest]) -> None:
        now = time.monotonic()
        for request in group:
            if request.deadline <= now:
                request.fail(Unavailable("the database did not take the write in time"))
        group = [request for request in group if not request.decided]
        if not group:
            return
        keys = list({change.key for request in group for change in request.changes})
        try:
            self._apply(group, keys)
        except DatabaseBusy as error:
            now = time.monotonic()
            for request in group:
                # The others have time left: they stay undecided and go back to the queue.
                if request.deadline <= now:
                    request.fail(Unavailable(f"write-through: {error}; nothing was changed"))
        except DatabaseUncertain as error:
            self._distrust(keys)
            raise OutcomeUnknown(f"write-through: {error}") from error
        except DatabaseError as error:
            raise Unavailable(f"write-through: {error}; nothing was changed") from error
        except BaseException:
            self._distrust(keys)
            self._pending.recount_applied()
            raise

    def _distrust(self, keys: list[bytes]) -> None:
        """Whether it was committed is not known, so nothing older may be read or filled."""
        self._versions.bump(keys)
        self._cache.doubt(keys, "a write-through was interrupted")

    def _apply(self, group: list[WriteRequest], keys: list[bytes]) -> None:
        pending = self._pending.events_of(keys)
        refused: list[tuple[WriteRequest, Exception]] = []
        events: list[WriteEvent] = []
        reach("through.begin.before")
        with self._database.transaction(min(request.deadline for request in group)) as transaction:
            rows = transaction.rows(keys)
            absorbed = coalesce(rows, pending)
            rows |= absorbed.rows
            changed = dict(absorbed.rows)
            for request in group:
                try:
                    staged = self._stage(request, rows)
                except (NotACounter, CounterOverflow) as error:
                    refused.append((request, error))
                    continue
                for event, value in staged:
                    rows[event.key] = changed[event.key] = Row(value, event.seq)
                    events.append(event)
                    request.receipts.append(Receipt(event.seq, Level.APPLIED, value))
            reach("through.apply.mid")
            transaction.write(changed)
            transaction.bury(absorbed.refused)
            if events:
                transaction.note("newest_seq", events[-1].seq)
            reach("through.commit.before")
        reach("through.commit.after")
        if events:
            self._witness.note_row(events[-1].seq)
        self._observer.applied(itertools.chain(absorbed.applied, events))
        self._pending.settle(pending, {event.seq for event, _ in absorbed.refused}, len(events))
        self._versions.bump(keys)
        reach("through.cache.before")
        self._cache.put({key: row.value for key, row in changed.items()})
        reach("through.cache.after")
        reach("through.receipt.before")
        for request, refusal in refused:
            request.fail(refusal)
        for request in group:
            if not request.decided:
                request.done()

    def _stage(
        self, request: WriteRequest, rows: Mapping[bytes, Row]
    ) -> list[tuple[WriteEvent, bytes | None]]:
        """Return the changes of ``request`` as events, each with the value it leads to."""
        values: dict[bytes, bytes | None] = {}
        staged: list[tuple[WriteEvent, bytes | None]] = []
        at = time.time()
        for op, key, arg in request.changes:
            old = values[key] if key in values else rows.get(key, NO_ROW).value
            values[key] = change(old, op, arg)
            staged.append((WriteEvent(next(self._seqs), op, key, arg, at), values[key]))
        return staged
