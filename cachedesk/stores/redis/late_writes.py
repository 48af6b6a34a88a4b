"""Late writes: a command that was sent, never confirmed, and may still be carried out.

When a call gives up, its command may sit unread in its socket, and a server that hung carries it
out when it goes on, also after the socket was closed on our side. So a key that such a SET names
can be dropped for good only when its connection is certainly dead at the server. That is what
``CLIENT KILL ID`` makes sure of, and it touches no connection but our own: a client's id is never
given twice by one server. A SET of an earlier generation needs nothing: it is never read.
"""

from __future__ import annotations

from cachedesk.stores.redis.connection import RedisConnection

NO_GENERATION = b""
"""Of a command that changes the server itself, so that no generation makes it harmless."""


class LateWrites:
    """The connections of one cache that may have a write on its way. Thread-safe, without a
    lock."""

    def __init__(self) -> None:
        # By the object, not by its writer: a server that refuses CLIENT ID gives none of them one.
        self._generations: dict[RedisConnection, bytes] = {}

    def expect(self, connection: RedisConnection, generation: bytes) -> None:
        """Note, before a command of ``generation`` is sent, that it goes over ``connection``, whose
        ``writer`` is known."""
        self._generations[connection] = generation

    def confirm(self, connection: RedisConnection) -> None:
        """Note that the server has answered everything that was sent."""
        self._generations.pop(connection, None)

    def cut(self, connection: RedisConnection, run_id: bytes, generation: bytes) -> bool:
        """Have a server end our connections with a write on its way.

        Args:
            connection: to the server.
            run_id: its run id.
            generation: the current one.

        Returns:
            Whether nothing that was sent before can still be carried out there and be seen in
            ``generation``; if not, the server will not let us end these connections.

        Raises:
            CacheError: it does not answer.
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
            # What cannot be ended is no longer of account once another generation has begun; of a
            # command of none there is no more to be done.
            if ended or self._generations.get(used) == NO_GENERATION:
                self.confirm(used)
        return ended
