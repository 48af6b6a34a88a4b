"""Planted bugs of the reads, and of when Redis is believed."""

from __future__ import annotations

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CacheError, DatabaseError
from cachedesk.core.events import ABSENT, Entry, change, entries_of
from cachedesk.engine import write_behind as behind_module
from cachedesk.engine import write_through as through_module
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.overlay import Overlaid, OverlayReader
from cachedesk.engine.read_path import ReadPath
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis import trusted_server as server_module
from cachedesk.stores.redis import verification as verification_module
from cachedesk.stores.redis.admission import Admission
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.trusted_server import TrustedServer
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase
from tests.torture.planted.plant import Plant, let_others_run


def row_before_overlay(plant: Plant) -> None:
    """A miss reads the row first and the pending events second."""

    def bad(self, keys):
        try:
            rows = self._read_rows(keys)
        except DatabaseError:
            return read(self, keys)
        self._reach("repair.overlay.after")
        let_others_run()
        events, now = self._pending.events, wall_seconds()
        return {key: Overlaid(events(key), now, rows.get(key, ABSENT)) for key in keys}

    read = OverlayReader._read
    plant.setattr(OverlayReader, "_read", bad)


def overlay_forgotten(plant: Plant) -> None:
    """A miss reads the row and forgets what is pending."""
    plant.setattr(PendingEvents, "events", lambda self, key: ())


def fill_at_any_version(plant: Plant) -> None:
    """What a miss found is put into Redis even if a write came meanwhile."""

    def bad(self, versions, put):
        let_others_run()
        put(list(versions))
        return list(versions)

    plant.setattr(KeyVersions, "fill", bad)


def flight_joined_late(plant: Plant) -> None:
    """A reader takes the result of a lease that is older than the last write."""

    def joined(self, key):
        lease, ours = self._cache.lease(key)
        if not ours:
            return lease.result() if lease.wait() else self._load((lease,))[key]
        try:
            lease.read = self._load((lease,))[key]
            let_others_run()
        finally:
            self._cache.release(lease)
        return lease.read

    plant.setattr(ReadPath, "_repair", joined)


def distrust_forgotten(plant: Plant) -> None:
    """A key whose Redis outcome is unknown goes on being trusted."""

    def bad(self, keys, reason):
        distrust(self, (), reason)

    distrust = TrustedServer.distrust
    plant.setattr(TrustedServer, "distrust", bad)


def timeout_ignored(plant: Plant) -> None:
    """A write that Redis did not confirm is taken as done."""

    def bad(self, values):
        server = self.trusted_server
        try:
            connection = server.checkout()
        except CacheError:
            return
        commands = connection.commands
        try:
            connection.pipeline_packed([commands.put(*each) for each in values.items()])
        except CacheError:
            connection.close()
            return
        server.checkin(connection)

    plant.setattr(RedisCache, "put", bad)


def cache_forgotten_after_through(plant: Plant) -> None:
    """A write-through leaves the old value in Redis."""
    apply = through_module.WriteThrough._apply

    def bad(self, group, keys):
        cache, self._cache = self._cache, type("No", (), {"update": lambda _, entries: ()})()
        try:
            apply(self, group, keys)
        finally:
            self._cache = cache

    plant.setattr(through_module.WriteThrough, "_apply", bad)


def some_rows_not_found(plant: Plant) -> None:
    """Reading a row sometimes finds none although there is one."""

    def bad(self, key):
        row = read(self, key)
        return ABSENT if hash(key) % 7 == 0 and row.seq % 50 == 0 else row

    read = SqliteDatabase.read
    plant.setattr(SqliteDatabase, "read", bad)


def cache_before_log(plant: Plant) -> None:
    """Redis is changed first and the log second: a failed append leaves an unlogged value."""
    append = QueueLog.append

    def bad(self, events):
        if events[-1].seq % 40 == 0:
            raise behind_module.Unavailable("the disk is full")
        append(self, events)

    commit = behind_module.WriteBehind._commit

    def early(self, group):
        heads = {}
        for request in group:
            for op, key, arg, *_ in request.changes:
                try:
                    old = heads[key] if key in heads else self._base(key).value
                    heads[key] = change(Entry(old), op, arg, 0.0)[0]
                except (ValueError, OverflowError):
                    continue
        self._cache.put(entries_of(heads))
        commit(self, group)

    plant.setattr(QueueLog, "append", bad)
    plant.setattr(behind_module.WriteBehind, "_commit", early)


def snapshot_trusted(plant: Plant) -> None:
    """What a warm Redis brings with it is kept without a look."""
    move_and_compare = verification_module._move_and_compare

    def bad(connection, namespace, earlier, truths):
        class Agreeing(dict):
            def __missing__(self, key):
                return Entry(connection.call(b"GET", namespace.current + key))

        return move_and_compare(connection, namespace, earlier, lambda keys: Agreeing())

    plant.setattr(verification_module, "_move_and_compare", bad)


def snapshot_not_emptied(plant: Plant) -> None:
    """Another server is taken for an empty one, whatever snapshot it has read."""
    plant.setattr(
        server_module,
        "start_over",
        lambda connection, namespace, truths, progress: Admission(verified=0),
    )


CACHE = (
    row_before_overlay,
    overlay_forgotten,
    fill_at_any_version,
    flight_joined_late,
    distrust_forgotten,
    timeout_ignored,
    cache_forgotten_after_through,
    some_rows_not_found,
    cache_before_log,
    snapshot_trusted,
    snapshot_not_emptied,
)

__all__ = ["CACHE"]
