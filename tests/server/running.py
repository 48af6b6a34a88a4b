"""Servers for tests: one in this process, and the command as a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hiredis
import redis

from cachedesk.client.address import Address, UnixAddress
from cachedesk.core.settings import Settings
from cachedesk.server.limits import Limits
from cachedesk.server.server import Server
from cachedesk.stack.stack import Stack
from tests.engine.until import PATIENCE_SECONDS, unhurried, until


class Running:
    """A server on a thread of this process. ``stack``: what it serves."""

    def __init__(
        self,
        folder: Path,
        settings: Settings | None = None,
        addresses: Sequence[Address] | None = None,
        *,
        password: bytes | None = None,
        limits: Limits | None = None,
        allows_flush: bool = False,
    ) -> None:
        self.path = folder / "s"
        self.reported: list[str] = []
        self.left = ""
        self._wires: list[Wire] = []
        self.stack = Stack(folder / "data", unhurried(settings))
        self.server = Server(
            self.stack.layer,
            self.stack.snapshot,
            [UnixAddress(self.path)] if addresses is None else addresses,
            password=password,
            limits=limits,
            allows_flush=allows_flush,
            report=self.reported.append,
        )
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        self.left = asyncio.run(self.server.serve(PATIENCE_SECONDS))

    def client(self, **more: Any) -> redis.Redis:
        """Return a client: redis-py, which we did not write."""
        return redis.Redis(unix_socket_path=str(self.path), **more)

    def wire(self) -> Wire:
        """Return a bare connection."""
        self._wires.append(Wire(self.path))
        return self._wires[-1]

    def stop(self) -> str:
        """End it; return what it said was left."""
        self.server.stop()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        return self.left

    def close(self) -> None:
        """End it, and its stack."""
        for wire in self._wires:
            wire.close()
        self.stop()
        self.stack.close()


class Wire:
    """A bare connection: bytes out, replies in."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(str(path))
        self._reader = hiredis.Reader()

    def send(self, *words: bytes | str | int) -> None:
        """Send one command."""
        self.socket.sendall(hiredis.pack_command(words))

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def reply(self) -> Any:
        """Return the next reply; an error as a value."""
        while (reply := self._reader.gets()) is False:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError
            self._reader.feed(data)
        return reply

    def call(self, *words: bytes | str | int) -> Any:
        """Send one command and return its reply; an error as its text."""
        self.send(*words)
        reply = self.reply()
        return str(reply) if isinstance(reply, hiredis.ReplyError) else reply

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


@contextmanager
def running(settings: Settings | None = None, **more: Any) -> Iterator[Running]:
    """Run a server in a folder of its own, whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="up-") as folder:
        server = Running(Path(folder), settings, **more)
        try:
            yield server
        finally:
            server.close()


class Up:
    """``cachedesk up`` as a process."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.data = folder / "data"
        self.path = self.data / "cachedesk.sock"
        line = [sys.executable, "-m", "cachedesk", "up", "--data", str(self.data), *options]
        self.process = subprocess.Popen(
            line, stderr=subprocess.PIPE, env={**os.environ, **environment}
        )

    def answers(self) -> bool:
        """Whether it serves; fails if it has ended."""
        assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def wait(self) -> Up:
        """Wait until it serves."""
        until(self.answers)
        return self

    def client(self, **more: Any) -> redis.Redis:
        """Return a client of it."""
        return redis.Redis(unix_socket_path=str(self.path), **more)

    def end(self, signal: int) -> tuple[int, str]:
        """Send a signal; return the exit code and what was said."""
        self.process.send_signal(signal)
        _, said = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, said.decode()

    def close(self) -> None:
        """End it, if it runs."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=PATIENCE_SECONDS)
