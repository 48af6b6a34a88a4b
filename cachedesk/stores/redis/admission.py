"""Admission: what is done to a Redis that is not the one we knew, before it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from cachedesk.core.errors import DatabaseError
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.verification import Progress, Truths, verify


@dataclass(frozen=True, slots=True)
class Admission:
    """What ``RedisCache.trust`` did: whether it emptied the cache, how many keys it dropped, and
    how many it kept of a snapshot after comparing each with the truth (``None``: there was none).
    ``trusted``: what an unknown server holds was believed as it is."""

    emptied: bool = False
    dropped: int = 0
    verified: int | None = None
    trusted: bool = False


def ignore(share: float) -> None:
    """Nobody watches."""


def clear(connection: RedisConnection, truths: Truths | None, progress: Progress) -> Admission:
    """Make sure that a server we do not know holds nothing old."""
    if truths is not None:
        try:
            kept, dropped = verify(connection, truths, progress)
        except DatabaseError:
            # What cannot be compared is not believed.
            pass
        else:
            return Admission(dropped=dropped, verified=kept)
    connection.call(b"FLUSHALL", b"ASYNC")
    return Admission(emptied=True)


def believe(connection: RedisConnection, truths: Truths | None, progress: Progress) -> Admission:
    """As ``clear``, and clear nothing: what another server brings with it is believed as it is."""
    return Admission(trusted=True)


def is_loading(connection: RedisConnection) -> bool:
    """Return whether the server still reads its snapshot."""
    return fields(connection.call(b"INFO", b"persistence")).get(b"loading") == b"1"


def fields(reply: object) -> dict[bytes, bytes]:
    """Return the fields of what ``INFO`` replies."""
    lines = cast("bytes", reply).split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)


def run_id_of(connection: RedisConnection) -> bytes:
    """Return what tells the server at ``connection`` from any other; errors as for a command."""
    return fields(connection.call(b"INFO", b"server"))[b"run_id"]
