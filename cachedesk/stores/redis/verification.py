"""Verification: which keys of a snapshot may stay in Redis after a warm restart.

A snapshot is older than the truth. Each of its keys is moved into the new generation, where no
command sent earlier can change it, and then compared with the truth; keys that differ are dropped.
Nothing is read before all keys were compared. A key that is written meanwhile is recorded as
distrusted and dropped before the cache is trusted, so the comparison need not be of one instant
(promise 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from cachedesk.core.events import Entry
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.encoding import deadline_ms
from cachedesk.stores.redis.namespace import Namespace

Truths = Callable[[Sequence[bytes]], Mapping[bytes, Entry]]
Progress = Callable[[float], None]

_SCAN_COUNT = 1_000
# Values are up to 1 MiB, and those of one step are in memory together.
_KEYS_PER_READ = 100


def verify(
    connection: RedisConnection, namespace: Namespace, truths: Truths, progress: Progress
) -> tuple[int, int]:
    """Keep every key of an earlier generation whose value in Redis is the truth, and drop the other
    keys of the cache.

    Args:
        connection: to the server.
        namespace: of the cache, in a generation that has no keys yet.
        truths: returns the true entry of each key.
        progress: called now and then with the share that is done, 0 to 1.

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
        # SCAN may return a key twice, and again after it was moved.
        earlier = [it for it in dict.fromkeys(found) if namespace.is_leftover(it)]
        for start in range(0, len(earlier), _KEYS_PER_READ):
            agreed, differed = _move_and_compare(
                connection, namespace, earlier[start : start + _KEYS_PER_READ], truths
            )
            kept, dropped = kept + agreed, dropped + differed
        progress(min(1.0, (kept + dropped) / max(1, total)))
        if cursor == b"0":
            return kept, dropped


def _move_and_compare(
    connection: RedisConnection, namespace: Namespace, earlier: Sequence[bytes], truths: Truths
) -> tuple[int, int]:
    """Move some keys into the current generation, and drop those that differ from the truth.

    In this order, because a late write of an earlier generation may change a key until it is moved.
    """
    names = {it: key for it in earlier if (key := namespace.key_of(it)) is not None}
    moves = [(b"RENAME", it, namespace.current + key) for it, key in names.items()]
    keys = list(dict.fromkeys(names.values()))
    stored = namespace.stored(keys)
    replies = connection.pipeline([*moves, *((b"GET", it) for it in stored)])
    true = truths(keys)
    # For a key that is not a string, GET returns an error, which equals no value.
    values = zip(keys, stored, replies[len(moves) :], strict=True)
    wrong = [it for key, it, value in values if value is None or value != true[key].value]
    kept = len(keys) - len(wrong)
    # In the snapshot a key may have a later deadline than in the truth, or none.
    deadlines = [
        (b"PEXPIREAT", it, deadline_ms(at))
        for key, it in zip(keys, stored, strict=True)
        if (at := true[key].expires_at) is not None
    ]
    if deadlines:
        namespace.commands.expires = True
        connection.pipeline(deadlines)
    wrong += [it for it in earlier if it not in names]
    if wrong:
        connection.call(b"UNLINK", *wrong)
    return kept, len(wrong)
