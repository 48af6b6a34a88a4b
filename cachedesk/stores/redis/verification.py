"""Verification: what may stay in Redis after it came back with a snapshot.

A snapshot is old by nature. Each key that it brought is taken over into the new generation, where
no command that was sent earlier can change it any more, and is then compared with the truth; what
differs is dropped. Nothing is read before all of it was compared. A key that is written meanwhile
is remembered as distrusted by the cache and dropped before the cache is trusted, so the comparison
need not be of one instant (promise 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.namespace import Namespace

Truths = Callable[[Sequence[bytes]], Mapping[bytes, bytes | None]]
Progress = Callable[[float], None]

_SCAN_COUNT = 1_000
# Values are up to 1 MiB: so many of them are in memory at once.
_KEYS_PER_READ = 100


def verify(
    connection: RedisConnection, namespace: Namespace, truths: Truths, progress: Progress
) -> tuple[int, int]:
    """Take over every key of an earlier generation whose value in Redis is its truth, and drop the
    other keys of the cache.

    Args:
        connection: to the server.
        namespace: of the cache, in a generation that has no keys yet.
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
        cursor, found = cast(
            "tuple[bytes, list[bytes]]",
            connection.call(b"SCAN", cursor, b"MATCH", namespace.owned, b"COUNT", _SCAN_COUNT),
        )
        # A key may be found twice, and again after it was taken over.
        earlier = [it for it in dict.fromkeys(found) if namespace.is_leftover(it)]
        for start in range(0, len(earlier), _KEYS_PER_READ):
            agreed, differed = _take_over(
                connection, namespace, earlier[start : start + _KEYS_PER_READ], truths
            )
            kept, dropped = kept + agreed, dropped + differed
        progress(min(1.0, (kept + dropped) / max(1, total)))
        if cursor == b"0":
            return kept, dropped


def _take_over(
    connection: RedisConnection, namespace: Namespace, earlier: Sequence[bytes], truths: Truths
) -> tuple[int, int]:
    """Move some keys into the current generation, and drop there what differs from the truth.

    In this order: a write of an earlier generation may be on its way until the key has moved.
    """
    names = {it: key for it in earlier if (key := namespace.key_of(it)) is not None}
    moves = [(b"RENAME", it, namespace.current + key) for it, key in names.items()]
    keys = list(dict.fromkeys(names.values()))
    stored = namespace.stored(keys)
    replies = connection.pipeline([*moves, *((b"GET", it) for it in stored)])
    true = truths(keys)
    # What is no string of ours comes back as an error, which is never equal to a value.
    values = zip(keys, stored, replies[len(moves) :], strict=True)
    wrong = [it for key, it, value in values if value is None or value != true[key]]
    kept = len(keys) - len(wrong)
    wrong += [it for it in earlier if it not in names]
    if wrong:
        connection.call(b"UNLINK", *wrong)
    return kept, len(wrong)
