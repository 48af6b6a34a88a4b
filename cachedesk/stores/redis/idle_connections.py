"""The connections to Redis that are not in use."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from cachedesk.stores.redis.connection import RedisConnection


class IdleConnections:
    """Open connections, most recently used first. Thread-safe, without a lock."""

    def __init__(self) -> None:
        self._connections: deque[RedisConnection] = deque()

    def take(self, trust_number: int) -> RedisConnection | None:
        """Return a connection of the trust ``trust_number``, or ``None``; close older ones."""
        while True:
            try:
                connection = self._connections.pop()
            except IndexError:
                return None
            if connection.trust_number == trust_number:
                return connection
            connection.close()

    def give(self, connection: RedisConnection) -> None:
        """Keep ``connection`` for a later call."""
        self._connections.append(connection)

    def close(self) -> None:
        """Close all of them."""
        # Not "while there is one": two threads may close at the same time.
        with suppress(IndexError):
            while True:
                self._connections.pop().close()
