"""Planted bugs of the reads, and of when Redis is believed."""

from __future__ import annotations

from cachedesk.core.errors import CacheError
from cachedesk.core.events import ABSENT, change
from cachedesk.engine import write_behind as behind_module
from cachedesk.engine import write_through as through_module
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.overlay import Overlaid, OverlayReader
from cachedesk.engine.read_path import ReadPath
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis import admission as admission_module
from cachedesk.stores.redis import redis_cache as cache_module
from cachedesk.stores.redis.admission import Admission
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase
from tests.torture.planted.plant import Plant, let_others_run


def row_before_overlay(plant: Plant) -> None:
    """A miss reads the row first and the pending events second."""

    def bad(self, keys):
        rows = self._read_rows(keys)
        let_others_run()
        return {key: Overlaid(self._pending.events(key), rows.get(key, ABSENT)) for key in keys}

    plant.setattr(OverlayReader, "_read", bad)


def overlay_forgotten(plant: Plant) -> None:
    """A miss reads the row and forgets what is pending."""
    plant.setattr(PendingEvents, "events", lambda self, key: ())


def fill_without_fence(plant: Plant) -> None:
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
            self._cache.give_back(lease)
        return lease.read

    plant.setattr(ReadPath, "_repair", joined)


def distrust_forgotten(plant: Plant) -> None:
    """A key whose Redis outcome is unknown goes on being trusted."""

    def bad(self, keys, reason):
        doubt(self, (), reason)

    doubt = RedisCache.distrust
    plant.setattr(RedisCache, "distrust", bad)


def timeout_ignored(plant: Plant) -> None:
    """A write that Redis did not confirm is taken as done."""

    def bad(self, values):
        try:
            connection = self._checkout()
        except CacheError:
            return
        try:
            connection.pipeline(
                cache_module.as_command(key, value) for key, value in values.items()
            )
        except CacheError:
            connection.close()
            return
        self._checkin(connection)

    plant.setattr(RedisCache, "put", bad)


def old_connections_kept(plant: Plant) -> None:
    """Admission neither cuts earlier connections nor drops what is doubtful."""

    def bad(self, truths=None, progress=None):
        connection = cache_module.RedisConnection(self._path, 0.25)
        try:
            self._run_id = cache_module.run_id_of(connection)
            with self._lock:
                self._distrusted_keys, self._distrust_all = set(), False
                self._generation += 1
                self._trusted_as = self._generation
        finally:
            connection.close()
        return Admission()

    plant.setattr(RedisCache, "trust", bad)


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


def error_taken_as_miss_of_everything(plant: Plant) -> None:
    """A database that cannot be read is taken as one without the row."""

    def bad(self, key):
        row = read(self, key)
        return ABSENT if hash(key) % 7 == 0 and row.seq % 50 == 0 else row

    read = SqliteDatabase.read
    plant.setattr(SqliteDatabase, "read", bad)


def cache_before_log(plant: Plant) -> None:
    """Redis is changed first and the log second: a failed append leaves what nobody wrote."""
    append = QueueLog.append

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
                    old = heads[key] if key in heads else self._truth(key).value
                    heads[key] = change(old, op, arg)
                except (ValueError, OverflowError):
                    continue
        self._cache.put(heads)
        commit(self, group)

    plant.setattr(QueueLog, "append", bad)
    plant.setattr(behind_module.WriteBehind, "_commit", early)


def snapshot_trusted(plant: Plant) -> None:
    """What a warm Redis brings with it is kept without a look."""
    plant.setattr(
        admission_module,
        "verify",
        lambda connection, truths, progress: (connection.call(b"DBSIZE"), 0),
    )


def snapshot_not_emptied(plant: Plant) -> None:
    """Another server is taken for an empty one, whatever snapshot it has read."""
    plant.setattr(
        cache_module, "clear", lambda connection, truths, progress: Admission(emptied=True)
    )


CACHE = (
    row_before_overlay,
    overlay_forgotten,
    fill_without_fence,
    flight_joined_late,
    distrust_forgotten,
    timeout_ignored,
    old_connections_kept,
    cache_forgotten_after_through,
    error_taken_as_miss_of_everything,
    cache_before_log,
    snapshot_trusted,
    snapshot_not_emptied,
)

__all__ = ["CACHE"]
