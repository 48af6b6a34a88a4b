"""Planted bugs: small, plausible faults of the engine's logic, each of which breaks a promise.

A judge that finds nothing proves something only if it finds these. Each is a function that
changes the engine through ``plant`` (pytest's monkeypatch, or anything with its ``setattr``); the
process under test is forked afterwards and carries the bug with it.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable
from typing import Protocol

from cachedesk.engine import behind as behind_module
from cachedesk.engine import cache as cache_module
from cachedesk.engine import repair as repair_module
from cachedesk.engine import stack as stack_module
from cachedesk.engine import through as through_module
from cachedesk.engine import worker as worker_module
from cachedesk.engine.cache import Admission, Cache
from cachedesk.engine.database import Database, Transaction
from cachedesk.engine.errors import CacheError
from cachedesk.engine.events import NO_ROW, Op, Row, change, coalesce, fold
from cachedesk.engine.fence import KeyFence
from cachedesk.engine.freshness import Versions
from cachedesk.engine.log import WriteBehindLog
from cachedesk.engine.pending import Pending
from cachedesk.engine.repair import Reader
from cachedesk.engine.worker import FlushWorker


class Plant(Protocol):
    """What changes an attribute: pytest's monkeypatch."""

    def setattr(self, target: object, name: str, value: object) -> None: ...


def ack_before_commit(plant: Plant) -> None:
    """The worker acks a batch before the rows are committed."""
    flush = FlushWorker._flush

    def bad(self, batch):
        self._log.ack(batch)
        flush(self, batch)

    plant.setattr(FlushWorker, "_flush", bad)


def applied_twice(plant: Plant) -> None:
    """Coalescing ignores what a row already holds, so a redelivery counts again."""

    def bad(rows, events):
        forgetful = {key: Row(row.value, 0) for key, row in rows.items()}
        return coalesce(forgetful, events)

    plant.setattr(worker_module, "coalesce", bad)


def mark_outside_transaction(plant: Plant) -> None:
    """A row's value is committed without the seq that says what is part of it."""

    def bad(self, rows):
        write(self, {key: Row(row.value, 1) for key, row in rows.items()})

    write = Transaction.write
    plant.setattr(Transaction, "write", bad)


def row_before_overlay(plant: Plant) -> None:
    """A miss reads the row first and the pending events second."""

    def bad(self, keys):
        versions = {key: self._versions.of(key) for key in keys}
        rows = self._database.read_many(list(keys))
        overlays = {key: self._pending.events(key) for key in keys}
        reads = {}
        for key in keys:
            row = rows.get(key, NO_ROW)
            truth = fold(row, overlays[key])
            reads[key] = repair_module.Read(
                truth.value, repair_module.ReadSource.DATABASE, 0, truth.seq
            )
        found = {key: versions[key] for key in keys if reads[key].value is not None}
        if found and self._cache.admitted:
            self._versions.fill(
                found, lambda fresh: self._cache.put({key: reads[key].value for key in fresh})
            )
        return reads

    plant.setattr(Reader, "_load", bad)


def overlay_forgotten(plant: Plant) -> None:
    """A miss reads the row and forgets what is pending."""
    plant.setattr(Pending, "events", lambda self, key: ())


def fill_without_fence(plant: Plant) -> None:
    """What a miss found is put into Redis even if a write came meanwhile."""

    def bad(self, versions, put):
        put(list(versions))
        return list(versions)

    plant.setattr(Versions, "fill", bad)


def flight_joined_late(plant: Plant) -> None:
    """A reader takes the result of a flight that set out before the last write."""

    class Flight(repair_module._Flight):
        version = property(lambda self: 2**62, lambda self, version: None)

    plant.setattr(repair_module, "_Flight", Flight)


def doubt_forgotten(plant: Plant) -> None:
    """A key whose Redis outcome is unknown goes on being trusted."""

    def bad(self, keys, reason):
        doubt(self, (), reason)

    doubt = Cache.doubt
    plant.setattr(Cache, "doubt", bad)


def timeout_ignored(plant: Plant) -> None:
    """A write that Redis did not confirm is taken as done."""

    def bad(self, values):
        try:
            wire = self._checkout()
        except CacheError:
            return
        try:
            wire.pipeline(cache_module._store(key, value) for key, value in values.items())
        except CacheError:
            wire.close()
            return
        self._checkin(wire)

    plant.setattr(Cache, "put", bad)


def old_connections_kept(plant: Plant) -> None:
    """Admission neither cuts earlier connections nor drops what is doubtful."""

    def bad(self):
        wire = cache_module.RedisWire(self._path, 0.25)
        try:
            self._run_id = cache_module._run_id(wire)
            with self._lock:
                self._doubtful, self._doubt_all = set(), False
                self._generation += 1
                self._admitted = self._generation
        finally:
            wire.close()
        return Admission(False, 0)

    plant.setattr(Cache, "admit", bad)


def pending_not_absorbed(plant: Plant) -> None:
    """A write-through leaves the key's pending events to the worker."""
    plant.setattr(Pending, "events_of", lambda self, keys: [])


def no_fence(plant: Plant) -> None:
    """Both paths may write one key at the same time."""
    from contextlib import nullcontext

    plant.setattr(KeyFence, "shared", lambda self, keys, deadline: nullcontext())
    plant.setattr(KeyFence, "alone", lambda self, keys, deadline: nullcontext())


def published_too_early(plant: Plant) -> None:
    """The worker may take an event before it is known as pending."""
    append = WriteBehindLog.append

    def bad(self, events):
        append(self, events)
        publish(self, events)
        # Let the worker have a turn, as any other thread may at any time.
        time.sleep(0.002)

    publish = WriteBehindLog.publish
    plant.setattr(WriteBehindLog, "append", bad)
    plant.setattr(WriteBehindLog, "publish", lambda self, events: None)


def pending_not_rebuilt(plant: Plant) -> None:
    """The pending events are not rebuilt when the log is opened."""
    recover = WriteBehindLog.recover
    plant.setattr(WriteBehindLog, "recover", lambda self, seq: (recover(self, seq), [])[1])


def seq_starts_again(plant: Plant) -> None:
    """After a restart, seqs start at 1, as the row ids of a new file do."""
    init = stack_module.Vault.__init__

    def bad(self, directory):
        init(self, directory)
        self.seqs = itertools.count(1)

    plant.setattr(stack_module.Vault, "__init__", bad)


def seq_of_the_log_only(plant: Plant) -> None:
    """After a restart, seqs go on from the log's newest one and forget the written-through."""
    init = stack_module.Vault.__init__

    def bad(self, directory):
        init(self, directory)
        self.seqs = itertools.count(self.log.witness.log_seq + 1)

    plant.setattr(stack_module.Vault, "__init__", bad)


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

    plant.setattr(worker_module, "coalesce", bad)


def last_write_wins(plant: Plant) -> None:
    """Coalescing keeps only the last event of each key in a batch."""

    def bad(rows, events):
        return coalesce(rows, {event.key: event for event in events}.values())

    plant.setattr(worker_module, "coalesce", bad)


def cursor_kept_after_crash(plant: Plant) -> None:
    """The reader that follows a crashed one goes on where that one had read to."""
    plant.setattr(WriteBehindLog, "rewind", lambda self: None)


def tombstones_dropped_early(plant: Plant) -> None:
    """A deleted key's seq is forgotten while its events can still be delivered again."""
    plant.setattr(WriteBehindLog, "acked_through", property(lambda self: 2**63 - 1))
    plant.setattr(worker_module, "_BATCHES_PER_TRIM", 1)


def cache_before_log(plant: Plant) -> None:
    """Redis is changed first and the log second: a failed append leaves what nobody wrote."""
    append = WriteBehindLog.append

    def bad(self, events):
        if events[-1].seq % 40 == 0:
            raise behind_module.Unavailable("the disk is full")
        append(self, events)

    commit = behind_module.WriteBehind._commit

    def early(self, group):
        heads = {}
        for request in group:
            for op, key, arg in request.changes:
                try:
                    old = heads[key] if key in heads else self._truth(key)
                    heads[key] = change(old, op, arg)
                except (ValueError, OverflowError):
                    continue
        self._cache.put(heads)
        commit(self, group)

    plant.setattr(WriteBehindLog, "append", bad)
    plant.setattr(behind_module.WriteBehind, "_commit", early)


def heads_kept_after_failure(plant: Plant) -> None:
    """An append that failed still counts in what later increments are added to."""
    append = WriteBehindLog.append

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
                queue.head, queue.head_known = head, True
        return events

    plant.setattr(WriteBehindLog, "append", bad)
    plant.setattr(behind_module.WriteBehind, "_stage", remembering)


def cache_forgotten_after_through(plant: Plant) -> None:
    """A write-through leaves the old value in Redis."""
    apply = through_module.WriteThrough._apply

    def bad(self, group, keys):
        cache, self._cache = self._cache, type("No", (), {"put": lambda _, values: None})()
        try:
            apply(self, group, keys)
        finally:
            self._cache = cache

    plant.setattr(through_module.WriteThrough, "_apply", bad)


def settled_wholesale(plant: Plant) -> None:
    """A flush takes all pending events of its keys out of the index, newer ones too."""

    def bad(self, events, dead=(), through=0):
        from cachedesk.engine.events import WriteEvent

        latest = [
            WriteEvent(2**62, event.op, event.key, event.arg, event.at) for event in list(events)
        ]
        return settle(self, latest, dead, through)

    settle = Pending.settle
    plant.setattr(Pending, "settle", bad)


def error_taken_as_miss_of_everything(plant: Plant) -> None:
    """A database that cannot be read is taken as one without the row."""

    def bad(self, key):
        row = read(self, key)
        return NO_ROW if hash(key) % 7 == 0 and row.seq % 50 == 0 else row

    read = Database.read
    plant.setattr(Database, "read", bad)


def commit_forgotten(plant: Plant) -> None:
    """Now and then a write-through is acknowledged although its transaction was rolled back."""
    note = Transaction.note

    def bad(self, name, number):
        note(self, name, number)
        if name == "newest_seq" and number % 97 == 0:
            self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN")

    plant.setattr(Transaction, "note", bad)


def normal_instead_of_full(plant: Plant) -> None:
    """SQLite syncs less than FULL: only a power cut shows it, or reading the pragma back."""

    class Lax(sqlite3.Connection):
        def execute(self, sql, *rest):
            return super().execute(sql.replace("synchronous=FULL", "synchronous=NORMAL"), *rest)

    connect = sqlite3.connect
    plant.setattr(
        sqlite3, "connect", lambda *words, **named: connect(*words, **{"factory": Lax, **named})
    )


def no_lock_on_the_directory(plant: Plant) -> None:
    """Two processes may open one data directory."""
    from cachedesk.engine import directory

    plant.setattr(directory.fcntl, "flock", lambda descriptor, how: None)


BUGS: tuple[Callable[[Plant], None], ...] = (
    ack_before_commit,
    applied_twice,
    mark_outside_transaction,
    row_before_overlay,
    overlay_forgotten,
    fill_without_fence,
    flight_joined_late,
    doubt_forgotten,
    timeout_ignored,
    old_connections_kept,
    pending_not_absorbed,
    no_fence,
    published_too_early,
    pending_not_rebuilt,
    seq_starts_again,
    seq_of_the_log_only,
    coalesced_across_delete,
    last_write_wins,
    cursor_kept_after_crash,
    tombstones_dropped_early,
    cache_before_log,
    heads_kept_after_failure,
    cache_forgotten_after_through,
    settled_wholesale,
    error_taken_as_miss_of_everything,
    commit_forgotten,
)
"""Those that the torture must find by itself."""

BY_INSPECTION = (normal_instead_of_full, no_lock_on_the_directory)
"""Those that no kill can show: they are found by looking."""

__all__ = ["BUGS", "BY_INSPECTION", "Plant"]
