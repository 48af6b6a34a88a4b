"""The embedded stores: Redis as a child process, the log and the database in a data directory."""

from __future__ import annotations

from cachedesk.core.stores import StoreContext, Stores
from cachedesk.stores.embedded.preflight import check_directory
from cachedesk.stores.files.data_directory import DataDirectory
from cachedesk.stores.queue_log.opening import open_log
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis.embedded_redis import EmbeddedRedis
from cachedesk.stores.redis.server_process import RedisServer, executable
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase


def open_cache(directory: DataDirectory, context: StoreContext) -> EmbeddedRedis:
    """Prepare Redis for ``directory``; stop a server that an earlier process left running."""
    settings = context.settings.redis
    return EmbeddedRedis(
        RedisServer(directory.path, settings),
        settings,
        announce=context.announce,
        kept=context.kept,
        failpoints=context.failpoints,
        run=context.run,
    )


def open_queue_log(directory: DataDirectory, context: StoreContext) -> QueueLog:
    """Open or create the write-behind log of ``directory``; errors as for ``open_log``."""
    return open_log(directory.log, context.failpoints)


def open_database(directory: DataDirectory, context: StoreContext) -> SqliteDatabase:
    """Open or create the database of ``directory``; errors as for ``SqliteDatabase``."""
    return SqliteDatabase(directory.database, context.settings.database.write_seconds)


EMBEDDED = Stores(
    require=executable,
    lock=DataDirectory,
    cache=open_cache,
    check=check_directory,
    database=open_database,
    log=open_queue_log,
)
"""The default: everything in one data directory of this machine."""
