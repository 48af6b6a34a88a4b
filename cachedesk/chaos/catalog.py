"""The catalogue: every fault there is, in the order in which they are healed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable

from cachedesk.chaos.poison_event import LogPoison
from cachedesk.chaos.process_kill import ProcessKill
from cachedesk.chaos.worker_crash import WorkerCrash
from cachedesk.core.errors import ConfigError
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.fault import Fault
from cachedesk.stores.queue_log.log_faults import LogFull
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis.embedded_redis import EmbeddedRedis
from cachedesk.stores.redis.redis_faults import (
    RedisDown,
    RedisEmpty,
    RedisHang,
    RedisKill,
    RedisOldSnapshot,
    RedisSqueeze,
)
from cachedesk.stores.sqlite.database_faults import (
    DatabaseFull,
    DatabaseGone,
    DatabaseLock,
    DatabaseReadonly,
    DatabaseSlow,
)
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase

# A Redis that is held goes on before it is asked for anything.
_KINDS: tuple[type[Fault], ...] = (
    RedisKill,
    RedisDown,
    RedisHang,
    RedisEmpty,
    RedisOldSnapshot,
    RedisSqueeze,
    WorkerCrash,
    DatabaseLock,
    DatabaseFull,
    DatabaseReadonly,
    DatabaseSlow,
    DatabaseGone,
    LogFull,
    LogPoison,
    ProcessKill,
)

KINDS = {kind.name: kind for kind in _KINDS}
NAMES = tuple(KINDS)

_LONGEST_SECONDS = 86_400.0


def catalogue(
    redis: EmbeddedRedis,
    database: SqliteDatabase,
    log: QueueLog,
    *,
    failpoints: Failpoints,
    kept: Callable[[], str],
    patience_seconds: float,
    poison: LogPoison,
) -> tuple[Fault, ...]:
    """Return one fault of each kind for a stack of embedded stores, in the order of ``NAMES``.

    Args:
        redis: the cache.
        database: the system of record.
        log: the write-behind log.
        failpoints: of the stack.
        kept: says in words what becomes of keys that Redis loses.
        patience_seconds: how long a write waits for the database.
        poison: the fault that writes through the layer.
    """
    supervisor, cache = redis.supervisor, redis.cache
    return (
        RedisKill(supervisor),
        RedisDown(supervisor),
        RedisHang(supervisor, cache),
        RedisEmpty(cache, kept),
        RedisOldSnapshot(supervisor, cache),
        RedisSqueeze(supervisor, cache),
        WorkerCrash(failpoints),
        DatabaseLock(database),
        DatabaseFull(database),
        DatabaseReadonly(database),
        DatabaseSlow(database, patience_seconds),
        DatabaseGone(database),
        LogFull(log),
        poison,
        ProcessKill(),
    )


def parsed(text: str) -> tuple[str, str]:
    """Return the name and the argument of a fault written as ``name`` or ``name:argument``.

    Raises:
        ConfigError: there is no such fault (the nearest is named), or it takes no such argument.
    """
    name, colon, argument = text.partition(":")
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise ConfigError(f"there is no fault {name!r}; {hint}")
    if colon and not argument:
        raise ConfigError(f"the fault {text!r} ends with a colon; write {name!r}")
    KINDS[name].check(argument)
    return name, argument


def check_duration(text: str, seconds: float) -> None:
    """See that a fault may be held for so many seconds.

    Raises:
        ConfigError: it passes by itself, or that is no time that could be chosen.
    """
    name = parsed(text)[0]
    if not KINDS[name].lasting:
        raise ConfigError(f"{name} passes by itself; it cannot be held for {seconds:g} s")
    if not (math.isfinite(seconds) and 0 < seconds <= _LONGEST_SECONDS):
        raise ConfigError(
            f"a fault is held for more than 0 and at most {_LONGEST_SECONDS:,.0f} seconds,"
            f" not {seconds:g}"
        )


def known(text: str) -> str:
    """Return ``text`` if it is a fault; errors as for ``parsed``."""
    parsed(text)
    return text
