"""What a reader gets, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReadSource(StrEnum):
    """Where a value came from."""

    REDIS = "redis"
    OVERLAY = "overlay"
    DATABASE = "database"

    __repr__ = str.__repr__


@dataclass(frozen=True, slots=True)
class Read:
    """One read.

    ``value``: the value, ``None`` when the key is absent. ``source``: where it came from.
    ``pending``: how many events of the key were not in the database. ``seq``: the newest event
    that is part of the value; ``None`` when it came from Redis, which does not keep it.

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
