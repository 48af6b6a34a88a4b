"""Planted bugs of the flush worker, and of what it applies, acks and forgets."""

from __future__ import annotations

from cachedesk.core.events import Op, WriteEvent, coalesce
from cachedesk.engine import local_engine, local_flusher
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.local_flusher import LocalFlusher
from cachedesk.engine.trimmer import Trimmer
from cachedesk.stores.sqlite.transaction import Transaction
from tests.torture.planted.plant import Plant, let_others_run


def ack_before_commit(plant: Plant) -> None:
    """The worker acks a batch before the rows are committed."""
    flush = LocalFlusher._flush

    def bad(self, events):
        self._log.ack(events[-1].seq)
        flush(self, events)

    plant.setattr(LocalFlusher, "_flush", bad)


def applied_twice(plant: Plant) -> None:
    """Coalescing ignores what a row already holds, so a redelivery counts again."""

    def bad(rows, events):
        forgetful = {key: row._replace(seq=0) for key, row in rows.items()}
        return coalesce(forgetful, events)

    plant.setattr(local_engine, "coalesce", bad)


def mark_outside_transaction(plant: Plant) -> None:
    """A row's value is committed without the seq that says what is part of it."""

    def bad(self, rows):
        write(self, {key: row._replace(seq=1) for key, row in rows.items()})

    write = Transaction.write
    plant.setattr(Transaction, "write", bad)


def coalesced_across_delete(plant: Plant) -> None:
    """Coalescing adds an increment after a delete to the value from before it."""

    def bad(rows, events):
        kept = [
            event
            for place, event in enumerate(events)
            if event.op is not Op.DELETE
            or not any(later.key == event.key for later in events[place + 1 :])
        ]
        return coalesce(rows, kept)

    plant.setattr(local_engine, "coalesce", bad)


def last_write_wins(plant: Plant) -> None:
    """Coalescing keeps only the last event of each key in a batch."""

    def bad(rows, events):
        return coalesce(rows, {event.key: event for event in events}.values())

    plant.setattr(local_engine, "coalesce", bad)


def cursor_kept_after_crash(plant: Plant) -> None:
    """The reader that follows a crashed one goes on where that one had read to."""
    plant.setattr(LocalFlusher, "_read_again", lambda self: None)


def tombstones_dropped_early(plant: Plant) -> None:
    """A deleted key's seq is forgotten while its events can still be delivered again."""

    def bad(self, events):
        self._database.trim(2**63 - 1, local_flusher.time.monotonic() + 1)

    plant.setattr(Trimmer, "trim", bad)
    plant.setattr(local_flusher, "_BATCHES_PER_TRIM", 1)


def settled_wholesale(plant: Plant) -> None:
    """A flush takes all pending events of its keys out of the index, newer ones too."""

    def bad(self, events, dead=(), through=0):
        latest = [
            WriteEvent(2**62, event.op, event.key, event.arg, event.at) for event in list(events)
        ]
        return settle(self, latest, dead, through)

    settle = PendingEvents.settle
    plant.setattr(PendingEvents, "settle", bad)


def published_too_early(plant: Plant) -> None:
    """The worker may take an event before it is known as pending."""
    accept = Backlog.accept

    def bad(self, events, heads):
        with self._lock:
            self._unacked.add(events, 0.0)
        self.grown.set()
        let_others_run()
        accept(self, events, heads)

    plant.setattr(Backlog, "accept", bad)


WORKER = (
    ack_before_commit,
    applied_twice,
    mark_outside_transaction,
    coalesced_across_delete,
    last_write_wins,
    cursor_kept_after_crash,
    tombstones_dropped_early,
    settled_wholesale,
    published_too_early,
)

__all__ = ["WORKER"]
