"""Settings: all parameters of the stack as frozen values, documented here.

``cachedesk.config`` reads them from TOML; ``cachedesk.open`` takes them as an argument. msgspec
checks the bounds in the annotations wherever a value comes from outside.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cachedesk.core.eviction_policies import EvictionPolicy
from cachedesk.core.policy import Policy

MEBIBYTE = 1024 * 1024

Seconds = Annotated[float, Meta(gt=0, le=3600)]
PolicyName = Literal["write-through", "write-behind"]

PolicySetting = PolicyName | Policy

DEFAULT_POLICIES: dict[str, PolicySetting] = {
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
    """Settings of the cache.

    ``maxmemory_bytes``: how much memory Redis may use before it evicts keys.
    ``eviction_policy``: how it chooses them (``noeviction``: it refuses new keys instead;
    ``volatile-*``: only keys that expire).
    ``timeout_seconds``: how long one call may wait for Redis before the cache is bypassed.
    ``restart``: what Redis holds after a restart: ``"empty"`` for nothing, or ``"warm"``: it saves
    a snapshot every ``snapshot_seconds``, and each key of it is compared with the truth before it
    may be read.
    """

    maxmemory_bytes: Annotated[int, Meta(ge=2 * MEBIBYTE, le=1 << 40)] = 64 * MEBIBYTE
    eviction_policy: EvictionPolicy = "allkeys-lru"
    timeout_seconds: Annotated[float, Meta(ge=0.005, le=5)] = 0.05
    restart: Literal["empty", "warm"] = "empty"
    snapshot_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the write-behind log.

    ``limit_events`` and ``limit_bytes``: the most that may be pending. ``when_full``: what happens
    to a write at that limit: ``"block"`` waits up to ``block_seconds`` for room, ``"reject"``
    raises ``LogFull`` at once, ``"write-through"`` takes the write-through path.
    """

    limit_events: Annotated[int, Meta(ge=1)] = 1_000_000
    limit_bytes: Annotated[int, Meta(ge=1024)] = 512 * MEBIBYTE
    when_full: Literal["block", "reject", "write-through"] = "block"
    block_seconds: Seconds = 2.0


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the flush worker.

    A batch is flushed when ``batch_events`` are waiting, or when the oldest has waited
    ``batch_age_seconds``. After a failure the worker waits ``retry_seconds``, doubled each time up
    to ``retry_max_seconds``. An event that a constraint or trigger of the database refuses
    ``max_attempts`` times becomes a dead letter; a locked, full or missing database never causes
    dead letters.
    """

    batch_events: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    batch_age_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.25
    retry_seconds: Seconds = 0.05
    retry_max_seconds: Seconds = 2.0
    max_attempts: Annotated[int, Meta(ge=1, le=100)] = 5


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the system of record. ``write_seconds``: the deadline of one write-through call
    in seconds."""

    write_seconds: Seconds = 2.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. ``policies`` maps key patterns to paths, or to a ``Policy`` with a path and an
    expiry; the first match wins. ``codecs`` maps them
    to ``"json"``, ``"msgpack"`` or ``"none"``, with ``",compress=4kb"`` if wanted.

    >>> settings = Settings(log=LogSettings(limit_events=10_000, when_full="reject"))
    >>> settings.log.limit_events, settings.worker.batch_events, settings.policies["views:*"]
    (10000, 1000, 'write-behind')
    """

    policies: dict[str, PolicySetting] = msgspec.field(
        default_factory=lambda: dict(DEFAULT_POLICIES)
    )
    redis: RedisSettings = RedisSettings()
    log: LogSettings = LogSettings()
    worker: WorkerSettings = WorkerSettings()
    database: DatabaseSettings = DatabaseSettings()
    codecs: dict[str, str] = {}
