"""Expiry in the time of a trace: a key that lived 30 seconds there is gone 30 seconds later there,
however fast the trace is replayed.

A replay is usually faster than its source, so the clock of Redis would let nothing expire. The
expiry of a key is therefore the operation that deletes it, before the first line that is not
earlier. In Redis the key has an expiry too, so that the ``volatile-*`` policies may evict it, and
``volatile-ttl`` evicts in the order of the trace; but that lies a day after the end.
"""

from __future__ import annotations

import heapq

from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace.record import KEPT, TraceRecord, delete, persist

MOST_KEYS = 1_000_000
"""The most keys whose expiry is tracked; those beyond do not expire."""

_LATER_SECONDS = 86_400.0


class Expiring:
    """Applies the expiries of one reading. Records without a time are left as they are."""

    def __init__(self) -> None:
        self.expired = 0
        """How many keys expired."""
        self._first: float | None = None
        self._deadlines: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []

    def applied(self, record: TraceRecord) -> TraceRecord:
        """Return ``record``, after the deletes of what has expired by then, and with the expiries
        that Redis is given."""
        at = record.at
        if at is None:
            return record
        if self._first is None:
            self._first = at
        gone = self._gone(at) if self._heap else []
        operations = [self._noted(operation, at) for operation in record.operations]
        if not gone and operations == list(record.operations):
            return record
        return record._replace(operations=(*gone, *operations))

    def _gone(self, at: float) -> list[Operation]:
        gone = []
        while self._heap and self._heap[0][0] <= at:
            deadline, key = heapq.heappop(self._heap)
            if self._deadlines.get(key) == deadline:
                del self._deadlines[key]
                gone.append(delete(key))
        self.expired += len(gone)
        return gone

    def _noted(self, operation: Operation, at: float) -> Operation:
        op, key, _, ttl = operation
        if op in (Verb.GET, Verb.INCR):
            return operation
        kept = self._deadlines.get(key) if ttl == KEPT else None
        deadline = kept if ttl is None or ttl == KEPT else at + ttl
        is_new = key not in self._deadlines
        if deadline is None or (is_new and len(self._deadlines) >= MOST_KEYS):
            self._deadlines.pop(key, None)
            return persist(key) if op is Verb.EXPIRE else operation._replace(ttl=None)
        if self._deadlines.get(key) != deadline:
            self._deadlines[key] = deadline
            heapq.heappush(self._heap, (deadline, key))
        return operation._replace(ttl=deadline - (self._first or 0.0) + _LATER_SECONDS)
