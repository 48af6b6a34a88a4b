"""The desk in a browser: one web server, one stack, one viewer at a time.

``textual-serve`` starts a process for every visitor. Two stacks cannot share a data directory, so a
second tab shows a message, from a process of its own, until the first tab is closed. Closing a tab
closes its stack; the next tab opens it again.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import aiohttp_jinja2
from aiohttp import web
from aiohttp.web_runner import GracefulExit
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

_TOKEN_BYTES = 16
_RELOAD_SECONDS = 2.0

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DeskServer(Server):
    """Serves a desk to browsers that know the token in the printed URL.

    Args:
        command: the shell command that runs the desk.
        busy_command: the shell command that a second tab runs while the desk is in use; empty:
            every tab runs a desk, which is possible for a recording only.
        host: the address to listen on.
        port: the port to listen on.
    """

    def __init__(self, command: str, busy_command: str, host: str, port: int) -> None:
        super().__init__(command, host, port, title="cachedesk")
        self._busy_command = busy_command
        self._viewer: _Tab | None = None
        self._free = asyncio.Event()
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._services: set[AppService] = set()
        self.ended_by: int | None = None

    def serve(self, debug: bool = False) -> None:
        """Serve until SIGINT or SIGTERM; ``ended_by`` is then its number.

        Raises:
            OSError: the address cannot be listened on.
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
            # Called once the server is listening.
            print=self._announce,
            shutdown_timeout=1.0,
            access_log=None,
        )

    def _end(self, number: int) -> None:
        self.ended_by = number
        raise GracefulExit

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing yet: the server is not listening."""

    def _announce(self, usual: str) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        url = f"http://{host}:{self.port}/?token={self._token}"
        print(f"The desk is at {url}  (Ctrl+C ends it)", flush=True)

    async def on_shutdown(self, app: web.Application) -> None:
        """End every process that serves a tab."""
        for service in list(self._services):
            with suppress(Exception):
                await service.stop()

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """Serve the page; its WebSocket connects to the host that the page was requested from."""
        self._check(request, request.query.get("token", ""))
        self.public_url = f"http://{request.host}"
        context = await Server.handle_index.__wrapped__(self, request)  # type: ignore[attr-defined]
        context["app_websocket_url"] += f"/{self._token}"
        return aiohttp_jinja2.render_template("app_index.html", request, context)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        # The page adds its own query to the WebSocket's URL, so the token is part of the path.
        app.router.add_get("/ws/{token}", self.handle_websocket)
        return app

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Show the desk in a tab, or a message while the desk is in use; end it with the tab."""
        self._check(request, request.match_info.get("token", ""))
        if request.headers.get("Origin") != f"http://{request.host}":
            raise web.HTTPForbidden(text="This desk answers its own page only.")
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        width, height = (to_int(request.query.get(name, ""), 0) for name in ("width", "height"))
        tab = _Tab(socket, width or 80, height or 24)
        showing = asyncio.create_task(self._show(tab))
        try:
            await self._process_messages(socket, tab)  # type: ignore[arg-type]
        finally:
            tab.closed = True
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
            await self._end_service(tab)
        return socket

    async def _show(self, tab: _Tab) -> None:
        """Start the desk in ``tab``; show the message while another tab has it."""
        if self._busy_command and self._viewer is not None:
            # When a tab is reloaded, its previous desk is still ending.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._free.wait(), _RELOAD_SECONDS)
            if self._viewer is not None:
                await self._start(tab, self._busy_command)
        while self._busy_command and self._viewer is not None:
            await self._free.wait()
        if self._busy_command:
            self._viewer = tab
            self._free.clear()
        await self._end_service(tab)
        await self._start(tab, self.command)

    async def _start(self, tab: _Tab, command: str) -> None:
        async def close() -> None:
            # The message ends when the desk replaces it; the tab stays open.
            if tab.service is service:
                await tab.socket.close()

        service = AppService(
            command,
            write_bytes=tab.socket.send_bytes,
            write_str=tab.socket.send_str,
            close=close,
            download_manager=self.download_manager,
        )
        self._services.add(service)
        tab.service = service
        await service.start(tab.width, tab.height)
        # The tab may have been resized in the meantime.
        await service.set_terminal_size(tab.width, tab.height)

    async def _end_service(self, tab: _Tab) -> None:
        """End the process of ``tab``; if the tab was closed, give the desk to the next one."""
        service, tab.service = tab.service, None
        try:
            if service is not None:
                await service.stop()
        finally:
            # The data directory is in use until the process has ended.
            if service is not None and service._process is not None:
                await service._process.wait()
            if service is not None:
                self._services.discard(service)
            if tab.closed and self._viewer is tab:
                self._viewer = None
                self._free.set()

    def _check(self, request: web.Request, token: str) -> None:
        """Refuse requests without the token and requests from other sites, whose pages could
        otherwise send keys to the desk of a user who visits them.

        Raises:
            HTTPForbidden: the token is wrong, or the host name is not the server's, or the request
                came from another origin.
        """
        named = urlsplit(f"//{request.host}").hostname or ""
        if self.host in LOOPBACK and named not in LOOPBACK:
            raise web.HTTPForbidden(text="This desk answers on this machine only.")
        if request.headers.get("Origin") not in (None, f"http://{request.host}"):
            raise web.HTTPForbidden(text="This desk answers its own page only.")
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            raise web.HTTPForbidden(
                text='Open the whole address that "cachedesk serve" printed; it ends in ?token=…'
            )


class _Tab:
    """A browser tab with the interface of a service: messages go to the process that it shows."""

    def __init__(self, socket: web.WebSocketResponse, width: int, height: int) -> None:
        self.socket = socket
        self.width, self.height = width, height
        self.service: AppService | None = None
        self.closed = False

    async def send_bytes(self, data: bytes) -> None:
        """Send key presses."""
        if self._runs is not None:
            await self._runs.send_bytes(data)

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Remember the size and send it."""
        self.width, self.height = width, height
        if self._runs is not None:
            await self._runs.set_terminal_size(width, height)

    async def blur(self) -> None:
        """Report that the tab has lost the focus."""
        if self._runs is not None:
            await self._runs.blur()

    async def focus(self) -> None:
        """Report that the tab has the focus."""
        if self._runs is not None:
            await self._runs.focus()

    @property
    def _runs(self) -> AppService | None:
        """The service, once its process accepts messages; else ``None``."""
        service = self.service
        return service if service is not None and service._stdin is not None else None
