"""Accounting: finds the events that make the event balance wrong.

The balance is four counts that change together (see ``engine.backlog.pending_events``). If it is
wrong, the events themselves are compared: every event that the log will deliver should be pending,
part of its row, or a dead letter, and every pending event should be in the log. All of them change
meanwhile, so they are read in an order that misses no event: the log before the index before the
rows, and the index again after the log.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from cachedesk.core.errors import CachedeskError
from cachedesk.core.events import ABSENT, WriteEvent
from cachedesk.core.ports import SystemOfRecord
from cachedesk.engine.backlog.backlog import Backlog

MOST_IDS = 20

_EVERY_SECONDS = 2.0
# Pause 50 times as long as a check took, so that a long log does not occupy a core.
_REST = 50
_KEYS_AT_ONCE = 1_000


class Accounting:
    """Finds the events that make the balance wrong. Used by one thread; ``ids`` by any."""

    def __init__(self, backlog: Backlog, database: SystemOfRecord) -> None:
        self._backlog = backlog
        self._pending = backlog.pending
        self._database = database
        self._next_at = 0.0
        self._ids: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """The seqs of at most 20 such events; they are kept until the balance is right again."""
        return self._ids

    def look(self) -> None:
        """Check the balance; if it is wrong, find the events, at most every two seconds."""
        began = time.monotonic()
        if self._pending.books().balanced:
            self._ids = ()
        elif began >= self._next_at:
            try:
                found = {*self._ids, *self._pending.lost, *self._not_pending(), *self._not_logged()}
                self._ids = tuple(sorted(found)[:MOST_IDS])
            except CachedeskError:
                # If a store cannot be read, nothing is known about its events.
                pass
            now = time.monotonic()
            self._next_at = now + max(_EVERY_SECONDS, _REST * (now - began))

    def _not_pending(self) -> list[int]:
        """Return events that the log will deliver, undecided, that are not pending."""
        missing: list[int] = []
        events = self._backlog.undelivered()
        for start in range(0, len(events), _KEYS_AT_ONCE):
            some = events[start : start + _KEYS_AT_ONCE]
            known = self._indexed({event.key for event in some})
            missing += self._undecided([event for event in some if event.seq not in known])
            if len(missing) >= MOST_IDS:
                break
        # Events acked meanwhile are decided, even if their row was trimmed.
        return [seq for seq in missing if seq > self._backlog.acked_through]

    def _not_logged(self) -> list[int]:
        """Return events that are pending and not in the log."""
        keys = self._pending.keys()
        before = self._indexed(keys)
        logged = {event.seq for event in self._backlog.undelivered()}
        return sorted((before - logged) & self._indexed(keys))

    def _indexed(self, keys: Sequence[bytes] | set[bytes]) -> set[int]:
        """Return the seqs of the pending events of ``keys``, in parts that block no writer for
        long."""
        keys = list(keys)
        return {
            event.seq
            for start in range(0, len(keys), _KEYS_AT_ONCE)
            for event in self._pending.events_of(keys[start : start + _KEYS_AT_ONCE])
        }

    def _undecided(self, events: Sequence[WriteEvent]) -> list[int]:
        if not events:
            return []
        rows = self._database.peek(list({event.key for event in events}))
        dead = self._database.dead_between(events[0].seq, events[-1].seq)
        return [
            event.seq
            for event in events
            if event.seq > rows.get(event.key, ABSENT).seq and event.seq not in dead
        ]
