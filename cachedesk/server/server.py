"""The server: it listens, gives each connection a session, and ends in order."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count

from cachedesk.client.address import Address, TcpAddress
from cachedesk.core.errors import InvalidKey
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.write_path import WritePath
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.server.connection import Connection
from cachedesk.server.dispatcher import Dispatcher, Job
from cachedesk.server.executor import Executor
from cachedesk.server.limits import Limits
from cachedesk.server.listening import listen, remove
from cachedesk.server.session import Session
from cachedesk.server.surveys import LayerKeyspace

_POLL_SECONDS = 0.01


class Server:
    """Serves one cache layer. Everything but ``stop`` is used on the thread of its event loop."""

    def __init__(
        self,
        layer: CacheLayer,
        snapshot: Callable[[], Snapshot],
        addresses: Sequence[Address],
        *,
        password: bytes | None = None,
        limits: Limits | None = None,
        allows_flush: bool = False,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Listen.

        Args:
            layer: carries out the commands.
            snapshot: returns the state of its stack.
            addresses: where to listen, at least one.
            password: what clients must give; ``None``: nothing.
            limits: of clients and of what they send.
            allows_flush: whether ``FLUSHDB`` is carried out.
            report: called with a sentence about a client that was cut off.

        Raises:
            ConfigError: an address is in use, or cannot be used.
        """
        self.limits = limits or Limits()
        self.password = password
        self.allows_flush = allows_flush
        self._layer = layer
        self._snapshot = snapshot
        self._report = report
        self._addresses = list(addresses)
        self._sockets: list[socket.socket] = []
        self._connections: dict[Connection, Session] = {}
        self._numbers = count(1)
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dispatcher: Dispatcher
        self._accepted = self._rejected = self._cut = 0
        try:
            for address in addresses:
                self._sockets.append(listen(address))
        except BaseException:
            self._close_sockets()
            raise

    def _close_sockets(self) -> None:
        for listening, address in zip(self._sockets, self._addresses, strict=False):
            listening.close()
            remove(address)
        self._sockets.clear()

    async def serve(self, drain_seconds: float) -> str:
        """Serve until ``stop`` is called, then answer what was read, and close.

        Args:
            drain_seconds: how long that may take, before the connections that are left are cut.

        Returns:
            A sentence about what was cut; empty: nothing.
        """
        loop = self._loop = asyncio.get_running_loop()
        keyspace = LayerKeyspace(self._layer, self._snapshot, self.limits.reply_bytes)
        executor = Executor(self._layer, self.limits.reply_bytes)
        self._dispatcher = Dispatcher(executor, keyspace, self._note_written, loop)
        servers = [await self._server(listening) for listening in self._sockets]
        try:
            await self._stop.wait()
        finally:
            for server in servers:
                server.close()
            self._close_sockets()
            left = await self._drain(drain_seconds)
            # It may wait for a call of the layer, which has a deadline.
            await loop.run_in_executor(None, self._dispatcher.close)
        return left

    async def _server(self, listening: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if listening.family == socket.AF_UNIX:
            return await loop.create_unix_server(lambda: Connection(self), sock=listening)
        return await loop.create_server(lambda: Connection(self), sock=listening)

    def stop(self) -> None:
        """End ``serve``. May be called from any thread, and again."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        else:
            self._stop.set()

    async def _drain(self, seconds: float) -> str:
        until = time.monotonic() + seconds
        for connection in list(self._connections):
            connection.drain()
        while (self._connections or not self._dispatcher.idle) and time.monotonic() < until:
            await asyncio.sleep(_POLL_SECONDS)
        cut = len(self._connections)
        for connection in list(self._connections):
            connection.abort()
        return f"{cut} connections were cut" if cut else ""

    def _note_written(self, keys: Collection[bytes]) -> None:
        for session in self._connections.values():
            if session.watched and not session.touched:
                session.touched = not session.watched.keys().isdisjoint(keys)

    def enter(self, connection: Connection, address: str) -> Session | None:
        """See ``Serving.enter``."""
        self._accepted += 1
        if len(self._connections) >= self.limits.clients:
            self._rejected += 1
            return None
        session = Session(next(self._numbers), address, authenticated=self.password is None)
        self._connections[connection] = session
        return session

    def leave(self, connection: Connection) -> None:
        """See ``Serving.leave``."""
        self._connections.pop(connection, None)

    def cut_off(self, connection: Connection, reason: str) -> None:
        """See ``Serving.cut_off``."""
        self._cut += 1
        session = self._connections[connection]
        name = f" ({session.name})" if session.name else ""
        self._report(f"client {session.number}{name} was cut off: {reason}")

    def path_of(self, key: bytes) -> WritePath:
        """See ``Serving.path_of``."""
        try:
            return self._layer.policy(key).path
        except InvalidKey:
            # Any path will do: the command is answered with the error when it is carried out.
            return WritePath.THROUGH

    def submit(self, job: Job) -> None:
        """See ``Serving.submit``."""
        self._dispatcher.submit(job)

    def sessions(self) -> Iterable[Session]:
        """See ``Host.sessions``."""
        return self._connections.values()

    def figures(self) -> dict[str, dict[str, int | str]]:
        """See ``Host.figures``."""
        ports = [each.port for each in self._addresses if isinstance(each, TcpAddress)]
        return {
            "Server": {
                "tcp_port": ports[0] if ports else 0,
                "listening": " ".join(map(str, self._addresses)),
            },
            "Clients": {
                "connected_clients": len(self._connections),
                "maxclients": self.limits.clients,
                "client_output_bytes": sum(each.output_bytes for each in self._connections),
            },
            "Stats": {
                "total_connections_received": self._accepted,
                "rejected_connections": self._rejected,
                "cut_off_connections": self._cut,
            },
        }
