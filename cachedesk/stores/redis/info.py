"""The figures of a Redis server, and the number of keys of a cache in it."""

from __future__ import annotations

from typing import cast

from cachedesk.core.cache_stats import CacheStats
from cachedesk.stores.redis.admission import fields
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.namespace import Namespace

_SAMPLE = 1_000


def read_stats(connection: RedisConnection, namespace: Namespace) -> CacheStats:
    """Read the figures of a server.

    Args:
        connection: to the server.
        namespace: of the cache whose keys count.

    Raises:
        CacheError: there is no answer.
    """
    memory = fields(connection.call(b"INFO", b"memory"))
    stats = fields(connection.call(b"INFO", b"stats"))
    return CacheStats(
        memory_bytes=int(memory[b"used_memory"]),
        maxmemory_bytes=int(memory[b"maxmemory"]),
        eviction_policy=memory[b"maxmemory_policy"].decode(),
        keys=count_keys(connection, namespace),
        evicted=int(stats[b"evicted_keys"]),
    )


def count_keys(connection: RedisConnection, namespace: Namespace) -> int:
    """Return how many keys of the cache a server holds. On a server with other users, the number is
    exact up to about 1,000 keys in all; above that it is an estimate from a sample of as many, so
    that the cost does not grow. Arguments and errors as for ``read_stats``."""
    total = cast("int", connection.call(b"DBSIZE"))
    if namespace.sole_tenant:
        return total
    cursor, found = cast(
        "tuple[bytes, list[bytes]]", connection.call(b"SCAN", b"0", b"COUNT", _SAMPLE)
    )
    keys = set(found)
    ours = sum(key.startswith(namespace.current) for key in keys)
    return ours if cursor == b"0" else round(total * ours / max(1, len(keys)))
