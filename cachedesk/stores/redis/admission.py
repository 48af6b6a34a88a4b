"""Admission: what is done to a Redis that is not the one we knew, before it is trusted."""

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
    """What ``RedisCache.trust`` did: whether the cache starts empty, how many keys it dropped, and
    how many it kept of a snapshot after comparing each with the truth (``None``: there was none).
    ``trusted``: what an unknown server holds was believed as it is."""

    emptied: bool = False
    dropped: int = 0
    verified: int | None = None
    trusted: bool = False


StartOver = Callable[[RedisConnection, Namespace, Truths | None, Progress], Admission]
"""Makes sure that nothing is read of what a server holds, but what is true."""


def ignore(share: float) -> None:
    """Show no progress."""


def start_over(
    connection: RedisConnection, namespace: Namespace, truths: Truths | None, progress: Progress
) -> Admission:
    """Begin a new generation, which nothing that was ever sent to a server can reach.

    Args:
        connection: to the server.
        namespace: of the cache.
        truths: compare what the server holds with these, and take over what agrees; ``None``:
            begin empty.
        progress: of that, 0 to 1.

    Raises:
        CacheError: the server does not answer.
    """
    namespace.renew()
    if truths is not None:
        try:
            kept, dropped = verify(connection, namespace, truths, progress)
        except DatabaseError:
            # What cannot be compared is not trusted, nor is what was taken over already.
            namespace.renew()
        else:
            return Admission(dropped=dropped, verified=kept)
    return Admission(emptied=True)


def believe(
    connection: RedisConnection, namespace: Namespace, truths: Truths | None, progress: Progress
) -> Admission:
    """As ``start_over``, and go on with what was stored before: what another server brings with it
    is believed as it is."""
    return Admission(trusted=True)


def is_loading(connection: RedisConnection) -> bool:
    """Return whether the server still reads its snapshot."""
    return fields(connection.call(b"INFO", b"persistence")).get(b"loading") == b"1"


def fields(reply: object) -> dict[bytes, bytes]:
    """Return the fields of what ``INFO`` replies."""
    lines = cast("bytes", reply).split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)


def identity_of(connection: RedisConnection) -> Writer:
    """Return what tells the server at ``connection`` from any other, and the connection from any
    other there; errors as for a command."""
    info, number = connection.pipeline([(b"INFO", b"server"), (b"CLIENT", b"ID")])
    if isinstance(info, RedisReplyError):
        raise info
    return fields(info)[b"run_id"], number if isinstance(number, int) else None
