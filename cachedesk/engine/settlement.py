"""Settlement: after a commit of the worker, its events leave the backlog and are reported."""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EventCode
from cachedesk.core.events import Coalesced, WriteEvent
from cachedesk.core.recorder import Announce, Recorder
from cachedesk.core.writes import Observer
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.redelivery import Redelivery

_MOST_LETTERS_ANNOUNCED = 5


class Settlement:
    """Removes committed events from the backlog and counts them. Used by the worker's thread."""

    def __init__(
        self, *, pending: PendingEvents, observer: Observer, recorder: Recorder, announce: Announce
    ) -> None:
        self._pending = pending
        self._observer = observer
        self._recorder = recorder
        self._announce = announce
        self._opened_at = wall_seconds()
        self.redelivery = Redelivery()
        self.batches = 0
        """The number of commits."""
        self.events = 0
        """The number of events that they applied."""
        self.rows = 0
        """The number of rows that they wrote."""
        self.redelivered = 0
        """The number of delivered events that were part of their rows already."""
        self.purged = 0
        """The number of expired rows that were emptied."""

    def settle(
        self, events: Sequence[WriteEvent], coalesced: Coalesced, dead: set[int], seconds: float
    ) -> None:
        """Settle the events of a committed transaction.

        Args:
            events: the events that it decided.
            coalesced: which of them it applied, found applied, and buried.
            dead: the seqs of those that are dead letters.
            seconds: the duration of the transaction.
        """
        self._observer.applied(coalesced.applied)
        self._recorder.applied(coalesced.applied + coalesced.repeated)
        self._pending.settle(events, dead)
        self.batches += 1
        self.events += len(coalesced.applied)
        self.rows += len(coalesced.rows)
        self.redelivered += len(coalesced.repeated)
        self.redelivery.repeated(coalesced.repeated)
        # The lag must not include the time while the stack was closed.
        self._recorder.flushed(
            seconds, coalesced.applied, len(coalesced.rows), since_at=self._opened_at
        )
        for event, reason in coalesced.refused[:_MOST_LETTERS_ANNOUNCED]:
            self._announce(EventCode.DEAD_LETTER_ADDED, seq=event.seq, reason=reason)
        if (more := len(coalesced.refused) - _MOST_LETTERS_ANNOUNCED) > 0:
            self._announce(EventCode.DEAD_LETTER_MORE_ADDED, count=more)
