"""Settings: every knob of the stack, documented once, as frozen values.

``cachedesk.config`` reads them from TOML; ``cachedesk.open`` takes them as arguments. The bounds
in the annotations are checked by msgspec wherever a value comes from outside.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cachedesk.core.eviction_policies import EvictionPolicy

MEBIBYTE = 1024 * 1024

Seconds = Annotated[float, Meta(gt=0, le=3600)]
PolicyName = Literal["write-through", "write-behind"]

DEFAULT_POLICIES: dict[str, PolicyName] = {
    "payment:*": "write-through",
    "order:*": "write-through",
    "balance:*": "write-through",
    "views:*": "write-behind",
    "likes:*": "write-behind",
    "active:*": "write-behind",
    "session:*": "write-behind",
    "analytics:*": "write-behind",
}


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cache.

    ``maxmemory_bytes``: where Redis begins to evict. ``eviction_policy``: how it chooses
    (``noeviction``: it refuses new keys instead).
    ``timeout_seconds``: how long one call may wait for Redis before the cache is bypassed.
    ``restart``: how Redis comes back after a restart: ``"empty"``, or ``"warm"``: it takes a
    snapshot every ``snapshot_seconds``, and each key of it is compared with the truth before it
    may be read.
    """

    maxmemory_bytes: Annotated[int, Meta(ge=2 * MEBIBYTE, le=1 << 40)] = 64 * MEBIBYTE
    eviction_policy: EvictionPolicy = "allkeys-lru"
    timeout_seconds: Annotated[float, Meta(ge=0.005, le=5)] = 0.05
    restart: Literal["empty", "warm"] = "empty"
    snapshot_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The write-behind log.

    ``limit_events`` and ``limit_bytes``: how much may be pending. ``when_full``: what a write
    then does: wait up to ``block_seconds`` for room, be rejected at once, or take the
    write-through path.
    """

    limit_events: Annotated[int, Meta(ge=1)] = 1_000_000
    limit_bytes: Annotated[int, Meta(ge=1024)] = 512 * MEBIBYTE
    when_full: Literal["block", "reject", "write-through"] = "block"
    block_seconds: Seconds = 2.0


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The flush worker.

    A batch is flushed when ``batch_events`` wait, or when the oldest has waited
    ``batch_age_seconds``. After a failure it waits ``retry_seconds``, doubled each time up to
    ``retry_max_seconds``. An event that the database refuses ``max_attempts`` times, by a
    constraint or trigger, becomes a dead letter; a database that is locked, full or gone never
    makes one.
    """

    batch_events: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    batch_age_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.25
    retry_seconds: Seconds = 0.05
    retry_max_seconds: Seconds = 2.0
    max_attempts: Annotated[int, Meta(ge=1, le=100)] = 5


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The system of record. ``write_seconds``: the deadline of one write-through call."""

    write_seconds: Seconds = 2.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. ``policies`` maps key patterns to paths; the first match wins.

    >>> settings = Settings(log=LogSettings(limit_events=10_000, when_full="reject"))
    >>> settings.log.limit_events, settings.worker.batch_events, settings.policies["views:*"]
    (10000, 1000, 'write-behind')
    """

    policies: dict[str, PolicyName] = msgspec.field(default_factory=lambda: dict(DEFAULT_POLICIES))
    redis: RedisSettings = RedisSettings()
    log: LogSettings = LogSettings()
    worker: WorkerSettings = WorkerSettings()
    database: DatabaseSettings = DatabaseSettings()
