"""Faults of Redis: signals and commands to the real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from cachedesk.core.errors import CacheError, ConfigError, Unavailable
from cachedesk.core.fault import Fault, as_seconds
from cachedesk.stores.redis.memory_limits import ask
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.supervisor import RedisSupervisor

_OLD_SECONDS = 0.5


class RedisKill(Fault):
    """SIGKILL; the server is restarted: empty, or in a warm restart with its last snapshot."""

    name, title = "redis.kill", "kill Redis (SIGKILL); it is restarted"

    def __init__(self, supervisor: RedisSupervisor) -> None:
        self._supervisor = supervisor

    def obstacle(self, argument: str = "") -> str:
        return _not_running(self._supervisor)

    def inject(self, argument: str = "") -> str:
        return f"Redis was killed (SIGKILL to pid {self._supervisor.kill()})"


class RedisDown(Fault):
    """SIGKILL, and no restart."""

    name, title, lasting = "redis.down", "kill Redis and hold it down", True

    def __init__(self, supervisor: RedisSupervisor) -> None:
        self._supervisor = supervisor

    def obstacle(self, argument: str = "") -> str:
        return _not_running(self._supervisor)

    def inject(self, argument: str = "") -> str:
        self._supervisor.hold_down()
        return "Redis was killed and is held down"

    def heal(self) -> None:
        if self._supervisor.word == "held down":
            self._supervisor.release()


class RedisHang(Fault):
    """SIGSTOP: it accepts commands and never answers."""

    name, title, lasting = "redis.hang", "stop Redis (SIGSTOP): it hangs", True

    def __init__(self, supervisor: RedisSupervisor, cache: RedisCache) -> None:
        self._supervisor = supervisor
        self._cache = cache
        self._pid: int | None = None

    def obstacle(self, argument: str = "") -> str:
        # A server stopped while starting would not have requested to die with its parent yet.
        return _not_in_use(self._cache)

    def inject(self, argument: str = "") -> str:
        self._pid = self._supervisor.pid
        self._supervisor.hang()
        return "Redis was stopped (SIGSTOP); it hangs"

    def heal(self) -> None:
        if self._supervisor.word == "hung":
            self._supervisor.release()

    def over(self) -> str:
        return "the Redis that hung is gone" if self._supervisor.pid != self._pid else ""


class RedisOldSnapshot(Fault):
    """Redis saves a snapshot, runs for a moment, is killed, and restarts with the snapshot: values
    older than writes acknowledged since."""

    name, title = "redis.old_snapshot", "restart Redis with an old snapshot of itself"
    argument = "how long it goes on after the snapshot, like 2s"

    def __init__(self, supervisor: RedisSupervisor, cache: RedisCache) -> None:
        self._supervisor = supervisor
        self._cache = cache

    @classmethod
    def check(cls, argument: str) -> None:
        if argument and not as_seconds(argument):
            raise ConfigError(f"the fault {cls.name}: {argument!r} is not a time; write 2s")

    def obstacle(self, argument: str = "") -> str:
        return _not_in_use(self._cache)

    def inject(self, argument: str = "") -> str:
        self._supervisor.restart_with_old(as_seconds(argument) if argument else _OLD_SECONDS)
        return "Redis was saved; it will be killed, and come back with this snapshot"


class RedisEmpty(Fault):
    """Every key is dropped from the cache; misses fill it again."""

    name, title = "redis.empty", "evict every key from Redis"

    def __init__(self, cache: RedisCache, kept: Callable[[], str]) -> None:
        self._cache = cache
        self._kept = kept

    def obstacle(self, argument: str = "") -> str:
        return _not_in_use(self._cache)

    def inject(self, argument: str = "") -> str:
        return f"{self._cache.evict_all():,} keys were evicted from Redis; {self._kept()}"


class RedisSqueeze(Fault):
    """CONFIG SET maxmemory to less than Redis uses: Redis evicts by its policy, or refuses writes.
    A restart ends the fault, because a new server has the usual limit."""

    name = "redis.squeeze"
    title, lasting = "squeeze Redis's memory (maxmemory): it evicts by itself", True

    def __init__(self, supervisor: RedisSupervisor, cache: RedisCache) -> None:
        self._supervisor = supervisor
        self._cache = cache
        self._pid: int | None = None

    def obstacle(self, argument: str = "") -> str:
        return _not_in_use(self._cache)

    def inject(self, argument: str = "") -> str:
        pid = self._supervisor.pid
        try:
            memory = _numbers(ask(self._cache, b"INFO", b"memory"))
        except CacheError as error:
            raise Unavailable(f"Redis does not answer: {error}") from error
        # Half of the keys' memory; the server's own memory cannot be evicted.
        limit = memory[b"used_memory"] - memory[b"used_memory_dataset"] // 2
        self._supervisor.limits.squeeze(limit, pid)
        self._pid = pid
        return (
            f"Redis may use {limit:,} bytes instead of {self._supervisor.limits.usual_bytes:,};"
            " it evicts"
        )

    def heal(self) -> None:
        if self._pid is not None and not self.over():
            self._supervisor.limits.release()
        self._pid = None

    def over(self) -> str:
        if self._supervisor.pid == self._pid:
            return ""
        return "the Redis that was squeezed is gone, and the next has its usual limit"


# In this order a server that is held down or hangs is released before it is sent a command.
KINDS: tuple[type[Fault], ...] = (
    RedisKill,
    RedisDown,
    RedisHang,
    RedisEmpty,
    RedisOldSnapshot,
    RedisSqueeze,
)


def faults_of(
    supervisor: RedisSupervisor, cache: RedisCache, kept: Callable[[], str]
) -> tuple[Fault, ...]:
    """Return one fault of each of ``KINDS``.

    Args:
        supervisor: of the server to break.
        cache: in that server.
        kept: says where the values of keys that the server loses are still held.
    """
    return (
        RedisKill(supervisor),
        RedisDown(supervisor),
        RedisHang(supervisor, cache),
        RedisEmpty(cache, kept),
        RedisOldSnapshot(supervisor, cache),
        RedisSqueeze(supervisor, cache),
    )


def _not_running(supervisor: RedisSupervisor) -> str:
    return "" if supervisor.pid is not None else "Redis does not run"


def _not_in_use(cache: RedisCache) -> str:
    return "" if cache.trusted else "Redis is not in use"


def _numbers(info: object) -> dict[bytes, int]:
    fields = (line.partition(b":") for line in cast("bytes", info).splitlines())
    return {name: int(value) for name, _, value in fields if value.isdigit()}
