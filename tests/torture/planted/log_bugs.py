"""Planted bugs of the writes: their order, their seqs, what is pending and what is committed."""

from __future__ import annotations

import itertools
from contextlib import nullcontext

from cachedesk.engine import write_behind as behind_module
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.stack.durable_state import DurableState
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.sqlite.transaction import Transaction
from tests.torture.planted.plant import Plant


def pending_not_absorbed(plant: Plant) -> None:
    """A write-through leaves the key's pending events to the worker."""
    plant.setattr(PendingEvents, "events_of", lambda self, keys: [])


def no_key_locks(plant: Plant) -> None:
    """Both paths may write one key at the same time."""
    plant.setattr(KeyLocks, "shared", lambda self, keys, deadline: nullcontext())
    plant.setattr(KeyLocks, "exclusive", lambda self, keys, deadline: nullcontext())


def pending_not_rebuilt(plant: Plant) -> None:
    """The pending events are not rebuilt when the log is opened."""
    recover = Backlog.recover

    def bad(self, events, age_seconds, *, pending):
        recover(self, events, age_seconds, pending=())

    plant.setattr(Backlog, "recover", bad)


def seq_starts_again(plant: Plant) -> None:
    """After a restart, seqs start at 1, as the row ids of a new file do."""
    init = DurableState.__init__

    def bad(self, *arguments):
        init(self, *arguments)
        self.seqs = itertools.count(1)

    plant.setattr(DurableState, "__init__", bad)


def seq_of_the_log_only(plant: Plant) -> None:
    """After a restart, seqs go on from the log's newest one and forget the written-through."""
    init = DurableState.__init__

    def bad(self, *arguments):
        init(self, *arguments)
        self.seqs = itertools.count(self.log.watermarks.log_seq + 1)

    plant.setattr(DurableState, "__init__", bad)


def heads_kept_after_failure(plant: Plant) -> None:
    """An append that failed still counts in what later increments are added to."""
    append = QueueLog.append

    def bad(self, events):
        if events[-1].seq % 40 == 0:
            raise behind_module.Unavailable("the disk is full")
        append(self, events)

    stage = behind_module.WriteBehind._stage

    def remembering(self, request, heads):
        events = stage(self, request, heads)
        for key, head in heads.items():
            queue = self._pending._queues.get(key)
            if queue is not None:
                queue.head = head
        return events

    plant.setattr(QueueLog, "append", bad)
    plant.setattr(behind_module.WriteBehind, "_stage", remembering)


def commit_forgotten(plant: Plant) -> None:
    """Now and then a write-through is acknowledged although its transaction was rolled back."""
    note = Transaction.note

    def bad(self, name, number):
        note(self, name, number)
        if name == "newest_seq" and number % 97 == 0:
            self.connection.execute("ROLLBACK")
            self.connection.execute("BEGIN")

    plant.setattr(Transaction, "note", bad)


LOG = (
    pending_not_absorbed,
    no_key_locks,
    pending_not_rebuilt,
    seq_starts_again,
    seq_of_the_log_only,
    heads_kept_after_failure,
    commit_forgotten,
)

__all__ = ["LOG"]
