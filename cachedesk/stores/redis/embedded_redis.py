"""The embedded Redis: a child process, its supervisor, and the cache in it, as one store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cachedesk.core.cache_stats import CacheStats
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import CacheError
from cachedesk.core.eviction import matching_command, share_of_all
from cachedesk.core.eviction_policies import evicts_only_expiring
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.fault import Fault
from cachedesk.core.ports import Truths
from cachedesk.core.recorder import Announce
from cachedesk.core.settings import RedisSettings
from cachedesk.core.snapshot import Health, RedisState
from cachedesk.stores.redis.admission import believe, start_over
from cachedesk.stores.redis.connection import Connect, RedisConnection
from cachedesk.stores.redis.memory_limits import MemoryLimits
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.redis_faults import faults_of
from cachedesk.stores.redis.server_process import RedisServer
from cachedesk.stores.redis.supervisor import RedisSupervisor


class EmbeddedRedis:
    """A ``CacheStore`` in a child process. Thread-safe."""

    name = "Redis"

    def __init__(
        self,
        server: RedisServer,
        settings: RedisSettings,
        *,
        announce: Announce,
        kept: Callable[[], str],
        failpoints: Failpoints,
        run: Callable[..., object],
        connect: Connect = RedisConnection,
        sole_tenant: bool = True,
    ) -> None:
        """Prepare; ``start`` starts the server.

        Args:
            server: the child process, not started yet.
            settings: memory limit, eviction policy, timeout.
            announce: called with each engine event.
            kept: says where the values of keys that the server loses are still held.
            failpoints: of the stack.
            run: calls a function where no signal handler can interrupt it; see ``CallThread``.
            connect: opens a connection to the server.
            sole_tenant: see ``RedisCache``.
        """
        if settings.eviction_policy == "noeviction":
            announce(EventCode.REDIS_NOEVICTION)
        if evicts_only_expiring(settings.eviction_policy):
            announce(EventCode.REDIS_EVICTS_EXPIRING, eviction_policy=settings.eviction_policy)
        if server.stopped_orphan:
            announce(EventCode.REDIS_ORPHAN_STOPPED)
        self.server = server
        self._kept = kept
        self.cache = RedisCache(
            server.socket_path,
            settings.timeout_seconds,
            failpoints,
            run,
            connect,
            sole_tenant=sole_tenant,
        )
        self.limits = MemoryLimits(settings, self.server, self.cache)
        self.supervisor = RedisSupervisor(
            self.server, self.cache, announce, self.limits, kept, failpoints=failpoints
        )
        self._evicted = 0
        # Bound once, because these are called with every read and write.
        cache = self.cache
        self.get, self.get_at_once, self.get_many = cache.get, cache.get_at_once, cache.get_many
        self.put, self.distrust, self.sample = cache.put, cache.distrust, cache.sample
        self.evict, self.evict_key, self.evict_all = cache.evict, cache.evict_key, cache.evict_all
        self.stats = cache.stats
        self.set_limits = self.limits.set

    @property
    def address(self) -> str:
        """The unix socket of the server."""
        return self.server.socket_path

    @property
    def pid(self) -> int | None:
        """The server's pid, ``None`` while it does not run."""
        return self.supervisor.pid

    @property
    def restarts(self) -> int:
        """How often the server was restarted."""
        return self.supervisor.restarts

    def faults(self) -> Sequence[Fault]:
        """Return one fault of each of its kinds."""
        return faults_of(self.supervisor, self.cache, self._kept)

    def check_restarts(self, on: bool) -> None:
        """Check the contents of a restarted server against the truth, or trust them unchecked."""
        self.cache.trusted_server.start_over = start_over if on else believe

    @property
    def trusted(self) -> bool:
        """Whether Redis is trusted, and so used, at the moment."""
        return self.cache.trusted

    @property
    def trust_number(self) -> int | None:
        """See ``RedisCache.trust_number``."""
        return self.cache.trust_number

    def evict_matching(self, pattern: str) -> int:
        """Drop the keys that match a pattern that a user wrote; return how many.

        Raises:
            ConfigError: the pattern is invalid.
            Unavailable: Redis does not answer.
        """
        return self.cache.evict_chosen(matching_command(pattern))[0]

    def evict_share(self, share: float) -> tuple[int, int]:
        """Drop a share of all keys, chosen at random; return how many, and of how many.

        Raises:
            ConfigError: ``share`` is not above 0 and at most 1.
            Unavailable: Redis does not answer.
        """
        return self.cache.evict_chosen(share_of_all(share))

    def expires_in(self, key: bytes) -> float | None:
        """Return in how many seconds ``key`` expires, ``None`` if it does not.

        Raises:
            CacheError: there is no answer.
        """
        reply = self.cache.ask(b"PTTL", self.cache.stored_as(key))
        return reply / 1000 if isinstance(reply, int) and reply >= 0 else None

    def start(self, truths: Truths) -> None:
        """Start the server in the background; wait until it is trusted or fails to start, but not
        long, because the stack works without it.

        Args:
            truths: returns the true values of keys, to compare a snapshot with.
        """
        self.supervisor.start(truths)
        self.supervisor.wait_until_tried()

    def state(self) -> RedisState:
        """Return the current state, for a snapshot of the stack."""
        try:
            stats = self.cache.stats()
            health, self._evicted = Health.UP, stats.evicted
        except CacheError:
            # The server is not used now; these limits apply when it is back.
            memory, policy = self.limits.maxmemory_bytes, self.limits.eviction_policy
            stats = CacheStats(0, memory, policy, 0, self._evicted)
            health = Health.DOWN
        return RedisState(
            health=health,
            word=self.supervisor.word,
            memory_bytes=stats.memory_bytes,
            maxmemory_bytes=stats.maxmemory_bytes,
            eviction_policy=stats.eviction_policy,
            keys=stats.keys,
            evicted=stats.evicted,
            restarts=self.supervisor.restarts,
            pid=self.supervisor.pid,
            bypasses=self.supervisor.bypasses,
        )

    def close(self) -> None:
        """Stop the server and leave nothing behind."""
        self.supervisor.close()
