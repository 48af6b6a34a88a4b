"""The desk in a browser: one web server, one stack, one viewer at a time.

``textual-serve`` starts a process for every visitor. Two stacks cannot share a data directory, so a
second tab shows a message, from a process of its own, until the first tab is closed. Closing a tab
closes its stack; the next tab opens it again.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp_jinja2
from aiohttp import web
from aiohttp.web_runner import GracefulExit
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

_PAGES = Path(__file__).parent.parent / "web"
_TOKEN_BYTES = 16
_RELOAD_SECONDS = 2.0
_FRAME_BYTES = 200
"""The length from which bytes are a frame, and not a mode of the terminal."""

# The page is inline, and so are the styles of its terminal.
_OWN_HOST_ONLY = (
    "default-src 'self' 'unsafe-inline'; connect-src 'self' ws://{host}; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DeskServer(Server):
    """Serves a desk to browsers that know the token in the printed URL.

    Args:
        command: the shell command that runs the desk.
        busy_command: the shell command that a second tab runs while the desk is in use; empty:
            every tab runs a desk, which is possible for a recording only.
        host: the address to listen on.
        port: the port to listen on.
        title: the title of the page.
    """

    def __init__(
        self, command: str, busy_command: str, host: str, port: int, title: str = "cachedesk"
    ) -> None:
        super().__init__(command, host, port, title=title, templates_path=_PAGES)
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
        page = aiohttp_jinja2.render_template("app_index.html", request, context)
        page.headers["Content-Security-Policy"] = _OWN_HOST_ONLY.format(host=request.host)
        return page

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
            write_bytes=_FromFirstFrame(tab.socket.send_bytes),
            write_str=tab.socket.send_str,
            close=close,
            download_manager=self.download_manager,
        )
        self._services.add(service)
        tab.service = service
        await service.start(tab.width, tab.height)
        # The tab may have been resized or focused in the meantime.
        await service.set_terminal_size(tab.width, tab.height)
        if tab.focused:
            await service.focus()

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


class _FromFirstFrame:
    """Holds back what an app sends before its first frame.

    The page hides its own words, and a terminal what it showed before, at the first bytes; the
    frame may come seconds later.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._held: list[bytes] | None = []

    async def __call__(self, data: bytes) -> None:
        """Send ``data``, and what was held back, if there has been a frame."""
        if self._held is not None:
            self._held.append(data)
            if len(data) < _FRAME_BYTES:
                return
            data, self._held = b"".join(self._held), None
        await self._send(data)


class _Tab:
    """A browser tab with the interface of a service: messages go to the process that it shows."""

    def __init__(self, socket: web.WebSocketResponse, width: int, height: int) -> None:
        self.socket = socket
        self.width, self.height = width, height
        self.service: AppService | None = None
        self.closed = False
        self.focused = False

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
        """Remember that the tab has lost the focus, and report it."""
        self.focused = False
        if self._runs is not None:
            await self._runs.blur()

    async def focus(self) -> None:
        """Remember that the tab has the focus, and report it."""
        self.focused = True
        if self._runs is not None:
            await self._runs.focus()

    @property
    def _runs(self) -> AppService | None:
        """The service, once its process accepts messages; else ``None``."""
        service = self.service
        return service if service is not None and service._stdin is not None else None
