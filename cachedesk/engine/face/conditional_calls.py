"""The calls of the cache layer that write a key only if it is as the caller expects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from cachedesk.core.policy import Policy, as_policy
from cachedesk.core.writes import Receipt
from cachedesk.engine.expiry_calls import Key, Ttl
from cachedesk.engine.face.mapping_calls import Value


class ConditionalCalls(ABC):
    """The part of ``CacheLayer`` that writes on conditions.

    A condition is evaluated where the write is made, under the lock of the key, so no other write
    of the key comes in between. If it is not met, nothing is written.
    """

    def add(
        self,
        key: Key,
        value: Value,
        *,
        ttl: Ttl | UnsetType | None = UNSET,
        policy: str | Policy | None = None,
    ) -> bool:
        """Set ``key`` to ``value`` if it is absent or has expired. Arguments and errors as for
        ``set``.

        Returns:
            Whether it was set. Of several callers at the same time, exactly one gets True.

        >>> cache.add("lock:7", "Ann", ttl=30), cache.add("lock:7", "Bob", ttl=30)
        (True, False)
        """
        operation = ("add", key, value, *_given(ttl))
        return self.write(operation, policy=policy).changed

    def cas(
        self,
        key: Key,
        old: Value | None,
        new: Value | None,
        *,
        ttl: Ttl | UnsetType | None = UNSET,
        policy: str | Policy | None = None,
    ) -> Receipt | Literal[False]:
        """Set ``key`` to ``new`` if its value is ``old`` (compare and set).

        Args:
            key: 1 to 1,024 bytes.
            old: the value that it must have; ``None``: it must be absent.
            new: the value to set; ``None``: delete the key.
            ttl, policy: as for ``set``; an expiry that the key had is replaced too.

        Returns:
            The receipt, or False if the value is another one; then nothing was written.

        Raises:
            As for ``set``.

        >>> _ = cache.set("stock:1", 5)
        >>> bool(cache.cas("stock:1", 5, 4)), cache.cas("stock:1", 5, 3), cache.get("stock:1")
        (True, False, b'4')
        """
        receipt = self.write(("cas", key, old, new, *_given(ttl)), policy=policy)
        return receipt if receipt.changed else False

    def touch(
        self,
        key: Key,
        ttl: Ttl | UnsetType | None = UNSET,
        *,
        policy: str | Policy | None = None,
    ) -> bool:
        """Replace the expiry of ``key``, like ``expire``; with ``None`` it never expires, by
        default it gets that of its policy.

        Returns:
            Whether the key was present. (``persist`` returns whether it had an expiry.)

        Raises:
            As for ``set``.

        >>> _ = cache.set("session:8", "Dan", ttl=60)
        >>> cache.touch("session:8", "1h"), cache.touch("session:8", None), cache.ttl("session:8")
        (True, True, None)
        >>> cache.touch("session:0")
        False
        """
        if isinstance(ttl, UnsetType):
            ttl = (self.policy(key) if policy is None else as_policy(policy)).ttl
        operation = ("persist", key) if ttl is None else ("expire", key, ttl)
        return self.write(operation, policy=policy).value is not None

    @abstractmethod
    def policy(self, key: Key) -> Policy:
        """See ``CacheLayer.policy``."""

    @abstractmethod
    def write(self, operation: Sequence[object], *, policy: str | Policy | None = None) -> Receipt:
        """See ``CacheLayer.write``."""


def _given(ttl: Ttl | UnsetType | None) -> tuple[Ttl | None, ...]:
    """Return the last part of an operation: nothing, if the ttl of the policy applies."""
    return () if isinstance(ttl, UnsetType) else (ttl,)
