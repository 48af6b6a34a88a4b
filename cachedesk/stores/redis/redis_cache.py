"""The cache: values in Redis, under names in the cache's own namespace.

``TrustedServer`` decides when they may be read. No command depends on what Redis held before:
values are set whole or dropped, so a command of unknown outcome is repaired by dropping its key. No
command affects a key or a connection of another user of the server, unless the cache is declared
to be its only user (``sole_tenant``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import cast

from cachedesk.core.cache_stats import CacheStats
from cachedesk.core.errors import CacheError, Unavailable
from cachedesk.core.events import Entry
from cachedesk.core.eviction import Choice, matching
from cachedesk.core.failpoints import Failpoints
from cachedesk.stores.redis.admission import Admission, ignore
from cachedesk.stores.redis.connection import Connect, RedisConnection, RedisReplyError, Reply
from cachedesk.stores.redis.info import read_stats
from cachedesk.stores.redis.namespace import DEFAULT_PREFIX, Namespace
from cachedesk.stores.redis.sweep import every_key, scan, sweep
from cachedesk.stores.redis.trusted_server import TrustedServer
from cachedesk.stores.redis.verification import Progress, Truths

_KEYS_PER_MGET = 10_000


class RedisCache:
    """The keys of one cache in one Redis. Thread-safe; no call waits longer than about one
    timeout."""

    def __init__(
        self,
        socket_path: str,
        timeout_seconds: float,
        failpoints: Failpoints | None = None,
        run: Callable[..., object] = lambda function, *arguments: function(*arguments),
        connect: Connect = RedisConnection,
        *,
        prefix: bytes = DEFAULT_PREFIX,
        sole_tenant: bool = False,
    ) -> None:
        """Prepare; the server need not run yet, and is not used before the first ``trust``.

        Args:
            socket_path: the unix socket of the server.
            timeout_seconds: how long a call may wait for it.
            failpoints: of the stack; by default none can be armed.
            run: see ``CallThread.run``.
            connect: opens a connection.
            prefix: the first part of the name of each key; no other user of the server may use it.
            sole_tenant: the server has no other user, so that it may be emptied with one quick
                command, and all its keys belong to the cache.
        """
        self._run = run
        self._reach = (failpoints or Failpoints()).reach
        self._namespace = Namespace(prefix, sole_tenant=sole_tenant)
        self.trusted_server = TrustedServer(socket_path, timeout_seconds, self._namespace, connect)
        self._sample_from = b"0"
        self.keys_seen = 0, time.monotonic()
        """The number of keys in Redis when last counted, and that time in monotonic seconds."""

    @property
    def trusted(self) -> bool:
        """Whether Redis is trusted, and so used, at the moment."""
        return self.trusted_server.trusted

    @property
    def trust_number(self) -> int | None:
        """See ``TrustedServer.trust_number``."""
        return self.trusted_server.trust_number

    def get(self, key: bytes) -> bytes | None:
        """Return the cached value, or ``None`` on a certain miss.

        Raises:
            CacheError: there is no certain answer.
        """
        connection = self.trusted_server.checkout()
        try:
            reply = connection.call_packed(connection.commands.get(key))
        except RedisReplyError:
            # A certain miss: the key holds no string. A fill will replace it.
            reply = None
        except CacheError as error:
            self.trusted_server.broken(connection, (), str(error))
            raise
        self.trusted_server.checkin(connection)
        return cast("bytes | None", reply)

    def get_at_once(self, *keys: bytes) -> list[bytes | None]:
        """Return the cached values of ``keys``, over a connection that is already open.

        Safe where a signal handler may raise: no lock is taken, and the connection of an
        interrupted call is never used again.

        Raises:
            CacheError: there is no certain answer, or no idle connection.
        """
        connection = self.trusted_server.checkout_idle()
        try:
            commands = connection.commands
            if len(keys) > 1:
                reply = connection.call_packed(commands.get_many(keys))
            else:
                reply = [connection.call_packed(commands.get(keys[0]))]
        except RedisReplyError:
            self.trusted_server.checkin(connection)
            raise
        except CacheError as error:
            self._run(self.trusted_server.broken, connection, (), str(error))
            raise
        self.trusted_server.checkin(connection)
        return cast("list[bytes | None]", reply)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the cached values of ``keys`` in their order; errors as for ``get``."""
        if not keys:
            return []
        if len(keys) > _KEYS_PER_MGET:
            first, rest = keys[:_KEYS_PER_MGET], keys[_KEYS_PER_MGET:]
            return self.get_many(first) + self.get_many(rest)
        connection = self.trusted_server.checkout()
        try:
            reply = connection.call_packed(connection.commands.get_many(keys))
        except RedisReplyError as error:
            self.trusted_server.checkin(connection)
            raise CacheError(str(error)) from error
        except CacheError as error:
            self.trusted_server.broken(connection, (), str(error))
            raise
        self.trusted_server.checkin(connection)
        return cast("list[bytes | None]", reply)

    def put(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        """Store ``entries`` (an absent value: drop the key), and return the keys that were not
        stored. Never raises: a key of uncertain outcome is not read again before it was dropped.
        """
        try:
            connection = self.trusted_server.checkout()
        except CacheError:
            self.distrust(entries, "written while Redis was bypassed")
            return entries.keys()
        keys, commands = list(entries), connection.commands
        self.trusted_server.late.expect(connection, commands.generation)
        try:
            replies = connection.pipeline_packed(list(map(commands.put, keys, entries.values())))
            self._reach("redis.reply.lost")
            answers = zip(keys, replies, strict=True)
            refused = [key for key, reply in answers if isinstance(reply, RedisReplyError)]
            if refused:
                connection.call(b"UNLINK", *[commands.generation + key for key in refused])
        except CacheError as error:
            self.trusted_server.broken(connection, keys, str(error))
            return entries.keys()
        except BaseException:
            # Redis may still carry it out, after a newer write.
            self.trusted_server.broken(connection, keys, "a call was interrupted")
            raise
        self.trusted_server.late.confirm(connection)
        self.trusted_server.checkin(connection)
        return refused

    def evict(self, pattern: bytes | str) -> int:
        """Drop the cached keys that match a shell-style ``pattern`` and return how many.

        Raises:
            Unavailable: Redis does not answer; then it is not used for reads either.
        """
        return self.evict_chosen(matching(pattern))[0]

    def evict_chosen(self, choose: Choice) -> tuple[int, int]:
        """Drop the keys that ``choose`` returns when called with some keys at a time; return how
        many were dropped, and of how many. Errors as for ``evict``."""
        try:
            with self.trusted_server.borrowed(
                self.trusted_server.checkout_or_unavailable()
            ) as connection:
                return sweep(connection, self._namespace, choose)
        except CacheError as error:
            raise Unavailable(f"Redis went away while keys were evicted: {error}") from error

    def sample(self, most: int) -> list[bytes]:
        """Return up to ``most`` different keys, chosen at random; errors as for ``get``."""
        generation = self._namespace.current
        with self.trusted_server.borrowed(self.trusted_server.checkout()) as connection:
            if self._namespace.sole_tenant:
                count, *found = connection.pipeline([(b"DBSIZE",), *[(b"RANDOMKEY",)] * most])
                self._count_keys(count)
            else:
                # On a server with many other keys, RANDOMKEY would rarely return one of ours.
                pattern = self._namespace.readable
                self._sample_from, page = scan(connection, self._sample_from, pattern)
                found = [*random.sample(page, min(most, len(page)))]
        stored = [it for it in dict.fromkeys(found) if isinstance(it, bytes)]
        return [it[len(generation) :] for it in stored if it.startswith(generation)]

    def evict_key(self, key: bytes) -> bool:
        """Drop one cached key and return whether it was there; errors as for ``evict``."""
        return self._count(b"UNLINK", self._namespace.current + key) > 0

    def evict_all(self) -> int:
        """Drop every cached key and return how many there were; errors as for ``evict``."""
        if self._namespace.sole_tenant:
            keys = self._count(b"DBSIZE")
            self._count(b"FLUSHALL", b"ASYNC")
        else:
            keys, _ = self.evict_chosen(every_key)
        self._count_keys(0)
        return keys

    @property
    def expires(self) -> bool:
        """Whether Redis may hold a key with a deadline."""
        return self._namespace.commands.expires

    def stats(self) -> CacheStats:
        """Return the figures of the server, and the number of cached keys.

        Raises:
            CacheError: Redis does not answer.
        """
        with self.trusted_server.borrowed(self.trusted_server.checkout()) as connection:
            stats = read_stats(connection, self._namespace)
        self._count_keys(stats.keys)
        return stats

    def distrust(self, keys: Iterable[bytes], reason: str) -> None:
        """See ``TrustedServer.distrust``."""
        self.trusted_server.distrust(keys, reason)

    def trust(self, truths: Truths | None = None, progress: Progress = ignore) -> Admission:
        """See ``TrustedServer.trust``."""
        done = self.trusted_server.trust(truths, progress)
        if done.emptied or done.verified is not None:
            self._count_keys(done.verified or 0)
        return done

    def ask(self, *command: bytes | int) -> Reply:
        """See ``TrustedServer.ask``."""
        return self.trusted_server.ask(*command)

    def close(self) -> None:
        """Stop using Redis, and close all idle connections."""
        self.trusted_server.close()

    def stored_as(self, key: bytes) -> bytes:
        """Return the name under which ``key`` is stored in the current generation."""
        return self._namespace.current + key

    def save(self) -> None:
        """Make Redis write a snapshot now; errors as for ``evict``."""
        self._count(b"SAVE")

    def _count_keys(self, reply: object) -> None:
        if isinstance(reply, int):
            self.keys_seen = reply, time.monotonic()

    def _count(self, *command: bytes) -> int:
        try:
            with self.trusted_server.borrowed(
                self.trusted_server.checkout_or_unavailable()
            ) as connection:
                reply = connection.call(*command)
        except CacheError as error:
            raise Unavailable(f"Redis does not answer: {error}") from error
        return reply if isinstance(reply, int) else 0
