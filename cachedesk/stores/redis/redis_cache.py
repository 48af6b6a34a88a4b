"""The cache: what may be in Redis, and when it may be believed.

Redis is trusted only while it is *admitted*. Any doubt (a timeout, a broken connection, another
server behind the socket) suspends it: callers go round it at once, and every key written
meanwhile is remembered as not to be trusted. ``admit`` ends the doubt: it cuts all other
connections, so that no command sent earlier can still arrive, drops what may be old (everything,
if this is not the server it knew, or, for a warm restart, all that ``verify`` finds to differ
from the truth), and only then lets callers back. Thus

* an old value is never read after a newer write was acknowledged, whether Redis was warm, empty,
  dead, hung, or restarted with an old snapshot (promise 4);
* an error is not a miss, and costs one short timeout, once, not one per call (promise 5).

No command here depends on what Redis held before: values are set whole or dropped, so a command
whose outcome is unknown is repaired by dropping its key.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from cachedesk.core import forking
from cachedesk.core.cache_stats import CacheStats
from cachedesk.core.errors import CacheError, CacheLoading, Unavailable
from cachedesk.core.eviction import Choice, matching
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.wakeup import Wakeup
from cachedesk.stores.redis.admission import Admission, clear, ignore, is_loading, run_id_of
from cachedesk.stores.redis.connection import Connect, RedisConnection, RedisReplyError, Reply
from cachedesk.stores.redis.encoding import as_command
from cachedesk.stores.redis.idle_connections import IdleConnections
from cachedesk.stores.redis.info import asked
from cachedesk.stores.redis.sweep import sweep
from cachedesk.stores.redis.verification import Progress, Truths

# With more doubtful keys than this it is cheaper, and bounded, to empty the cache.
_MOST_DISTRUSTED_KEYS = 10_000
_ADMIT_TIMEOUT_SECONDS = 0.25
_DOUBT_SECONDS = 0.25
_LOOK_SECONDS = 0.002
_KEYS_PER_MGET = 10_000


class RedisCache:
    """Redis behind one socket. Thread-safe; no call waits longer than about one timeout."""

    def __init__(
        self,
        socket_path: str,
        timeout_seconds: float,
        failpoints: Failpoints | None = None,
        run: Callable[..., object] = lambda function, *arguments: function(*arguments),
        connect: Connect = RedisConnection,
    ) -> None:
        """Prepare to use the server that listens, or will, at ``socket_path``; suspended until
        the first ``admit``.

        ``timeout_seconds``: how long a call may wait for it. ``failpoints``: of the stack; by
        default nothing can be armed. ``run``: see ``CallThread.run``. ``connect``: opens a
        connection.
        """
        self._open = connect
        self._run = run
        forking.owns(self)
        self.attention = Wakeup()
        self._path = socket_path
        self._reach = (failpoints or Failpoints()).reach
        self._server_pid: int | None = None
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._trusted_as: int | None = None
        self._generation = 0
        self._run_id: bytes | None = None
        self._distrusted_keys: set[bytes] = set()
        self._distrust_all = True
        self._idle = IdleConnections()
        self.keys_seen = 0, time.monotonic()
        """How many keys Redis held when it was last asked, and when, in monotonic seconds."""
        self.reason = "starting"
        """Why Redis is bypassed, or was last."""
        self.distrusted_at = time.monotonic()
        """Since when, in monotonic seconds."""
        self.clear = clear

    def use_server(self, socket_path: str, server_pid: int | None) -> None:
        """Say where a new server listens and which process it is: no other is talked to."""
        self._path, self._server_pid = socket_path, server_pid

    @property
    def trusted(self) -> bool:
        """Whether Redis is trusted and used just now."""
        return self._trusted_as is not None

    @property
    def generation(self) -> int | None:
        """How often Redis was admitted: while it stays the same, Redis was trusted all the time.
        ``None`` while it is not."""
        return self._trusted_as

    def get(self, key: bytes) -> bytes | None:
        """Return the cached value, or ``None`` on a certain miss.

        Raises:
            CacheError: there is no certain answer.
        """
        connection = self._checkout()
        try:
            reply = connection.call(b"GET", key)
        except RedisReplyError:
            # A certain answer: Redis has no value of ours there. A fill will replace it.
            reply = None
        except CacheError as error:
            self._broken(connection, (), str(error))
            raise
        self._checkin(connection)
        return cast("bytes | None", reply)

    def get_at_once(self, *keys: bytes) -> list[bytes | None]:
        """Return the cached values of ``keys``, over a connection that is open already.

        Safe where a signal handler may raise: no lock is taken, and a connection that is torn out
        of a call is never used again. ``CacheError``: no certain answer, or no idle connection.
        """
        connection = self._idle_connection()
        call = connection.call
        try:
            reply = call(b"MGET", *keys) if len(keys) > 1 else [call(b"GET", *keys)]
        except RedisReplyError:
            self._checkin(connection)
            raise
        except CacheError as error:
            self._run(self._broken, connection, (), str(error))
            raise
        self._checkin(connection)
        return cast("list[bytes | None]", reply)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the cached values of ``keys`` in their order; errors as for ``get``."""
        if not keys:
            return []
        if len(keys) > _KEYS_PER_MGET:
            first, rest = keys[:_KEYS_PER_MGET], keys[_KEYS_PER_MGET:]
            return self.get_many(first) + self.get_many(rest)
        connection = self._checkout()
        try:
            reply = connection.call(b"MGET", *keys)
        except RedisReplyError as error:
            self._checkin(connection)
            raise CacheError(str(error)) from error
        except CacheError as error:
            self._broken(connection, (), str(error))
            raise
        self._checkin(connection)
        return cast("list[bytes | None]", reply)

    def put(self, values: Mapping[bytes, bytes | None]) -> Collection[bytes]:
        """Make the cache hold ``values`` (``None``: drop the key), and return the keys that it did
        not take. Never raises: a key whose outcome is uncertain is not read again before it was
        dropped."""
        try:
            connection = self._checkout()
        except CacheError:
            self.distrust(values, "written while Redis was bypassed")
            return values.keys()
        keys = list(values)
        try:
            replies = connection.pipeline(as_command(key, values[key]) for key in keys)
            self._reach("redis.reply.lost")
            answers = zip(keys, replies, strict=True)
            refused = [key for key, reply in answers if isinstance(reply, RedisReplyError)]
            if refused:
                connection.call(b"UNLINK", *refused)
        except CacheError as error:
            self._broken(connection, keys, str(error))
            return values.keys()
        self._checkin(connection)
        return refused

    def evict(self, pattern: bytes | str) -> int:
        """Drop the cached keys that match a shell-style ``pattern`` and return how many.

        Raises:
            Unavailable: Redis does not answer; whatever it holds is not used either.
        """
        return self.evict_chosen(matching(pattern))[0]

    def evict_chosen(self, choose: Choice) -> tuple[int, int]:
        """Drop the cached keys that ``choose`` chooses, handful by handful; return how many, and
        of how many. Errors as for ``evict``."""
        connection = self._checkout_or_unavailable()
        try:
            evicted, keys = sweep(connection, choose)
        except CacheError as error:
            self._broken(connection, (), str(error))
            raise Unavailable(f"Redis went away while keys were evicted: {error}") from error
        self._checkin(connection)
        return evicted, keys

    def sample(self, most: int) -> list[bytes]:
        """Return up to ``most`` different keys at random; errors as for ``get``."""
        connection = self._checkout()
        try:
            count, *keys = connection.pipeline([(b"DBSIZE",), *[(b"RANDOMKEY",)] * most])
        except CacheError as error:
            self._broken(connection, (), str(error))
            raise
        self._checkin(connection)
        self._count_keys(count)
        return list(dict.fromkeys(key for key in keys if isinstance(key, bytes)))

    def evict_key(self, key: bytes) -> bool:
        """Drop one cached key and return whether it was there; errors as for ``evict``."""
        return self._count(b"UNLINK", key) > 0

    def evict_all(self) -> int:
        """Drop every cached key and return how many there were; errors as for ``evict``."""
        keys = self._count(b"DBSIZE")
        self._count(b"FLUSHALL", b"ASYNC")
        self._count_keys(0)
        return keys

    def stats(self) -> CacheStats:
        """Return what Redis says of itself.

        Raises:
            CacheError: there is no answer.
        """
        connection = self._checkout()
        try:
            figures = asked(connection)
        except CacheError as error:
            self._broken(connection, (), str(error))
            raise
        self._checkin(connection)
        self._count_keys(figures.keys)
        return figures

    def distrust(self, keys: Iterable[bytes], reason: str) -> None:
        """Do not believe what Redis holds of ``keys`` until it was dropped; suspends the cache."""
        with self._lock:
            self._distrusted_keys.update(keys)
            if len(self._distrusted_keys) > _MOST_DISTRUSTED_KEYS:
                self._distrust_all = True
                self._distrusted_keys.clear()
            if self._trusted_as is not None:
                self._trusted_as = None
                self.reason = reason
                self.distrusted_at = time.monotonic()
                self.attention.set()
        self._idle.close()

    def trust(self, truths: Truths | None = None, progress: Progress = ignore) -> Admission:
        """Let callers back to Redis after making sure that nothing old can be read from it.

        Args:
            truths: compare what another server brings with these, and keep what is right, rather
                than empty it.
            progress: of that, 0 to 1.

        Raises:
            CacheLoading: the server still reads its snapshot.
            CacheError: the server does not answer; the cache stays suspended.
        """
        connection = self._open(self._path, _ADMIT_TIMEOUT_SECONDS, 0, self._server_pid)
        try:
            run_id = run_id_of(connection)
            if truths is not None and is_loading(connection):
                raise CacheLoading("Redis reads its snapshot")
            # Commands of earlier connections may still sit unread in their sockets: cut them.
            connection.call(b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes")
            done = Admission()
            while True:
                with self._lock:
                    everything = self._distrust_all or run_id != self._run_id
                    doubtful, self._distrusted_keys = self._distrusted_keys, set()
                    self._distrust_all = False
                    if not everything and not doubtful:
                        if done.emptied or done.verified is not None:
                            self._count_keys(done.verified or 0)
                        self._generation += 1
                        self._trusted_as = self._generation
                        return done
                try:
                    if everything:
                        done = self.clear(connection, truths, progress)
                        self._run_id = run_id
                    if doubtful and (done.trusted or not everything):
                        connection.call(b"UNLINK", *doubtful)
                        done = replace(done, dropped=done.dropped + len(doubtful))
                except BaseException:
                    # Whatever it was (a crash of the comparison too), the doubt is not over.
                    with self._lock:
                        self._distrusted_keys |= doubtful
                        self._distrust_all |= everything
                    raise
        finally:
            connection.close()

    def ask(self, *command: bytes | int) -> Reply:
        """Return the server's reply to ``command``, also while it is not in use.

        Raises:
            CacheError: there is none.
        """
        connection = self._open(self._path, _ADMIT_TIMEOUT_SECONDS, 0, self._server_pid)
        try:
            return connection.call(*command)
        finally:
            connection.close()

    def save(self) -> None:
        """Have Redis write a snapshot of itself, now; errors as for ``evict``."""
        self._count(b"SAVE")

    def close(self) -> None:
        """Suspend for good and close all idle connections."""
        self.distrust((), "closed")

    def forked(self) -> None:
        """Let go of the connections, which belong to the parent process."""
        self._trusted_as = None
        self._idle.forked()

    def _count_keys(self, reply: object) -> None:
        if isinstance(reply, int):
            self.keys_seen = reply, time.monotonic()

    def _count(self, *command: bytes) -> int:
        connection = self._checkout_or_unavailable()
        try:
            reply = connection.call(*command)
        except CacheError as error:
            self._broken(connection, (), str(error))
            raise Unavailable(f"Redis does not answer: {error}") from error
        self._checkin(connection)
        return reply if isinstance(reply, int) else 0

    def _checkout(self) -> RedisConnection:
        generation = self._trusted_as
        if generation is None:
            raise CacheError(self.reason)
        return self._idle.take(generation) or self._connect(generation)

    def _idle_connection(self) -> RedisConnection:
        generation = self._trusted_as
        connection = None if generation is None else self._idle.take(generation)
        if connection is None:
            raise CacheError("no connection is idle")
        return connection

    def _checkout_or_unavailable(self) -> RedisConnection:
        # Unlike a read, an eviction has no other way: a doubt is most often over in milliseconds.
        deadline = time.monotonic() + _DOUBT_SECONDS
        while True:
            try:
                return self._checkout()
            except CacheError as error:
                if time.monotonic() >= deadline:
                    raise Unavailable(f"Redis is not in use now ({error})") from error
                time.sleep(_LOOK_SECONDS)

    def _connect(self, generation: int) -> RedisConnection:
        try:
            connection = self._open(self._path, self._timeout_seconds, generation, self._server_pid)
        except CacheError as error:
            self._suspend(generation, str(error))
            raise
        try:
            run_id = run_id_of(connection)
        except CacheError as error:
            self._broken(connection, (), str(error))
            raise
        if run_id != self._run_id:
            reason = "another server answers on Redis's socket"
            self._broken(connection, (), reason)
            raise CacheError(reason)
        return connection

    def _checkin(self, connection: RedisConnection) -> None:
        if connection.generation == self._trusted_as:
            self._idle.give(connection)
        else:
            connection.close()

    def _broken(self, connection: RedisConnection, keys: Iterable[bytes], reason: str) -> None:
        connection.close()
        keys = tuple(keys)
        if keys:
            self.distrust(keys, reason)
        else:
            self._suspend(connection.generation, reason)

    def _suspend(self, generation: int, reason: str) -> None:
        """Suspend after a failed read, unless the connection was already one of the past."""
        if generation == self._trusted_as:
            self.distrust((), reason)
