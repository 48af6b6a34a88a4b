"""What Redis says of itself, by INFO and DBSIZE."""

from __future__ import annotations

from typing import cast

from cachedesk.core.cache_stats import CacheStats
from cachedesk.stores.redis.admission import fields
from cachedesk.stores.redis.connection import RedisConnection


def asked(connection: RedisConnection) -> CacheStats:
    """Ask the server at ``connection`` and return its figures.

    Raises:
        CacheError: there is no answer.
    """
    memory = fields(connection.call(b"INFO", b"memory"))
    stats = fields(connection.call(b"INFO", b"stats"))
    return CacheStats(
        memory_bytes=int(memory[b"used_memory"]),
        maxmemory_bytes=int(memory[b"maxmemory"]),
        eviction_policy=memory[b"maxmemory_policy"].decode(),
        keys=cast("int", connection.call(b"DBSIZE")),
        evicted=int(stats[b"evicted_keys"]),
    )
