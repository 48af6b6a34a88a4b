"""Verification: what may stay in Redis after it came back with a snapshot.

A snapshot is old by nature. Each key that it brought is compared with the truth before anybody
may read it, and what differs is dropped; a key that is written meanwhile is remembered as
doubtful by the cache and dropped before it is admitted, so the comparison need not be of one
instant (promise 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from cachedesk.stores.redis.connection import RedisConnection

Truths = Callable[[Sequence[bytes]], Mapping[bytes, bytes | None]]
Progress = Callable[[float], None]

_SCAN_COUNT = 1_000
# Values are up to 1 MiB: so many of them are in memory at once.
_KEYS_PER_READ = 100


def verify(connection: RedisConnection, truths: Truths, progress: Progress) -> tuple[int, int]:
    """Drop every key whose value in Redis is not its truth.

    Args:
        connection: to a server that nobody else talks to.
        truths: gives the value of each key (``None``: absent).
        progress: told from time to time what share is done, 0 to 1.

    Returns:
        How many keys were kept, and how many dropped.

    Raises:
        CacheError: the server does not answer.
        DatabaseError: the truth cannot be read.
    """
    total = cast("int", connection.call(b"DBSIZE"))
    kept = dropped = 0
    cursor = b"0"
    progress(0.0)
    while True:
        cursor, keys = cast(
            "tuple[bytes, list[bytes]]", connection.call(b"SCAN", cursor, b"COUNT", _SCAN_COUNT)
        )
        wrong = _wrong(connection, list(dict.fromkeys(keys)), truths)
        if wrong:
            connection.call(b"UNLINK", *wrong)
        dropped += len(wrong)
        kept += len(keys) - len(wrong)
        progress(min(1.0, (kept + dropped) / max(1, total)))
        if cursor == b"0":
            return kept, dropped


def _wrong(connection: RedisConnection, keys: Sequence[bytes], truths: Truths) -> list[bytes]:
    wrong: list[bytes] = []
    for start in range(0, len(keys), _KEYS_PER_READ):
        some = keys[start : start + _KEYS_PER_READ]
        values = connection.pipeline((b"GET", key) for key in some)
        true = truths(some)
        # What is no string of ours comes back as an error, which is never equal to a value.
        wrong += [key for key, value in zip(some, values, strict=True) if value != true[key]]
    return wrong
