"""Eviction: a sweep through Redis that drops what was chosen, without holding it up.

Redis is asked for its keys some at a time, and frees what is dropped in a thread of its own, so
callers get in between. To drop a key is always safe: the truth keeps it, and a read repairs it.
"""

from __future__ import annotations

from typing import cast

from cachedesk.core.eviction import Choice
from cachedesk.stores.redis.connection import RedisConnection

_SCAN_COUNT = 1_000
_EVICTIONS_AT_ONCE = 1_000


def sweep(connection: RedisConnection, choose: Choice) -> tuple[int, int]:
    """Evict what ``choose`` says; return how many keys were evicted, and of how many.

    Raises:
        CacheError: Redis does not answer.
    """
    evicted = seen = 0
    cursor = b"0"
    while True:
        cursor, found = cast(
            "tuple[bytes, list[bytes]]", connection.call(b"SCAN", cursor, b"COUNT", _SCAN_COUNT)
        )
        keys = list(dict.fromkeys(found))
        seen += len(keys)
        chosen = choose(keys)
        for start in range(0, len(chosen), _EVICTIONS_AT_ONCE):
            some = chosen[start : start + _EVICTIONS_AT_ONCE]
            evicted += cast("int", connection.call(b"UNLINK", *some))
        if cursor == b"0":
            return evicted, seen
