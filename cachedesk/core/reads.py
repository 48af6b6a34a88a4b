"""The result of a read, and where the value came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReadSource(StrEnum):
    """Where a value came from: Redis, the database with pending events folded in, or the database
    alone. By the policy of the key also: Redis, which records that it is absent (``negative``), or
    the last known value, because the truth cannot be read (``stale``)."""

    REDIS = "redis"
    OVERLAY = "overlay"
    DATABASE = "database"
    NEGATIVE = "negative"
    STALE = "stale"

    __repr__ = str.__repr__


@dataclass(frozen=True, slots=True)
class Read:
    """The result of one read.

    ``value``: the value, ``None`` if the key is absent. ``source``: where it came from.
    ``pending``: how many events of the key were not in the database yet. ``seq``: the newest event
    in the value; ``None`` if the value came from Redis, which does not store it. ``expires_at``:
    when the value expires, in seconds since 1970; ``None``: never, or it came from Redis.

    >>> receipt = cache.set("order:3", "paid")
    >>> cache.evict("order:3")
    1
    >>> read = cache.read("order:3")
    >>> read.value, read.source, read.seq == receipt.seq
    (b'paid', 'database', True)
    >>> cache.read("order:3").source
    'redis'
    """

    value: bytes | None
    source: ReadSource
    pending: int
    seq: int | None
    expires_at: float | None = None
