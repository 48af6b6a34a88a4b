"""Planted bugs of concurrency: each breaks an idea of the engine, and the exploration finds it.

A model that finds nothing proves nothing until it has found what is there. Some are those of
``tests.torture.planted``; here they are found in a second, because the scheduler looks for them.
Some of the others are bugs that it has found in the engine.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CacheError, Unavailable
from cachedesk.core.events import Entry
from cachedesk.engine import local_engine, write_through
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.group_commit import GroupCommit
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.leased_cache import Lease, LeasedCache
from cachedesk.engine.local_flusher import LocalFlusher
from cachedesk.engine.poison.decisions import LOCK_SECONDS
from cachedesk.engine.purger import Purger
from cachedesk.stack import durable_state
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis import trusted_server
from cachedesk.stores.redis.encoding import Commands
from cachedesk.stores.redis.late_writes import LateWrites
from cachedesk.stores.redis.namespace import Namespace
from cachedesk.stores.redis.redis_cache import RedisCache
from tests.model import primitives
from tests.torture.planted import BY_NAME
from tests.torture.planted import Plant as Planter


class Plant:
    """What plants a bug for the rest of this process's life."""

    @staticmethod
    def setattr(target: object, name: str, value: object) -> None:
        """Set it; a name that has gone would plant nothing."""
        getattr(target, name)
        setattr(target, name, value)


def published_before_pending(plant: Planter) -> None:
    """The worker may take an event before it is known as pending."""
    accept = Backlog.accept

    def bad(self, events, heads):
        with self._lock:
            self._unacked.add(events, 0.0)
        accept(self, events, heads)

    plant.setattr(Backlog, "accept", bad)


def settled_before_commit(plant: Planter) -> None:
    """The worker takes events out of the index before their rows are committed."""
    flush = LocalFlusher._flush

    def bad(self, events):
        self._pending.settle(events)
        flush(self, events)

    plant.setattr(LocalFlusher, "_flush", bad)


def fill_outside_the_lock(plant: Planter) -> None:
    """A fill looks at the version first, and is done a moment later."""

    def bad(self, versions, put):
        fresh = [key for key, version in versions.items() if self.of(key) == version]
        put(fresh)
        return fresh

    plant.setattr(KeyVersions, "fill", bad)


def version_read_after_the_row(plant: Planter) -> None:
    """A miss notes the version after it has read the row, and so misses a write between them."""
    fill = LeasedCache.fill

    def bad(self, leases, values):
        for lease in leases:
            lease.version = self._versions.of(lease.key)
        fill(self, leases, values)

    plant.setattr(LeasedCache, "fill", bad)


def write_without_a_new_version(plant: Planter) -> None:
    """A write leaves the version as it was, so that an older fill may come after it."""
    plant.setattr(KeyVersions, "bump", lambda self, keys: None)


def trusted_without_dropping(plant: Planter) -> None:
    """Redis is trusted again with the distrusted keys still in it."""
    trust = RedisCache.trust

    def bad(self, *arguments):
        self.trusted_server._distrusted_keys.clear()
        return trust(self, *arguments)

    plant.setattr(RedisCache, "trust", bad)


def any_server_is_believed(plant: Planter) -> None:
    """Another server behind the socket, with an old snapshot, is taken for the one we knew."""
    identity_of = trusted_server.identity_of

    def bad(connection):
        return b"the one and only", identity_of(connection)[1]

    plant.setattr(trusted_server, "identity_of", bad)


def late_writes_let_be(plant: Planter) -> None:
    """Redis is trusted again while a SET that was given up may still be carried out."""
    plant.setattr(LateWrites, "cut", lambda self, connection, run_id, generation: True)


def write_confirmed_unanswered(plant: Planter) -> None:
    """A write that Redis has not answered is taken to be over."""
    plant.setattr(LateWrites, "expect", lambda self, connection, generation: None)


def one_generation_for_ever(plant: Planter) -> None:
    """The names of keys stay the same when all that Redis holds is given up."""

    def bad(self):
        self.commands = Commands(b"cd:only:")

    plant.setattr(Namespace, "renew", bad)


def server_taken_for_ours_alone(plant: Planter) -> None:
    """A server with other users is emptied as a whole."""

    def bad(self, *arguments, sole_tenant):
        init(self, *arguments, sole_tenant=True)

    init = Namespace.__init__
    plant.setattr(Namespace, "__init__", bad)


def leftovers_of_all(plant: Planter) -> None:
    """What nothing reads any more is looked for among all keys of the server."""
    plant.setattr(Namespace, "key_of", lambda self, stored: stored)
    plant.setattr(Namespace, "owned", b"*")


def acknowledged_without_the_log(plant: Planter) -> None:
    """A log that cannot be written does not keep a write from being acknowledged."""
    append = QueueLog.append

    def bad(self, events):
        try:
            append(self, events)
        except Unavailable:
            return

    plant.setattr(QueueLog, "append", bad)


def uncertain_taken_as_failed(plant: Planter) -> None:
    """A commit that met an I/O error is reported as having changed nothing."""
    plant.setattr(write_through, "DatabaseUncertain", type("Never", (Exception,), {}))


def heads_kept_after_uncertain(plant: Planter) -> None:
    """After a commit of unknown outcome, increments go on from the value before it."""
    plant.setattr(PendingEvents, "forget_heads", lambda self, keys: None)


def recovered_though_applied(plant: Planter) -> None:
    """Events that a row holds already are pending again after a crash, and while the database
    cannot be read they stand for the value."""

    def bad(self, events):
        dead = self.database.dead_between(0, 2**63 - 1)
        return [event for event in events if event.seq not in dead]

    plant.setattr(durable_state.DurableState, "_undecided", bad)


def interrupted_call_stays_queued(plant: Planter) -> None:
    """A write whose caller was interrupted is committed after the caller has gone."""
    plant.setattr(GroupCommit, "_withdraw", lambda self, request: None)


def freed_key_wakes_no_waiter(plant: Planter) -> None:
    """A thread that waits for a key is not notified when it is free."""
    plant.setattr(KeyLocks, "_wake", lambda self: None)


def purge_takes_the_base_of_what_is_pending(plant: Planter) -> None:
    """A row is purged though an increment that was accepted before its deadline builds on it."""
    plant.setattr(Purger, "_is_pending", lambda self, key: False)


def purged_as_listed(plant: Planter) -> None:
    """A key is purged that was written since it was listed as expired."""

    def bad(self, keys, now):
        with self._database.transaction(primitives.Time.monotonic() + LOCK_SECONDS) as transaction:
            rows = {key: Entry(None, row.seq) for key, row in transaction.rows(keys).items()}
            return self._written(transaction, rows)

    plant.setattr(Purger, "_make_tombstones", bad)


def purge_forgets_the_seq(plant: Planter) -> None:
    """An event that is delivered again after the purge is applied a second time."""
    written = Purger._written

    def bad(self, transaction, rows):
        return written(self, transaction, dict.fromkeys(rows, Entry(None, 0)))

    plant.setattr(Purger, "_written", bad)


def flight_lands_after_the_deadline(plant: Planter) -> None:
    """A reader takes what another one has found before the key expired."""
    result = Lease.result

    def bad(self):
        read = result(self)
        return self.read or read

    plant.setattr(Lease, "result", bad)


def expiry_decided_at_the_flush(plant: Planter) -> None:
    """Whether an increment met an expired value is decided by the time at which it is folded."""

    def bad(rows, events):
        late = wall_seconds()
        return coalesce(rows, [msgspec.structs.replace(event, at=late) for event in events])

    coalesce = local_engine.coalesce
    plant.setattr(local_engine, "coalesce", bad)


def mark_left_by_a_write(plant: Planter) -> None:
    """A write of a key that is cached as absent leaves the mark."""

    def bad(self, entries):
        self._versions.bump(entries)
        try:
            held = self._store.get_many(list(entries))
        except CacheError:
            held = [None] * len(entries)
        marked = {key for key, value in zip(entries, held, strict=True) if value == ABSENT_MARK}
        return self._store.put({key: it for key, it in entries.items() if key not in marked})

    plant.setattr(LeasedCache, "update", bad)


_OF_THE_TORTURE = (
    "ack_before_commit",
    "applied_twice",
    "cache_forgotten_after_through",
    "copy_without_a_deadline",
    "cursor_kept_after_crash",
    "deadline_lost_in_a_flush",
    "deadline_not_logged",
    "distrust_forgotten",
    "expired_row_is_read",
    "flight_joined_late",
    "no_key_locks",
    "pending_not_absorbed",
    "pending_not_rebuilt",
    "row_before_overlay",
    "seq_of_the_log_only",
    "settled_wholesale",
    "timeout_ignored",
    "tombstones_dropped_early",
)

BUGS: tuple[Callable[[Planter], None], ...] = (
    *(BY_NAME[name] for name in _OF_THE_TORTURE),
    acknowledged_without_the_log,
    trusted_without_dropping,
    any_server_is_believed,
    expiry_decided_at_the_flush,
    flight_lands_after_the_deadline,
    freed_key_wakes_no_waiter,
    fill_outside_the_lock,
    heads_kept_after_uncertain,
    interrupted_call_stays_queued,
    late_writes_let_be,
    mark_left_by_a_write,
    leftovers_of_all,
    one_generation_for_ever,
    published_before_pending,
    purge_forgets_the_seq,
    purge_takes_the_base_of_what_is_pending,
    purged_as_listed,
    recovered_though_applied,
    server_taken_for_ours_alone,
    settled_before_commit,
    uncertain_taken_as_failed,
    version_read_after_the_row,
    write_confirmed_unanswered,
    write_without_a_new_version,
)
