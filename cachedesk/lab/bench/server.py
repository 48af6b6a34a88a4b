"""The Redis server of the rivals: the same program and settings as cachedesk's, used by them alone.

The server of cachedesk is killed and restarted when it hangs, for example on a busy machine, and is
emptied when the cache starts anew: it must have no other user.
"""

from __future__ import annotations

import time
from pathlib import Path

from cachedesk.core.errors import CacheError, Unavailable
from cachedesk.core.settings import RedisSettings
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.server_process import RedisServer

_START_SECONDS = 60.0
_POLL_SECONDS = 0.01


class RivalsServer:
    """A Redis server that runs until ``close``."""

    def __init__(self, folder: Path) -> None:
        """Start it in the new folder ``folder``, and wait until it answers.

        Raises:
            Unavailable: it does not answer.
        """
        folder.mkdir()
        self._server = RedisServer(folder, RedisSettings())
        self.socket_path = self._server.socket_path
        try:
            self._server.start()
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop it. A second call does nothing."""
        self._server.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while (why := self._silence()) and self._server.alive and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if why:
            raise Unavailable(f"the Redis server of the rivals does not answer: {why}")

    def _silence(self) -> str:
        """Return why the server does not answer; empty if it does."""
        try:
            connection = RedisConnection(self.socket_path, _START_SECONDS)
            connection.call(b"PING")
            connection.close()
        except CacheError as error:
            return str(error)
        return ""
