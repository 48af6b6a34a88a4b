"""``cachedesk serve``: one server, one stack, one viewer; a second viewer is refused."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.engine.until import until

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "cachedesk")
Start = Callable[..., "Served"]


class Served:
    """A server that is running, and the port it listens on."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cachedesk",
                "serve",
                "--port",
                str(self.port),
                "--data",
                str(data),
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.token = self.said.partition(b"?token=")[2].split()[0].decode()

    @property
    def page(self) -> str:
        """The path of the page."""
        return f"/?token={self.token}"

    def connect(
        self, browser: aiohttp.ClientSession, query: str = ""
    ) -> aiohttp.client._WSRequestContextManager:
        """Open a socket as the page does."""
        headers = {"Origin": f"http://127.0.0.1:{self.port}"}
        return browser.ws_connect(f"/ws/{self.token}{query}", headers=headers)

    def redis_servers(self) -> int:
        """How many redis-servers of ours run."""
        return sum("redis-server" in name for name in self._names())

    def desks(self) -> int:
        """How many processes the server has started that run now."""
        return sum("python" in name for name in self._names())

    def _names(self) -> list[str]:
        names: list[str] = []
        for child in self._children():
            # It may end while it is looked at.
            with suppress(psutil.NoSuchProcess):
                names.append(child.name())
        return names

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=120)
        return self.process.returncode


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Start]:
    """Start servers that are ended after the test, and whatever they started."""
    started: list[Served] = []

    def start(*options: str, data: Path = tmp_path / "data") -> Served:
        started.append(Served(data, *options))
        return started[-1]

    yield start
    for served in started:
        children = served._children()
        if served.process.poll() is None:
            served.end(signal.SIGTERM)
        until(lambda c=children: not any(child.is_running() for child in c))


UP = "● all well".encode()
"""What the desk says once its stack is up; before, a key may find it still starting."""


class Tab:
    """A browser's tab: what it was sent since the last key, in one piece."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.shown = b""

    async def see(self, text: bytes, after: bytes = b"") -> None:
        """Wait until ``text`` was sent, behind ``after``."""
        while text not in self.shown.partition(after)[2] if after else text not in self.shown:
            message = await asyncio.wait_for(self.socket.receive(), 60)
            assert message.type is aiohttp.WSMsgType.BINARY, (message, self.shown[-500:])
            self.shown += message.data

    async def press(self, *keys: str) -> None:
        """Press keys; what is waited for next comes after them."""
        self.shown = b""
        for key in keys:
            await self.socket.send_json(["stdin", key])

    async def is_closed(self) -> None:
        """Wait until the server closes it, as it does when the desk ends."""

        async def closed() -> None:
            while (await self.socket.receive()).type is aiohttp.WSMsgType.BINARY:
                pass

        await asyncio.wait_for(closed(), 60)
        assert self.socket.closed


def browse(served: Served, visit: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> None:
    async def go() -> None:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{served.port}") as browser:
            await visit(browser)

    asyncio.run(go())


def test_one_tab_has_the_desk_and_the_next_one_a_notice(serve: Start) -> None:
    served = serve()
    assert f"http://127.0.0.1:{served.port}".encode() in served.said

    async def visit(browser: aiohttp.ClientSession) -> None:
        page = await browser.get(served.page)
        assert f"ws://127.0.0.1:{served.port}/ws/{served.token}" in await page.text()
        async with served.connect(browser, "?width=100&height=30") as first:
            await Tab(first).see(b"balanced")
            assert served.redis_servers() == 1
            async with served.connect(browser) as second:
                waiting = Tab(second)
                await waiting.see(b"open in another tab")
                assert served.redis_servers() == 1, "no second stack"
                await first.close()
                # A tab that is closed takes its stack along; the next one opens it again.
                await waiting.see(b"balanced")
                assert served.redis_servers() == 1

    browse(served, visit)


def test_keys_reach_the_stack(serve: Start) -> None:
    served = serve()

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser, "?width=120&height=40") as socket:
            tab = Tab(socket)
            await tab.see(b"balanced")
            await socket.send_json(["stdin", "d"])
            await tab.see(b"held down")

    browse(served, visit)


def test_a_tab_that_is_loaded_anew_gets_its_desk_back(serve: Start) -> None:
    served = serve()

    async def visit(browser: aiohttp.ClientSession) -> None:
        for _ in range(2):
            socket = await served.connect(browser)
            await Tab(socket).see(b"balanced")
            # A browser closes the old socket and opens the new one at once.
            loaded = asyncio.create_task(socket.close())
            socket = await served.connect(browser)
            await Tab(socket).see(b"balanced")
            await loaded
            await socket.close()
            await asyncio.to_thread(until, lambda: served.desks() == 0)

    browse(served, visit)


def test_there_is_no_desk_without_its_token_or_from_another_page(serve: Start) -> None:
    served = serve()
    own = f"http://127.0.0.1:{served.port}"
    socket = f"/ws/{served.token}"
    refused = (
        ("/", {}),
        ("/?token=guess", {}),
        ("/ws", {"Origin": own}),
        ("/ws/guess", {"Origin": own}),
        (socket, {}),
        (socket, {"Origin": own.replace("http", "https")}),
        (socket, {"Origin": "null"}),
        *(
            (path, headers)
            for path in (served.page, socket)
            for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example:80"})
        ),
    )

    async def visit(browser: aiohttp.ClientSession) -> None:
        for path, headers in refused:
            answer = await browser.get(path, headers=headers)
            assert answer.status == 403, (path, headers)
        assert served.desks() == 0
        assert (await browser.get(served.page)).status == 200

    browse(served, visit)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name
)
def test_the_end_of_the_server_is_the_end_of_all(serve: Start, number: signal.Signals) -> None:
    served = serve()

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser) as socket:
            await Tab(socket).see(b"balanced")
            children = served._children()
            assert children
            status = await asyncio.to_thread(served.end, number)
            assert status == (-9 if number is signal.SIGKILL else 128 + number)
            await asyncio.to_thread(
                until, lambda: not any(map(psutil.pid_exists, [c.pid for c in children]))
            )

    browse(served, visit)
    assert not (served.data / "redis.state").exists()


def test_a_folder_in_use_is_told_in_the_browser(serve: Start, tmp_path: Path) -> None:
    data = tmp_path / 'it\'s "mine" $HOME'
    holder = subprocess.Popen(
        [*COMMAND, "run", "--seconds", "3600", "--rate", "50", "--stat", "--data", data],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    served = serve(data=data)

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser) as socket:
            await Tab(socket).see(b"cannot be opened")

    try:
        browse(served, visit)
    finally:
        holder.terminate()
        holder.communicate(timeout=120)


def test_a_port_in_use_and_a_wrong_file_are_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for options, text in (
            (["--port", port], f"Port {port} is in use"),
            (["--theme", "gruvbux"], "did you mean 'gruvbox'?"),
            (["--replay", str(tmp_path / "no.rec")], "does not exist"),
        ):
            done = subprocess.run(
                [*COMMAND, "serve", "--data", tmp_path / "d", *options],
                capture_output=True,
                text=True,
                timeout=120,
                env=os.environ | {"TERM": "dumb"},
            )
            assert done.returncode == 2, done
            assert text in done.stderr
            assert done.stderr.count("\n") == 1
            assert not (tmp_path / "d").exists()


def test_a_recording_may_be_watched_by_many(serve: Start, tmp_path: Path) -> None:
    recording = tmp_path / "run.rec"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "cachedesk",
            "run",
            "--ops",
            "200",
            "--data",
            tmp_path / "d",
            "--record",
            recording,
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    served = serve("--replay", str(recording))

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser) as first, served.connect(browser) as second:
            await Tab(first).see(b"REPLAY")
            await Tab(second).see(b"REPLAY")
            assert served.redis_servers() == 0

    browse(served, visit)


def test_the_page_has_a_title_and_asks_nobody_else(serve: Start, tmp_path: Path) -> None:
    served = serve()
    own = f"//127.0.0.1:{served.port}/"

    async def visit(browser: aiohttp.ClientSession) -> None:
        page = await browser.get(served.page)
        text = await page.text()
        assert f"<title>cachedesk · {tmp_path / 'data'}</title>" in text
        found = re.findall(r"(?:https?|wss?):(//[^/\"']*/?)", text.replace("www.w3.org", ""))
        assert set(found) - {"///"} == {own}
        assert ".xterm-viewport {\n        overflow: hidden;" in text, "no bar beside the desk"
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'")
        for path in re.findall(rf"http:{own}(static/[^\"]+)", text):
            async with browser.get(f"/{path}") as answer:
                assert answer.status == 200, path

    browse(served, visit)


def test_a_story_is_played_in_the_tab_and_left_for_the_desk(serve: Start) -> None:
    served = serve()

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser, "?width=100&height=30") as socket:
            tab = Tab(socket)
            await tab.see(b"balanced")
            await tab.see(UP)
            await tab.press("t")
            await tab.see(b"Tours and stories")
            await tab.press("\x1b[F", "\r")
            await tab.see(b"STORY")
            # What is reported while a story is shown holds for the desk as well: at this height
            # there is room for the diagram.
            await socket.send_json(["resize", {"width": 120, "height": 40}])
            await tab.press("q")
            await tab.see(b"cache layer", after=b"workload article")
            assert served.desks() == 1
            await tab.press("d")
            await tab.see(b"held down")
            await tab.press("q")
            await tab.is_closed()
        await asyncio.to_thread(until, lambda: served.desks() == 0)

    browse(served, visit)


def test_two_stacks_are_opened_in_the_tab(serve: Start) -> None:
    served = serve()

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser, "?width=120&height=40") as socket:
            tab = Tab(socket)
            await tab.see(b"balanced")
            await tab.see(UP)
            await tab.press("v")
            await tab.see(b"Two stacks")
            await tab.press("\r")
            await tab.see(b"after the same operations")
        # A tab that is closed meanwhile takes all three stacks along.
        await asyncio.to_thread(until, lambda: served.desks() == served.redis_servers() == 0)

    browse(served, visit)


def test_a_tab_that_is_closed_during_a_story_ends_the_desk_too(serve: Start) -> None:
    served = serve()

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser) as socket:
            tab = Tab(socket)
            await tab.see(b"balanced")
            await tab.see(UP)
            await tab.press("t")
            await tab.see(b"Tours and stories")
            await tab.press("\x1b[F", "\r")
            await tab.see(b"STORY")
        await asyncio.to_thread(until, lambda: served.desks() == served.redis_servers() == 0)

    browse(served, visit)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda it: it.name)
def test_the_end_of_the_server_ends_a_story(serve: Start, number: signal.Signals) -> None:
    served = serve()

    async def visit(browser: aiohttp.ClientSession) -> None:
        async with served.connect(browser) as socket:
            tab = Tab(socket)
            await tab.see(b"balanced")
            await tab.see(UP)
            await tab.press("t")
            await tab.see(b"Tours and stories")
            await tab.press("\x1b[F", "\r")
            await tab.see(b"STORY")
            children = served._children()
            await asyncio.to_thread(served.end, number)
            await asyncio.to_thread(
                until, lambda: not any(map(psutil.pid_exists, [c.pid for c in children]))
            )

    browse(served, visit)
