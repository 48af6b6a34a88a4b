"""Sessions: what the server knows of one connection."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cachedesk.server.limits import Limits


@dataclass(slots=True, eq=False)
class Session:
    """The state of one connection, changed by its own commands only, on the thread of the loop.

    ``queued``: the commands of a MULTI, ``None`` outside of one; ``spoiled``: one of them was
    refused, so that EXEC will be. ``watched``: the watched keys, and whether each was present.
    ``touched``: a watched key was written since.
    """

    number: int
    address: str
    authenticated: bool
    version: int = 2
    name: str = ""
    library: str = ""
    library_version: str = ""
    queued: list[Sequence[bytes]] | None = None
    spoiled: bool = False
    watched: dict[bytes, bool] = field(default_factory=dict)
    touched: bool = False
    closing: bool = False
    last_command: str = ""
    began: float = field(default_factory=time.monotonic)
    active: float = field(default_factory=time.monotonic)

    def unwatch(self) -> None:
        """Watch no key any more."""
        self.watched = {}
        self.touched = False

    def discard(self) -> None:
        """Forget the queued commands."""
        self.queued = None
        self.spoiled = False
        self.unwatch()

    def describe(self) -> str:
        """Return the line that ``CLIENT LIST`` has for it."""
        now = time.monotonic()
        waiting = -1 if self.queued is None else len(self.queued)
        return (
            f"id={self.number} addr={self.address} laddr= fd=-1 name={self.name}"
            f" age={int(now - self.began)} idle={int(now - self.active)} flags=N db=0 sub=0 psub=0"
            f" multi={waiting} watch={len(self.watched)} cmd={self.last_command or 'NULL'}"
            f" user=default resp={self.version} lib-name={self.library}"
            f" lib-ver={self.library_version}"
        )


class Host(Protocol):
    """The server, as the commands of a session see it."""

    @property
    def limits(self) -> Limits:
        """Its limits."""
        ...

    @property
    def password(self) -> bytes | None:
        """What clients must give; ``None``: nothing."""
        ...

    @property
    def allows_flush(self) -> bool:
        """Whether ``FLUSHDB`` is carried out."""
        ...

    def sessions(self) -> Iterable[Session]:
        """Return all sessions."""
        ...

    def figures(self) -> dict[str, dict[str, int | str]]:
        """Return what ``INFO`` says of the server itself, section by section."""
        ...


def is_right(password: bytes | None, given: bytes) -> bool:
    """Return whether ``given`` is the password, in a time that tells nothing about it."""
    return password is not None and hmac.compare_digest(password, given)
