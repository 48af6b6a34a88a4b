"""The connections to Redis that no call uses just now."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from cachedesk.stores.redis.connection import RedisConnection


class IdleConnections:
    """Open connections, the last used first. Thread-safe, without a lock."""

    def __init__(self) -> None:
        self._wires: deque[RedisConnection] = deque()

    def take(self, generation: int) -> RedisConnection | None:
        """Return one of this generation, or ``None``; older ones are closed."""
        while True:
            try:
                wire = self._wires.pop()
            except IndexError:
                return None
            if wire.generation == generation:
                return wire
            wire.close()

    def give(self, wire: RedisConnection) -> None:
        """Keep ``wire`` for a later call."""
        self._wires.append(wire)

    def close(self) -> None:
        """Close all of them."""
        # Not "while there is one": two threads may close at once.
        with suppress(IndexError):
            while True:
                self._wires.pop().close()

    def forked(self) -> None:
        """Let go of all of them, in a child of the process that opened them."""
        while self._wires:
            self._wires.pop().let_go()
