"""The calls of the cache layer that read and change the expiry of a key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import as_key
from cachedesk.core.policy import Policy
from cachedesk.core.writes import Receipt

Key = bytes | str
Ttl = float | str


class ExpiryCalls(ABC):
    """The part of ``CacheLayer`` that reads and changes when a key expires."""

    def expire(
        self,
        key: Key,
        ttl: Ttl,
        *,
        only: Literal["nx", "xx", "gt", "lt"] | None = None,
        policy: str | Policy | None = None,
    ) -> bool:
        """Replace the expiry of ``key``: it expires in ``ttl`` from now on.

        Args:
            key: an absent key stays absent.
            ttl: seconds, or a text such as ``"30m"``.
            only: a condition, as in Redis: only if the key has no expiry (``"nx"``), if it has one
                (``"xx"``), if the new one is later (``"gt"``) or earlier (``"lt"``).
            policy: as for ``set``.

        Returns:
            Whether the key was present and the condition held.

        Raises:
            InvalidKey, InvalidValue, Unavailable, WriteRefused: as for ``set``.

        >>> _ = cache.set("session:5", "Ann")
        >>> cache.expire("session:5", "30m"), cache.expire("session:0", 5)
        (True, False)
        """
        return self.write(("expire", key, ttl, only), policy=policy).changed

    def persist(self, key: Key, *, policy: str | Policy | None = None) -> bool:
        """Remove the expiry of ``key``; return whether it had one. Errors as for ``set``.

        >>> _ = cache.set("session:6", "Bob", ttl=60)
        >>> cache.persist("session:6"), cache.persist("session:6"), cache.ttl("session:6")
        (True, False, None)
        """
        return self.write(("persist", key), policy=policy).changed

    def ttl(self, key: Key) -> float | None:
        """Return in how many seconds ``key`` expires, from the database and the log; ``None``:
        never, or it is absent. Errors as for ``get``.

        >>> _ = cache.set("session:7", "Cid", ttl="1h")
        >>> 3_000 < cache.ttl("session:7") <= 3_600
        True
        """
        expires_at = self._expires_at(as_key(key))
        if expires_at is None or (seconds := expires_at - wall_seconds()) <= 0:
            return None
        return seconds

    @abstractmethod
    def write(self, operation: Sequence[object], *, policy: str | Policy | None = None) -> Receipt:
        """See ``CacheLayer.write``."""

    @abstractmethod
    def _expires_at(self, key: bytes) -> float | None:
        """Return when ``key`` expires, in seconds since 1970; ``None``: never, or it is absent."""
