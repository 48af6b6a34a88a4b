"""The calls of the cache layer that read and change the expiry of a key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Literal

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import as_keys
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
        return self.ttl_many([key])[0]

    def ttl_many(self, keys: Iterable[Key]) -> list[float | None]:
        """Return the ttl of each of ``keys``, in their order, as ``ttl`` does.

        >>> cache.ttl_many(["absent", "never written"])
        [None, None]
        """
        wanted = as_keys(keys)
        found, now = self._deadlines(wanted), wall_seconds()
        return [None if (at := found[key]) is None or at <= now else at - now for key in wanted]

    @abstractmethod
    def write(self, operation: Sequence[object], *, policy: str | Policy | None = None) -> Receipt:
        """See ``CacheLayer.write``."""

    @abstractmethod
    def _deadlines(self, keys: Sequence[bytes]) -> dict[bytes, float | None]:
        """Return when each key expires, in seconds since 1970; ``None``: never, or it is absent."""
