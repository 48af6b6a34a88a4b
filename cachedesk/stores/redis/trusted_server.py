"""The trusted server: when the contents of Redis may be read, and how trust is restored.

Redis is used only while it is *trusted*. Any reason for doubt (a timeout, a broken connection,
another server behind the socket) ends the trust: calls bypass Redis at once, and every key written
meanwhile is recorded as distrusted. ``trust`` restores it once no old value can be read:

* For a server other than the last one, or with too many distrusted keys, a new generation of the
  namespace begins, and nothing is kept. Keys of an earlier generation have other names, so a
  command sent earlier, over any connection, has no effect on what is read, whenever it is carried
  out. (In a warm restart, ``verify`` moves the keys that hold the truth into the new generation.)
* For the same server, the distrusted keys are dropped. A SET of such a key may still be unread in
  its socket. ``LateWrites`` knows the connection of each SET from before it is sent until it is
  answered, so the server is made to close that connection before the key is dropped. If the
  server refuses, a new generation begins.
* Other late commands are harmless: a GET changes nothing, and a late UNLINK costs a miss.
* A call that began under an earlier trust keeps the generation of that trust (see ``Trust``), so it
  sees no key that was moved and not compared yet. It may still send its SET. That write is not
  acknowledged yet, so no newer write of the key is; if the SET fails, the key is distrusted again
  and its connection closed then.

Thus

* an old value is never read after a newer write was acknowledged, whether Redis was warm, empty,
  dead, hung, or restarted with an old snapshot (promise 4);
* an error is not a miss, and costs one short timeout in all, not one per call (promise 5).
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
    """One period of trust: its ``number``, the ``run_id`` of the trusted server, and the
    ``commands`` on the generation that may be read there. A call uses those of the trust under
    which it began, even if that ends meanwhile: a later generation may hold keys that were not
    compared yet."""

    number: int
    run_id: bytes | None
    commands: Commands


class TrustedServer:
    """Connections to a Redis, for as long as its contents are trusted. Thread-safe."""

    def __init__(
        self,
        socket_path: str,
        timeout_seconds: float,
        namespace: Namespace,
        connect: Connect,
    ) -> None:
        """Prepare; arguments as for ``RedisCache``."""
        forking.owns(self)
        self._open = connect
        self.namespace = namespace
        self.attention = Wakeup()
        """Set when the trust ends, so that the supervisor restores it."""
        self.late = LateWrites()
        self.start_over: StartOver = start_over
        """What is done with the contents of an unknown server."""
        self.reason = "starting"
        """Why Redis is bypassed, or was the last time."""
        self.distrusted_at = time.monotonic()
        """When the trust last ended, in monotonic seconds."""
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
        """Use the server at ``socket_path`` from now on; no process but ``server_pid`` is accepted
        there."""
        self._path, self._server_pid = socket_path, server_pid

    @property
    def trusted(self) -> bool:
        """Whether Redis is trusted, and so used, at the moment."""
        return self._trust is not None

    @property
    def trust_number(self) -> int | None:
        """The number of the current trust: while it is the same, Redis was trusted without a break.
        ``None`` while it is not trusted."""
        trust = self._trust
        return None if trust is None else trust.number

    def distrust(self, keys: Iterable[bytes], reason: str) -> None:
        """End the trust, and have ``keys`` dropped before it is restored."""
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
        """Restore the trust, after ensuring that no old value can be read.

        Args:
            truths: compare the contents of an unknown server with these and keep what agrees;
                ``None``: begin empty.
            progress: called with the share that is compared, 0 to 1.

        Raises:
            CacheLoading: the server is still loading its snapshot.
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
                    # Again, because more keys may have become distrusted since.
                    certain = self.late.cut(connection, run_id, self.namespace.current)
                    if everything or not certain:
                        everything = certain = True
                        done = self._begin_generation(connection, truths, progress)
                        self._run_id = run_id
                    if keys and (done.trusted or not everything):
                        connection.call(b"UNLINK", *self.namespace.stored(keys))
                        done = replace(done, dropped=done.dropped + len(keys))
                except BaseException:
                    # Whatever failed, a crash of the comparison included, the distrust remains.
                    with self._lock:
                        self._distrusted_keys |= keys
                        self._distrust_all |= everything
                    raise

    def ask(self, *command: bytes | int) -> Reply:
        """Return the server's reply to ``command``, even while Redis is not trusted.

        Raises:
            CacheError: there is no reply; unless the server refuses to close our connections, the
                command is not carried out after the trust is restored.
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
        """Drop some keys of earlier generations; return whether there may be more.

        Raises:
            CacheError: Redis does not answer; call again.
        """
        if self._leftovers is not None:
            with self.connected() as connection:
                cursor = sweep_leftovers(connection, self.namespace, self._leftovers)
            self._leftovers = None if cursor == b"0" else cursor
        return self._leftovers is not None

    def close(self) -> None:
        """Stop using Redis, and close all idle connections."""
        self.distrust((), "closed")

    def forked(self) -> None:
        """Distrust the server, which belongs to the parent process, without any lock."""
        self._trust = None

    def checkout(self) -> RedisConnection:
        """Return a connection, for one call at a time.

        Raises:
            CacheError: Redis is not trusted, or does not answer.
        """
        trust = self._trust
        if trust is None:
            raise CacheError(self.reason)
        return self._idle.take(trust.number) or self._connect(trust)

    def checkout_or_unavailable(self) -> RedisConnection:
        """As ``checkout``, but wait up to 0.25 s for Redis to be trusted.

        Raises:
            Unavailable: it is not.
        """
        # Unlike a read, an eviction cannot bypass Redis, and distrust is usually brief.
        deadline = time.monotonic() + _DISTRUST_SECONDS
        while True:
            try:
                return self.checkout()
            except CacheError as error:
                if time.monotonic() >= deadline:
                    raise Unavailable(f"Redis is not in use now ({error})") from error
                time.sleep(_LOOK_SECONDS)

    def checkout_idle(self) -> RedisConnection:
        """As ``checkout``, but never open a connection or take a lock."""
        trust = self._trust
        connection = None if trust is None else self._idle.take(trust.number)
        if connection is None:
            raise CacheError("no connection is idle")
        return connection

    def checkin(self, connection: RedisConnection) -> None:
        """Return a connection with nothing unanswered."""
        if connection.trust_number == self.trust_number:
            self._idle.give(connection)
        else:
            connection.close()

    @contextmanager
    def borrowed(self, connection: RedisConnection) -> Iterator[RedisConnection]:
        """Check ``connection`` in after the block; after a ``CacheError``, close it and end the
        trust."""
        try:
            yield connection
        except CacheError as error:
            self.broken(connection, (), str(error))
            raise
        self.checkin(connection)

    @contextmanager
    def connected(self) -> Iterator[RedisConnection]:
        """Open a connection for the block, whether or not Redis is trusted."""
        connection = self._open(self._path, _TRUST_TIMEOUT_SECONDS, 0, self._server_pid)
        try:
            yield connection
        finally:
            connection.close()

    def broken(self, connection: RedisConnection, keys: Iterable[bytes], reason: str) -> None:
        """Close a failed connection and end the trust; ``keys`` were being changed over it."""
        connection.close()
        keys = tuple(keys)
        if keys:
            self.distrust(keys, reason)
        else:
            self._suspend(connection.trust_number, reason)

    def _begin_generation(
        self, connection: RedisConnection, truths: Truths | None, progress: Progress
    ) -> Admission:
        done = self.start_over(connection, self.namespace, truths, progress)
        if done.emptied and self.namespace.sole_tenant:
            # Only to free memory: none of these keys can be read. If refused, they are swept.
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

    def _suspend(self, trust_number: int, reason: str) -> None:
        """End the trust after a failed read, unless the connection is of an earlier trust."""
        if trust_number == self.trust_number:
            self.distrust((), reason)
