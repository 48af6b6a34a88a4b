"""The random settings and faults of a free cycle."""

from __future__ import annotations

import random

from cachedesk.core.commands import (
    Command,
    EvictAll,
    EvictKey,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetBatch,
    StepWorker,
)
from cachedesk.core.errors import CachedeskError
from cachedesk.core.eviction_policies import EvictionPolicy
from cachedesk.core.settings import (
    DatabaseSettings,
    LogSettings,
    RedisSettings,
    Settings,
    WorkerSettings,
)
from cachedesk.lab.torture import plan
from cachedesk.stack.fault_catalog import NAMES
from cachedesk.stack.stack import Stack

_MEBIBYTE = 1024 * 1024
_STRIKES = 0.6
_EVICTION_POLICIES: tuple[EvictionPolicy, ...] = (
    "allkeys-lru",
    "allkeys-random",
    "noeviction",
    "volatile-lru",
)

# All other faults have the weight 1.
_WEIGHTS = {"redis.hang": 6, "redis.empty": 4, "redis.old_snapshot": 6, "redis.kill": 3}

# The first kills the process, which only the judge may do; the second breaks no promise, but the
# judge would find an event that is neither applied nor pending.
_NOT_FOR_TORTURE = ("process.", "poison")


def random_settings(seed: int) -> Settings:
    """Return the settings of a cycle, with limits small enough that every branch is taken."""
    rng = random.Random(seed)
    return Settings(
        redis=RedisSettings(
            maxmemory_bytes=rng.choice((2, 64)) * _MEBIBYTE,
            eviction_policy=rng.choice(_EVICTION_POLICIES),
            restart=rng.choice(("empty", "warm")),
            snapshot_seconds=1,
        ),
        log=LogSettings(
            limit_events=rng.choice((50, 1_000_000, 1_000_000)),
            when_full=rng.choice(("block", "reject", "write-through")),
            block_seconds=0.05,
        ),
        worker=WorkerSettings(
            batch_events=rng.choice((1, 7, 100, 1_000)),
            batch_age_seconds=rng.choice((0.0, 0.01, 0.1, 0.5)),
            retry_seconds=0.005,
            retry_max_seconds=0.1,
        ),
        database=DatabaseSettings(write_seconds=rng.choice((0.1, 0.5))),
    )


def usable_faults() -> tuple[str, ...]:
    """Return the names of the faults in the catalog that a torture may inject."""
    return tuple(name for name in NAMES if not any(word in name for word in _NOT_FOR_TORTURE))


def strike(stack: Stack, rng: random.Random) -> None:
    """Sometimes inject a fault, heal all of them, or control the worker or the cache."""
    if rng.random() >= _STRIKES:
        return
    try:
        stack.perform(_command(rng))
    except CachedeskError:
        # It cannot be injected now, because of another fault.
        return


def _command(rng: random.Random) -> Command:
    if rng.random() < 0.5:
        names = usable_faults()
        weights = [_WEIGHTS.get(name, 1) for name in names]
        return Inject(rng.choices(names, weights)[0])
    others: tuple[Command, ...] = (
        *[Heal()] * 5,
        EvictAll(),
        EvictKey(plan.key_name(rng.randrange(plan.KEYS))),
        PauseWorker(),
        ResumeWorker(),
        StepWorker(),
        SetBatch(rng.choice((1, 50, 1_000)), rng.choice((0.0, 0.05))),
    )
    return rng.choice(others)
