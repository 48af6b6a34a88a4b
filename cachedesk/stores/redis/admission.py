"""Admission: what is done with the contents of an unknown server before it is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cachedesk.core.errors import DatabaseError
from cachedesk.stores.redis.connection import RedisConnection, RedisReplyError, Writer
from cachedesk.stores.redis.namespace import Namespace
from cachedesk.stores.redis.verification import Progress, Truths, verify


@dataclass(frozen=True, slots=True)
class Admission:
    """What ``RedisCache.trust`` did.

    ``emptied``: the cache starts empty. ``dropped``: how many keys were dropped. ``verified``: how
    many keys of a snapshot were kept after comparing each with the truth; ``None``: there was no
    comparison. ``trusted``: the contents of an unknown server were trusted unchecked.
    """

    emptied: bool = False
    dropped: int = 0
    verified: int | None = None
    trusted: bool = False


StartOver = Callable[[RedisConnection, Namespace, Truths | None, Progress], Admission]
"""Ensures that only true values can be read from a server."""


def ignore(share: float) -> None:
    """Ignore the progress."""


def start_over(
    connection: RedisConnection, namespace: Namespace, truths: Truths | None, progress: Progress
) -> Admission:
    """Begin a new generation, whose keys no command sent earlier can change.

    Args:
        connection: to the server.
        namespace: of the cache.
        truths: compare the server's contents with these, and keep what agrees; ``None``: begin
            empty.
        progress: called with the share that is compared, 0 to 1.

    Raises:
        CacheError: the server does not answer.
    """
    namespace.renew()
    if truths is not None:
        try:
            kept, dropped = verify(connection, namespace, truths, progress)
        except DatabaseError:
            # Keys that cannot be compared are not trusted, nor are those moved already.
            namespace.renew()
        else:
            return Admission(dropped=dropped, verified=kept)
    return Admission(emptied=True)


def believe(
    connection: RedisConnection, namespace: Namespace, truths: Truths | None, progress: Progress
) -> Admission:
    """As ``start_over``, but keep the generation: the contents of an unknown server are trusted
    unchecked."""
    return Admission(trusted=True)


def is_loading(connection: RedisConnection) -> bool:
    """Return whether the server is still loading its snapshot."""
    return fields(connection.call(b"INFO", b"persistence")).get(b"loading") == b"1"


def fields(reply: object) -> dict[bytes, bytes]:
    """Return the fields of a reply to ``INFO``."""
    lines = cast("bytes", reply).split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)


def identity_of(connection: RedisConnection) -> Writer:
    """Return the run id of the server at ``connection``, and the client id of the connection
    there; errors as for a command."""
    info, number = connection.pipeline([(b"INFO", b"server"), (b"CLIENT", b"ID")])
    if isinstance(info, RedisReplyError):
        raise info
    return fields(info)[b"run_id"], number if isinstance(number, int) else None
