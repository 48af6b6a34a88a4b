"""The connections to Redis that no call uses just now."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from cachedesk.stores.redis.connection import RedisConnection


class IdleConnections:
    """Open connections, the last used first. Thread-safe, without a lock."""

    def __init__(self) -> None:
        self._connections: deque[RedisConnection] = deque()

    def take(self, generation: int) -> RedisConnection | None:
        """Return one of this generation, or ``None``; older ones are closed."""
        while True:
            try:
                connection = self._connections.pop()
            except IndexError:
                return None
            if connection.generation == generation:
                return connection
            connection.close()

    def give(self, connection: RedisConnection) -> None:
        """Keep ``connection`` for a later call."""
        self._connections.append(connection)

    def close(self) -> None:
        """Close all of them."""
        # Not "while there is one": two threads may close at once.
        with suppress(IndexError):
            while True:
                self._connections.pop().close()

    def forked(self) -> None:
        """Let go of all of them, in a child of the process that opened them."""
        while self._connections:
            self._connections.pop().close_descriptor()
