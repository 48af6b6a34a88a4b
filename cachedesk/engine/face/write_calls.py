"""The calls of the cache layer that write, whatever the key was before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from cachedesk.core.policy import Policy, PolicyTable, as_policy
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Receipt
from cachedesk.engine.expiry_calls import Key, Ttl
from cachedesk.engine.face.mapping_calls import Value
from cachedesk.engine.writer import as_change


class WriteCalls(ABC):
    """The part of ``CacheLayer`` that writes."""

    _policies: PolicyTable

    def set(
        self,
        key: Key,
        value: Value,
        *,
        ttl: Ttl | UnsetType | None = UNSET,
        policy: str | Policy | None = None,
    ) -> Receipt:
        """Set ``key`` to ``value``.

        Args:
            key: 1 to 1,024 bytes.
            value: at most 64 MiB.
            ttl: seconds until it expires, or a text such as ``"30m"``; ``None``: it never expires,
                whatever was set before. By default the ttl of its policy.
            policy: ``"write-through"``, ``"write-behind"`` or a ``Policy`` for this write only.

        Returns:
            A receipt: ``seq``, the number of the write in the order of all writes, and ``level``:
            ``"applied"`` to its row (write-through) or ``"durable"`` in the log (write-behind).

        Raises:
            InvalidKey, InvalidValue: the key, the value or the ttl is not valid.
            Unavailable: the write could not be made safe in time; nothing was changed.
            WriteRefused: a constraint or trigger of the database refuses it; nothing was changed.

        >>> cache.set("order:17", "paid").level
        'applied'
        >>> cache.set("order:17", "sent", policy="write-behind").level
        'durable'
        """
        if isinstance(ttl, UnsetType):
            return self.write(("set", key, value), policy=policy)
        return self.write(("set", key, value, ttl), policy=policy)

    def incr(self, key: Key, amount: int = 1, *, policy: str | Policy | None = None) -> int:
        """Add ``amount`` to the counter ``key`` (an absent one counts as 0), which keeps its
        expiry, and return the sum.

        Raises:
            NotACounter: the value is not a 64-bit integer; nothing was changed.
            CounterOverflow: the sum is out of range; nothing was changed.
            InvalidKey, Unavailable, WriteRefused: as for ``set``.

        >>> cache.incr("views:1"), cache.incr("views:1", 41)
        (1, 42)
        """
        return int(self.write(("incr", key, amount), policy=policy).value or 0)

    def delete(self, key: Key, *, policy: str | Policy | None = None) -> Receipt:
        """Delete ``key``; deleting an absent key is a write too. Arguments, result and errors as
        for ``set``."""
        return self.write(("delete", key), policy=policy)

    def write(self, operation: Sequence[object], *, policy: str | Policy | None = None) -> Receipt:
        """Carry out one operation, a tuple as for ``write_many``, and return its receipt."""
        return self.write_many([operation], policy=policy)[0]

    def write_many(
        self, operations: Iterable[Sequence[object]], *, policy: str | Policy | None = None
    ) -> list[Receipt]:
        """Carry out many writes, which share commits and so cost less than single ones.

        Args:
            operations: tuples ``("set", key, value)``, ``("set", key, value, ttl)``,
                ``("incr", key, amount)``, ``("expire", key, ttl)``, ``("persist", key)``,
                ``("delete", key)``, ``("add", key, value, ttl)`` and ``("cas", key, old, new,
                ttl)``, each as the method of that name; the writes of a key keep their order.
            policy: one policy for all of them, instead of that of each key.

        Returns:
            One receipt per operation, in order.

        Raises:
            InvalidKey, InvalidValue: an operation is not valid; nothing was changed.
            NotACounter, CounterOverflow, WriteRefused, Unavailable: the writes that take the same
                path are made all or none (write-behind: per 1,000 writes); those that are written
                through are made first.

        >>> receipts = cache.write_many([("set", "order:4", "new"), ("incr", "views:4", 1)])
        >>> [(receipt.level, receipt.value) for receipt in receipts]
        [('applied', b'new'), ('durable', b'1')]
        """
        policy_of = self._policies.of
        if policy is not None:
            chosen = as_policy(policy)
            policy_of = lambda key: chosen  # noqa: E731
        planned = [as_change(operation, policy_of, self._encode) for operation in operations]
        return self._make([change for change, _ in planned], [path for _, path in planned])

    @abstractmethod
    def _encode(self, key: bytes, value: Any) -> bytes:
        """Return a value of ``key`` as it is stored."""

    @abstractmethod
    def _make(self, changes: list[Change], paths: Sequence[WritePath]) -> list[Receipt]:
        """Make ``changes``, each by its path; outdate the loads of their keys."""
