"""The desk in a browser: one web server, one stack, one viewer at a time.

``textual-serve`` starts a process for every visitor. A second stack on the same data must not be,
so whoever comes while the desk is open gets a notice instead, from a process of its own. Whoever
left has taken the stack with them: the next one opens it again.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.web_runner import GracefulExit
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DeskServer(Server):
    """Serves a desk.

    Args:
        command: the shell command of the desk.
        notice: the shell command for whoever comes while the desk is open; empty: everybody gets
            a desk, as one may of a recording.
        host: where to listen.
        port: on which port.
    """

    def __init__(self, command: str, notice: str, host: str, port: int) -> None:
        super().__init__(command, host, port, title="cachedesk")
        self._notice = notice
        self._viewer: AppService | None = None
        self._services: set[AppService] = set()
        self.ended_by: int | None = None

    def serve(self, debug: bool = False) -> None:
        """Serve until SIGINT or SIGTERM comes; ``ended_by`` then is its number.

        Raises:
            OSError: it cannot listen there.
        """
        loop = asyncio.new_event_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, partial(self._end, number))
        web.run_app(
            self._make_app(),
            host=self.host,
            port=self.port,
            handle_signals=False,
            loop=loop,
            # Called when it listens, and not before.
            print=self._announce,
            shutdown_timeout=1.0,
            access_log=None,
        )

    def _end(self, number: int) -> None:
        self.ended_by = number
        raise GracefulExit

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing yet."""

    def _announce(self, usual: str) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        print(f"The desk is at http://{host}:{self.port}  (Ctrl+C ends it)", flush=True)

    async def on_shutdown(self, app: web.Application) -> None:
        """End every desk and notice."""
        for service in list(self._services):
            with suppress(Exception):
                await service.stop()

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """Serve the page; its socket is where the page came from."""
        self._check(request)
        self.public_url = f"http://{request.host}"
        page = await super().handle_index(request)
        assert isinstance(page, web.StreamResponse)
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Start a process for whoever connects, and end it when they leave."""
        self._check(request)
        socket = web.WebSocketResponse(heartbeat=15)
        await socket.prepare(request)
        occupied = bool(self._notice) and self._viewer is not None
        service = AppService(
            self._notice if occupied else self.command,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=partial(_close, socket),
            download_manager=self.download_manager,
        )
        if not occupied:
            self._viewer = service
        self._services.add(service)
        try:
            size = (to_int(request.query.get(name, ""), 0) for name in ("width", "height"))
            await service.start(
                *(number or usual for number, usual in zip(size, (80, 24), strict=True))
            )
            await self._process_messages(socket, service)
        finally:
            try:
                await service.stop()
            finally:
                # Only when the process has ended is the data directory free again.
                if service._process is not None:
                    await service._process.wait()
                self._services.discard(service)
                if self._viewer is service:
                    self._viewer = None
        return socket

    def _check(self, request: web.Request) -> None:
        """Refuse other sites: a page somewhere must not press keys on the desk of who reads it.

        Raises:
            HTTPForbidden: the request came by another name, or from another site's page.
        """
        named = urlsplit(f"//{request.host}").hostname or ""
        if self.host in LOOPBACK and named not in LOOPBACK:
            raise web.HTTPForbidden(text="This desk answers on this machine only.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="This desk answers its own page only.")


async def _close(socket: web.WebSocketResponse) -> None:
    await socket.close()
