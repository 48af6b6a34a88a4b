"""The server: when what a Redis holds may be trusted, and how trust begins anew.

Redis is used only while it is *trusted*. Whatever speaks against it (a timeout, a broken
connection, another server behind the socket) ends the trust: calls go round Redis at once, and
every key written meanwhile is remembered as distrusted. ``trust`` begins it anew, when nothing old
can be read any more:

* From a server that is not the one we knew, or when too many keys are distrusted, nothing is kept:
  a new generation of the namespace begins. Keys of an earlier one have other names, so whatever
  was sent earlier, over whatever connection, is never read, whenever it is carried out. (A warm
  restart takes over what ``verify`` finds to be true, into the new generation.)
* From the server we knew, the distrusted keys are dropped. A SET of such a key may still be on its
  way, in the same generation. It was sent over a connection that is known to ``LateWrites`` from
  before it was sent until it was answered, so that connection is ended first, at the server; then
  the key is dropped. If the server does not let us end it, a new generation begins.
* Late commands of other kinds do no harm: a GET changes nothing, and a late UNLINK of one of our
  keys costs a miss.
* A call that is under way when the trust begins anew may still send its SET. Its caller has not
  been answered, so no newer write of that key was acknowledged; if the SET fails, the key is
  distrusted again, and the connection is ended then.

Thus

* an old value is never read after a newer write was acknowledged, whether Redis was warm, empty,
  dead, hung, or restarted with an old snapshot (promise 4);
* an error is not a miss, and costs one short timeout, once, not one per call (promise 5).

No command here depends on what Redis held before: values are set whole or dropped, so a command
whose outcome is unknown is repaired by dropping its key. And none touches a key or a connection of
another user of the server, unless the server is said to have none (``sole_tenant``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from cachedesk.core import forking
from cachedesk.core.errors import CacheError, CacheLoading, Unavailable
from cachedesk.core.wakeup import Wakeup
from cachedesk.stores.redis.admission import (
    Admission,
    StartOver,
    identity_of,
    ignore,
    is_loading,
    start_over,
)
from cachedesk.stores.redis.connection import Connect, RedisConnection, RedisReplyError, Reply
from cachedesk.stores.redis.encoding import Commands
from cachedesk.stores.redis.idle_connections import IdleConnections
from cachedesk.stores.redis.late_writes import NO_GENERATION, LateWrites
from cachedesk.stores.redis.namespace import Namespace
from cachedesk.stores.redis.sweep import sweep_leftovers
from cachedesk.stores.redis.verification import Progress, Truths

# With more distrusted keys than this it is cheaper, and bounded, to begin a new generation.
_MOST_DISTRUSTED_KEYS = 10_000
_TRUST_TIMEOUT_SECONDS = 0.25
_DISTRUST_SECONDS = 0.25
_LOOK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Trust:
    """What a call relies on that found Redis trusted, also if the trust ends meanwhile: the
    ``number`` of the trust, of which server it is (``run_id``), and the ``commands`` on what may be
    read there. A generation that begins later holds keys that were not compared yet."""

    number: int
    run_id: bytes | None
    commands: Commands


class TrustedServer:
    """Connections to a Redis, for as long as what it holds is trusted. Thread-safe."""

    def __init__(
        self,
        socket_path: str,
        timeout_seconds: float,
        namespace: Namespace,
        connect: Connect,
    ) -> None:
        """Prepare to use the server that listens, or will, at ``socket_path``; not before the
        first ``trust``. Arguments as for ``RedisCache``."""
        forking.owns(self)
        self._open = connect
        self.namespace = namespace
        self.attention = Wakeup()
        """Set when the trust ends: the supervisor is to begin it anew."""
        self.late = LateWrites()
        self.start_over: StartOver = start_over
        """What is done to a server that is not the one we knew."""
        self.reason = "starting"
        """Why Redis is bypassed, or was last."""
        self.distrusted_at = time.monotonic()
        """Since when, in monotonic seconds."""
        self._path = socket_path
        self._server_pid: int | None = None
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._trust: Trust | None = None
        self._trusts = 0
        self._run_id: bytes | None = None
        self._distrusted_keys: set[bytes] = set()
        self._distrust_all = True
        self._leftovers: bytes | None = None
        self._idle = IdleConnections()

    def use_server(self, socket_path: str, server_pid: int | None) -> None:
        """Say where a new server listens and which process it is: no other is talked to."""
        self._path, self._server_pid = socket_path, server_pid

    @property
    def trusted(self) -> bool:
        """Whether Redis is trusted and used just now."""
        return self._trust is not None

    @property
    def generation(self) -> int | None:
        """How often the trust began: while it stays the same, Redis was trusted all the time.
        ``None`` while it is not."""
        trust = self._trust
        return None if trust is None else trust.number

    def distrust(self, keys: Iterable[bytes], reason: str) -> None:
        """Do not use what Redis holds of ``keys`` before it was dropped, nor anything before the
        cache is trusted again."""
        with self._lock:
            self._distrusted_keys.update(keys)
            if len(self._distrusted_keys) > _MOST_DISTRUSTED_KEYS:
                self._distrust_all = True
                self._distrusted_keys.clear()
            if self._trust is not None:
                self._trust = None
                self.reason = reason
                self.distrusted_at = time.monotonic()
                self.attention.set()
        self._idle.close()

    def trust(self, truths: Truths | None = None, progress: Progress = ignore) -> Admission:
        """Let callers back to Redis after making sure that nothing old can be read from it.

        Args:
            truths: compare what another server brings with these, and keep what is right, rather
                than begin empty.
            progress: of that, 0 to 1.

        Raises:
            CacheLoading: the server still reads its snapshot.
            CacheError: the server does not answer; the cache stays distrusted.
        """
        with self.connected() as connection:
            run_id, _ = identity_of(connection)
            if truths is not None and is_loading(connection):
                raise CacheLoading("Redis reads its snapshot")
            done = Admission()
            certain = self.late.cut(connection, run_id, self.namespace.current)
            while True:
                with self._lock:
                    everything = self._distrust_all or run_id != self._run_id or not certain
                    keys, self._distrusted_keys = self._distrusted_keys, set()
                    self._distrust_all = False
                    if not everything and not keys:
                        self._trusts += 1
                        self._trust = Trust(self._trusts, run_id, self.namespace.commands)
                        return done
                try:
                    # Anew, because these keys may have become distrusted since.
                    certain = self.late.cut(connection, run_id, self.namespace.current)
                    if everything or not certain:
                        everything = certain = True
                        done = self._begin_anew(connection, truths, progress)
                        self._run_id = run_id
                    if keys and (done.trusted or not everything):
                        connection.call(b"UNLINK", *self.namespace.stored(keys))
                        done = replace(done, dropped=done.dropped + len(keys))
                except BaseException:
                    # Whatever it was (a crash of the comparison too), the distrust is not over.
                    with self._lock:
                        self._distrusted_keys |= keys
                        self._distrust_all |= everything
                    raise

    def ask(self, *command: bytes | int) -> Reply:
        """Return the server's reply to ``command``, also while it is not in use.

        Raises:
            CacheError: there is none; unless the server refuses to end a connection of ours, the
                command is not carried out after the cache was trusted again.
        """
        with self.connected() as connection:
            connection.writer = identity_of(connection)
            self.late.expect(connection, NO_GENERATION)
            try:
                reply = connection.call(*command)
            except RedisReplyError:
                self.late.confirm(connection)
                raise
            self.late.confirm(connection)
            return reply

    def sweep_leftovers(self) -> bool:
        """Drop some of what earlier generations left behind; return whether there may be more.

        Raises:
            CacheError: Redis does not answer; there is more.
        """
        if self._leftovers is not None:
            with self.connected() as connection:
                cursor = sweep_leftovers(connection, self.namespace, self._leftovers)
            self._leftovers = None if cursor == b"0" else cursor
        return self._leftovers is not None

    def close(self) -> None:
        """Use Redis no more, and close all idle connections."""
        self.distrust((), "closed")

    def forked(self) -> None:
        """Close the descriptors of connections, which belong to the parent process."""
        self._trust = None
        self._idle.forked()

    def checkout(self) -> RedisConnection:
        """Return a connection, for one call at a time.

        Raises:
            CacheError: Redis is not in use, or does not answer.
        """
        trust = self._trust
        if trust is None:
            raise CacheError(self.reason)
        return self._idle.take(trust.number) or self._connect(trust)

    def checkout_or_unavailable(self) -> RedisConnection:
        """As ``checkout``, after waiting for a moment for Redis to be in use.

        Raises:
            Unavailable: it is not.
        """
        # Unlike a read, an eviction has no other way, and distrust is most often over in a moment.
        deadline = time.monotonic() + _DISTRUST_SECONDS
        while True:
            try:
                return self.checkout()
            except CacheError as error:
                if time.monotonic() >= deadline:
                    raise Unavailable(f"Redis is not in use now ({error})") from error
                time.sleep(_LOOK_SECONDS)

    def checkout_idle(self) -> RedisConnection:
        """As ``checkout``, of one that is open already; takes no lock."""
        trust = self._trust
        connection = None if trust is None else self._idle.take(trust.number)
        if connection is None:
            raise CacheError("no connection is idle")
        return connection

    def checkin(self, connection: RedisConnection) -> None:
        """Give a connection back that has answered everything."""
        if connection.generation == self.generation:
            self._idle.give(connection)
        else:
            connection.close()

    @contextmanager
    def borrowed(self, connection: RedisConnection) -> Iterator[RedisConnection]:
        """Put ``connection`` back after the block, unless it fails there."""
        try:
            yield connection
        except CacheError as error:
            self.broken(connection, (), str(error))
            raise
        self.checkin(connection)

    @contextmanager
    def connected(self) -> Iterator[RedisConnection]:
        """Open a connection for the block, whether or not Redis is in use."""
        connection = self._open(self._path, _TRUST_TIMEOUT_SECONDS, 0, self._server_pid)
        try:
            yield connection
        finally:
            connection.close()

    def broken(self, connection: RedisConnection, keys: Iterable[bytes], reason: str) -> None:
        """Close a connection that failed and end the trust; ``keys`` were to change over it."""
        connection.close()
        keys = tuple(keys)
        if keys:
            self.distrust(keys, reason)
        else:
            self._suspend(connection.generation, reason)

    def _begin_anew(
        self, connection: RedisConnection, truths: Truths | None, progress: Progress
    ) -> Admission:
        done = self.start_over(connection, self.namespace, truths, progress)
        if done.emptied and self.namespace.sole_tenant:
            # Nothing of it can be read: it only takes memory, and is swept if this is refused.
            with suppress(RedisReplyError):
                connection.call(b"FLUSHALL", b"ASYNC")
        self._leftovers = b"0"
        return done

    def _connect(self, trust: Trust) -> RedisConnection:
        try:
            connection = self._open(
                self._path, self._timeout_seconds, trust.number, self._server_pid
            )
        except CacheError as error:
            self._suspend(trust.number, str(error))
            raise
        connection.commands = trust.commands
        try:
            connection.writer = identity_of(connection)
        except CacheError as error:
            self.broken(connection, (), str(error))
            raise
        if connection.writer[0] != trust.run_id:
            reason = "another server answers on Redis's socket"
            self.broken(connection, (), reason)
            raise CacheError(reason)
        return connection

    def _suspend(self, generation: int, reason: str) -> None:
        """Suspend after a failed read, unless the connection was already one of the past."""
        if generation == self.generation:
            self.distrust((), reason)
