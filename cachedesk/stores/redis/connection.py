"""One connection to Redis: bytes out, replies in, no retries.

The outcome of a failed command is unknown, and only the caller can handle that: a connection never
sends a command twice and never reconnects. hiredis parses the protocol.

Why not redis-py's ``Connection``, with retries and health checks off? Measured with redis-py 8.1
as ratios to this class, interleaved, medians of 7 to 9 rounds on 2 cores: GET 1.02 (CPU 1.05),
MGET of 100 1.01 (1.05), 100 SETs at once 1.18 (1.37; through its private parser 1.08 and 1.15),
connecting 10 (56 us more), a hit of ``CacheLayer.get`` 1.03 to 1.04 (1.07 to 1.10, where this
class against itself gave 0.97 to 1.01), and 45 ms more to import when a cache is opened. It also
reconnects by itself when a closed connection is used, and the server's pid can only be read from
its private socket. Its other features (TCP, TLS, passwords) are not needed for a server of our own
on a unix socket.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence

import hiredis

from cachedesk.core import forking
from cachedesk.core.errors import CacheError
from cachedesk.core.wording import span
from cachedesk.stores.redis.encoding import Commands

Reply = bytes | int | list[object] | None
Command = Sequence[bytes | int]
Writer = tuple[bytes, int | None]
"""The identity of a connection: the server's run id, and the client id there; ``None``: the server
refuses to tell it."""

_CHUNK_BYTES = 65536
_CREDENTIALS = struct.Struct("3i")


class RedisReplyError(CacheError):
    """Redis answered with an error: the command certainly did not happen."""


class RedisConnection:
    """A connected unix socket. Not thread-safe; after an exception other than
    ``RedisReplyError`` the outcome of what was sent is unknown, and it must be closed."""

    __slots__ = (
        "__weakref__",
        "_reader",
        "_socket",
        "_timeout_seconds",
        "commands",
        "trust_number",
        "writer",
    )

    commands: Commands
    """The commands on the keys that may be read and written over it; set by its owner."""

    def __init__(
        self,
        path: str,
        timeout_seconds: float,
        trust_number: int = 0,
        server_pid: int | None = None,
    ) -> None:
        """Connect to the server at ``path``.

        Args:
            path: the unix socket.
            timeout_seconds: how long each wait for the server may take.
            trust_number: of the trust that it is opened under; 0: of none.
            server_pid: the process that must listen there; ``None``: any of this user.

        Raises:
            CacheError: nothing listens there, or another program does.
        """
        self.trust_number = trust_number
        self.writer: Writer = (b"", None)
        """Its identity at the server; set by its owner."""
        self._timeout_seconds = timeout_seconds
        self._reader = hiredis.Reader()
        try:
            # Without a free file descriptor even this fails.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise CacheError(f"cannot connect to Redis: {error}") from error
        forking.owns(self)
        try:
            self._socket.settimeout(timeout_seconds)
            self._socket.connect(path)
            _check_server(self._socket, server_pid)
        except OSError as error:
            self._socket.close()
            raise CacheError(f"cannot connect to Redis: {error}") from error
        except CacheError:
            self._socket.close()
            raise

    def call(self, *command: bytes | int) -> Reply:
        """Send one command and return its reply.

        Raises:
            RedisReplyError: Redis refused the command.
            CacheError: the connection failed or timed out; the outcome is unknown.
        """
        return self.call_packed(hiredis.pack_command(command))

    def call_packed(self, command: bytes) -> Reply:
        """As ``call``, for a packed command."""
        self._send(command)
        return self._checked(self._receive())

    def pipeline(self, commands: Iterable[Command]) -> list[Reply | RedisReplyError]:
        """Send all ``commands`` at once and return their replies in order, errors among them.

        Raises:
            CacheError: the connection failed or timed out; the outcome is unknown.
        """
        return self.pipeline_packed([hiredis.pack_command(tuple(it)) for it in commands])

    def pipeline_packed(self, packed: Sequence[bytes]) -> list[Reply | RedisReplyError]:
        """As ``pipeline``, for packed commands."""
        self._send(b"".join(packed))
        replies: list[Reply | RedisReplyError] = []
        for _ in packed:
            reply = self._receive()
            if isinstance(reply, hiredis.HiredisError):
                replies.append(RedisReplyError(str(reply)))
            else:
                replies.append(reply)  # type: ignore[arg-type]
        return replies

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def forked(self) -> None:
        """Close the descriptor only, in a forked child: the connection belongs to the parent, and
        a call that a signal handler interrupted with a fork must not read a reply from it."""
        descriptor = self._socket.detach()
        if descriptor >= 0:
            os.close(descriptor)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._failed(error, "did not take a command") from error

    def _receive(self) -> object:
        while (reply := self._parsed()) is False:
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except OSError as error:
                raise self._failed(error, "did not answer") from error
            if not data:
                raise CacheError("Redis closed the connection")
            self._reader.feed(data)
        return reply

    def _failed(self, error: OSError, what: str) -> CacheError:
        if isinstance(error, TimeoutError):
            return CacheError(f"Redis {what} within {span(self._timeout_seconds)}")
        return CacheError(f"Redis {what}: {error}")

    def _parsed(self) -> object:
        try:
            return self._reader.gets()
        except hiredis.ProtocolError as error:
            raise CacheError(f"Redis sent an invalid reply: {error}") from error

    @staticmethod
    def _checked(reply: object) -> Reply:
        if isinstance(reply, hiredis.HiredisError):
            raise RedisReplyError(str(reply))
        return reply  # type: ignore[return-value]


def _check_server(connected: socket.socket, server_pid: int | None) -> None:
    """Check, where the kernel can tell, that our server listens: any process that may create files
    in the folder of temporary files could listen at a path that was ours."""
    if not hasattr(socket, "SO_PEERCRED"):
        return
    said = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(said)
    if user != os.geteuid() or server_pid not in (None, pid):
        raise CacheError(f"another program (process {pid}, user {user}) answers in Redis's place")


Connect = Callable[[str, float, int, int | None], RedisConnection]
"""Opens a connection, as ``RedisConnection`` does."""
