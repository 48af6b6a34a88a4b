"""Late writes: a command that was sent, never confirmed, and may still be carried out.

When a call times out, its command may be unread in the socket, and a server that hung carries it
out when it resumes, even after the socket was closed on our side. So the key of such a SET can be
dropped for good only after the server has closed the connection. ``CLIENT KILL ID`` ensures that,
and ends no connection but our own: a server never assigns a client id twice. A SET of an earlier
generation is harmless: its key is never read.
"""

from __future__ import annotations

from cachedesk.stores.redis.connection import RedisConnection

NO_GENERATION = b""
"""For a command that changes the server itself, which is harmless in no generation."""


class LateWrites:
    """The connections of one cache with an unanswered write. Thread-safe, without a lock."""

    def __init__(self) -> None:
        # Keyed by the object, not by its client id: a server may refuse CLIENT ID.
        self._generations: dict[RedisConnection, bytes] = {}

    def expect(self, connection: RedisConnection, generation: bytes) -> None:
        """Record, before a command of ``generation`` is sent, that it goes over ``connection``; its
        ``writer`` must be set."""
        self._generations[connection] = generation

    def confirm(self, connection: RedisConnection) -> None:
        """Record that the server has answered everything sent over ``connection``."""
        self._generations.pop(connection, None)

    def cut(self, connection: RedisConnection, run_id: bytes, generation: bytes) -> bool:
        """Make a server close our connections with an unanswered write.

        Args:
            connection: to the server.
            run_id: its run id.
            generation: the current one.

        Returns:
            Whether no command sent before can still be carried out there with an effect on
            ``generation``; false if the server refuses to close the connections.

        Raises:
            CacheError: the server does not answer.
        """
        here: list[RedisConnection] = []
        for used, sent in tuple(self._generations.items()):
            if sent in (generation, NO_GENERATION) and used.writer[0] == run_id:
                here.append(used)
            else:
                self.confirm(used)
        known = [number for used in here if (number := used.writer[1]) is not None]
        commands = [(b"CLIENT", b"KILL", b"ID", number) for number in known]
        replies = connection.pipeline(commands) if commands else []
        ended = len(known) == len(here) and all(isinstance(reply, int) for reply in replies)
        for used in here:
            # A connection that cannot be closed stays recorded until a new generation makes its
            # write harmless; for a command of no generation there is no remedy.
            if ended or self._generations.get(used) == NO_GENERATION:
                self.confirm(used)
        return ended
