"""Sweeps: passes over the keys of a cache in Redis that drop some of them without blocking Redis.

Keys are listed in small steps, and Redis frees the memory of dropped keys in another thread, so
other commands run in between. Dropping a key is always safe: the database and the log hold its
value, and a read restores it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cachedesk.core.eviction import Choice
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.namespace import Namespace

_SCAN_COUNT = 1_000
_EVICTIONS_AT_ONCE = 1_000


def every_key(keys: Sequence[bytes]) -> Sequence[bytes]:
    """Choose every key."""
    return keys


def sweep(connection: RedisConnection, namespace: Namespace, choose: Choice) -> tuple[int, int]:
    """Evict the keys of a cache that ``choose`` returns; return how many were evicted, and of how
    many.

    Raises:
        CacheError: Redis does not answer.
    """
    evicted = seen = 0
    cursor, prefix = b"0", namespace.current
    while True:
        cursor, found = scan(connection, cursor, prefix + b"*")
        keys = [stored[len(prefix) :] for stored in found]
        seen += len(keys)
        evicted += _unlink(connection, [prefix + key for key in choose(keys)])
        if cursor == b"0":
            return evicted, seen


def sweep_leftovers(connection: RedisConnection, namespace: Namespace, cursor: bytes) -> bytes:
    """Drop some of the keys of earlier generations, which are not read any more.

    Args:
        connection: to the server.
        namespace: of the cache.
        cursor: what the last call returned; ``b"0"``: begin.

    Returns:
        Where to continue; ``b"0"`` at the end.

    Raises:
        CacheError: Redis does not answer.
    """
    cursor, found = scan(connection, cursor, namespace.owned)
    _unlink(connection, [it for it in found if namespace.is_leftover(it)])
    return cursor


def scan(connection: RedisConnection, cursor: bytes, pattern: bytes) -> tuple[bytes, list[bytes]]:
    """Return where to continue, and some keys that match ``pattern``; errors as for ``sweep``."""
    reply = connection.call(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", _SCAN_COUNT)
    after, found = cast("tuple[bytes, list[bytes]]", reply)
    return after, list(dict.fromkeys(found))


def _unlink(connection: RedisConnection, stored: Sequence[bytes]) -> int:
    dropped = 0
    for start in range(0, len(stored), _EVICTIONS_AT_ONCE):
        some = stored[start : start + _EVICTIONS_AT_ONCE]
        dropped += cast("int", connection.call(b"UNLINK", *some))
    return dropped
