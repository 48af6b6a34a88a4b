"""Memory limits: how much Redis may use and how it chooses what to evict, changed while it runs.

A change applies to the running server and to every one started later. A squeeze is a lower limit
of one server, until that server ends or the squeeze is released.

A command that Redis did not answer in time may be carried out later, after a newer one. So the
cache is then distrusted: the connection of the command is closed at the server before the cache is
trusted again, and the limits are applied once more.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import get_type_hints

import msgspec

from cachedesk.core.errors import CacheError, ConfigError, Unavailable
from cachedesk.core.eviction_policies import EVICTION_POLICIES, eviction_warning, no_such_policy
from cachedesk.core.settings import MEBIBYTE, RedisSettings
from cachedesk.stores.redis.connection import Reply
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.server_process import RedisServer

_TRIES = 5
(_BOUNDS,) = get_type_hints(RedisSettings, include_extras=True)["maxmemory_bytes"].__metadata__


def changed(
    settings: RedisSettings, maxmemory_bytes: int | None, eviction_policy: str | None
) -> RedisSettings:
    """Return ``settings`` with other limits; ``None`` leaves one as it is.

    Raises:
        ConfigError: a limit is out of range, or there is no such eviction policy.
    """
    if maxmemory_bytes is not None:
        number = isinstance(maxmemory_bytes, int) and not isinstance(maxmemory_bytes, bool)
        if not number or not _BOUNDS.ge <= maxmemory_bytes <= _BOUNDS.le:
            raise ConfigError(
                f"Redis's memory is {_BOUNDS.ge:,} to {_BOUNDS.le:,} bytes, not {maxmemory_bytes!r}"
            )
        settings = msgspec.structs.replace(settings, maxmemory_bytes=maxmemory_bytes)
    if eviction_policy is not None:
        if eviction_policy not in EVICTION_POLICIES:
            raise ConfigError(no_such_policy(eviction_policy))
        settings = msgspec.structs.replace(settings, eviction_policy=eviction_policy)
    return settings


class MemoryLimits:
    """The memory limits of one stack's Redis. Thread-safe."""

    def __init__(self, settings: RedisSettings, server: RedisServer, cache: RedisCache) -> None:
        """Begin with the limits with which ``server`` is started."""
        self._settings = settings
        self._server = server
        self._cache = cache
        self._lock = threading.Lock()
        self._squeezed_bytes: int | None = None
        self._squeezed_pid: int | None = None
        self.uncertain = False

    @property
    def maxmemory_bytes(self) -> int:
        """The memory limit of the server that runs now, or will run next, in bytes."""
        usual, squeezed = self._settings.maxmemory_bytes, self._squeezed_bytes
        if squeezed is None or self._server.pid != self._squeezed_pid:
            return usual
        return min(usual, squeezed)

    @property
    def usual_bytes(self) -> int:
        """The memory limit without a squeeze, in bytes."""
        return self._settings.maxmemory_bytes

    @property
    def eviction_policy(self) -> str:
        """How the server chooses what to evict."""
        return self._settings.eviction_policy

    def set(self, maxmemory_bytes: int | None, eviction_policy: str | None) -> str:
        """Change the limits of the running server and of later ones; ``None`` leaves one as it is.
        Return a sentence that states the limits.

        Raises:
            ConfigError: as for ``changed``; nothing is changed.
        """
        with self._lock:
            self._settings = changed(self._settings, maxmemory_bytes, eviction_policy)
            self._server.use(self._settings)
            said = f"Redis may use {_size(self.usual_bytes)} and evicts by {self.eviction_policy}"
            if eviction_policy and (warning := eviction_warning(eviction_policy)):
                said = f"{said}; {warning}"
            # Before the check: if the cache becomes trusted meanwhile, either ``reapply`` sees this
            # or the check sees the trust.
            self.uncertain = True
            if not self._cache.trusted:
                return f"{said}, from when it is back"
            try:
                self._send()
            except CacheError:
                return f"{said}, from when it answers again"
            if self.maxmemory_bytes < self.usual_bytes:
                return f"{said}, but redis.squeeze holds it at {_size(self.maxmemory_bytes)} as yet"
            return said

    def squeeze(self, limit_bytes: int, pid: int | None) -> None:
        """Limit the server ``pid`` to ``limit_bytes`` for the rest of its life.

        Raises:
            Unavailable: Redis does not answer; its limit is unchanged.
        """
        self._change_squeeze(limit_bytes, pid)

    def release(self) -> None:
        """End a squeeze; errors as for ``squeeze``."""
        self._change_squeeze(None, None)

    def reapply(self) -> None:
        """Send the limits to Redis if it may have others. Call it when no command sent before can
        still be carried out."""
        with self._lock:
            if self.uncertain:
                self._send()

    def _change_squeeze(self, limit_bytes: int | None, pid: int | None) -> None:
        with self._lock:
            before = self._squeezed_bytes, self._squeezed_pid
            self._squeezed_bytes, self._squeezed_pid = limit_bytes, pid
            try:
                self._send()
            except CacheError as error:
                self._squeezed_bytes, self._squeezed_pid = before
                raise Unavailable(f"Redis does not answer: {error}") from error

    def _send(self) -> None:
        self.uncertain = True
        try:
            ask(self._cache, b"CONFIG", b"SET", b"maxmemory", self.maxmemory_bytes)
            policy = self.eviction_policy.encode()
            ask(self._cache, b"CONFIG", b"SET", b"maxmemory-policy", policy)
        except CacheError as error:
            self._cache.distrust((), f"its memory limit is uncertain: {error}")
            raise
        self.uncertain = False


def ask(cache: RedisCache, *command: bytes | int) -> Reply:
    """Return Redis's reply, trying several times, because restoring the trust may close the
    connection meanwhile.

    Raises:
        CacheError: there is no reply.
    """
    for _ in range(_TRIES - 1):
        with suppress(CacheError):
            return cache.ask(*command)
    return cache.ask(*command)


def _size(number: int) -> str:
    return f"{number // MEBIBYTE:,} MiB" if number % MEBIBYTE == 0 else f"{number:,} bytes"
