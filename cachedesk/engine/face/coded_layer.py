"""The cache layer as a type checker sees it if some keys have a codec: values are any objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, UnsetType

from cachedesk.core.policy import Policy
from cachedesk.core.writes import Receipt
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.expiry_calls import Key, Ttl


class CodedCacheLayer(CacheLayer):
    """A ``CacheLayer`` whose values are any objects that the codec of their key takes. Returned by
    ``cachedesk.open`` with ``codec=``; it has the same calls.

    ``Receipt.value`` is the value as it is stored. In ``cas`` ``None`` means absent, also where
    the codec can store a ``None``.
    """

    if TYPE_CHECKING:

        def get(self, key: Key, default: Any = None) -> Any: ...

        def get_many(self, keys: Iterable[Key]) -> list[Any]: ...

        def __getitem__(self, key: Key) -> Any: ...

        def __setitem__(self, key: Key, value: Any) -> None: ...

        def items(self) -> Iterator[tuple[bytes, Any]]: ...

        def set(
            self,
            key: Key,
            value: Any,
            *,
            ttl: Ttl | UnsetType | None = UNSET,
            policy: str | Policy | None = None,
        ) -> Receipt: ...

        def add(
            self,
            key: Key,
            value: Any,
            *,
            ttl: Ttl | UnsetType | None = UNSET,
            policy: str | Policy | None = None,
        ) -> bool: ...

        def cas(
            self,
            key: Key,
            old: Any,
            new: Any,
            *,
            ttl: Ttl | UnsetType | None = UNSET,
            policy: str | Policy | None = None,
        ) -> Receipt | Literal[False]: ...

        def get_or_set(
            self,
            key: Key,
            value: Any | Callable[[], Any],
            *,
            ttl: Ttl | UnsetType | None = UNSET,
            policy: str | Policy | None = None,
        ) -> Any: ...
