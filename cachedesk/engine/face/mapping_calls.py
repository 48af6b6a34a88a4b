"""The calls of the cache layer that make it look like a dictionary, and the listings of keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, cast

from cachedesk.core.conditions import is_present
from cachedesk.core.errors import InvalidKey
from cachedesk.core.events import MAX_KEY_BYTES, Op, as_key
from cachedesk.core.policy import Policy
from cachedesk.core.reads import Read
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Receipt
from cachedesk.engine.expiry_calls import Key

Value = bytes | str | int


class MappingCalls(ABC):
    """The part of ``CacheLayer`` that is like a dictionary."""

    def __getitem__(self, key: Key) -> bytes:
        """Return the value of ``key``; ``KeyError`` if it is absent, else as for ``get``.

        >>> cache["order:20"] = "paid"
        >>> cache["order:20"], "order:20" in cache
        (b'paid', True)
        >>> del cache["order:20"]
        >>> cache["order:20"]
        Traceback (most recent call last):
        KeyError: 'order:20'
        """
        its = as_key(key)
        value = self._fetch(its).value
        if value is None:
            raise KeyError(key)
        return cast("bytes", self._decode(its, value))

    def __setitem__(self, key: Key, value: Value) -> None:
        """Set ``key`` to ``value``; it expires as its policy says; errors as for ``set``."""
        self.write(("set", key, value))

    def __delitem__(self, key: Key) -> None:
        """Delete ``key``; ``KeyError`` if it is absent, else errors as for ``set``. (``delete``
        ignores an absent key.) Of several callers at the same time, one deletes it."""
        change = Change(Op.DELETE, as_key(key), None, only_if=is_present)
        if not self._make([change], [self.policy(key).path])[0].changed:
            raise KeyError(key)

    def __contains__(self, key: Key) -> bool:
        """Return whether ``key`` has a value; it is read as by ``get``, with the same errors."""
        return self._fetch(as_key(key)).value is not None

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over ``keys()``."""
        return self.keys()

    def __len__(self) -> int:
        """Count the keys, by reading all of them: it takes as long as ``keys()``. (``list(cache)``
        counts them first, to reserve memory; ``list(cache.keys())`` does not.)"""
        return sum(1 for _ in self.keys())

    def __bool__(self) -> bool:
        """Return True: a cache without keys is a cache too, and counting takes long."""
        return True

    def keys(self, prefix: Key = b"") -> Iterator[bytes]:
        """Yield every key that begins with ``prefix``, sorted by bytes.

        They come from the truth, the database with the pending events folded in, in batches, not
        from Redis, which may have evicted some. Keys that have expired are absent. A write made
        meanwhile to a later key is included.

        Raises:
            InvalidKey: ``prefix`` is neither bytes nor a str that is valid Unicode.
            Unavailable: the database cannot be read.
            Closed: the stack was closed meanwhile.

        >>> _ = cache.write_many([("set", "pet:2", "b"), ("set", "pet:1", "a")])
        >>> list(cache.keys("pet:"))
        [b'pet:1', b'pet:2']
        """
        first = as_prefix(prefix)
        return _beginning_with(first, self._items_after(just_before(first)))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every key with its true value, sorted by the keys' bytes.

        They are read 2,000 keys at a time. Writes made meanwhile to later keys are included; a new
        key is included if it is in the database by then.

        Raises:
            Unavailable: the database cannot be read.
            Closed: the stack was closed meanwhile.

        >>> _ = cache.write_many([("set", "zoo:2", "b"), ("set", "zoo:1", "a")])
        >>> [item for item in cache.items() if item[0].startswith(b"zoo:")]
        [(b'zoo:1', b'a'), (b'zoo:2', b'b')]
        """
        return ((key, self._decode(key, value)) for key, value in self._items_after(b""))

    @abstractmethod
    def _fetch(self, key: bytes) -> Read:
        """Read ``key``; its value is as it is stored."""

    @abstractmethod
    def _decode(self, key: bytes, data: bytes) -> Any:
        """Return the value of ``key`` that is stored as ``data``."""

    @abstractmethod
    def write(self, operation: Sequence[object], *, policy: str | Policy | None = None) -> Receipt:
        """See ``CacheLayer.write``."""

    @abstractmethod
    def policy(self, key: Key) -> Policy:
        """See ``CacheLayer.policy``."""

    @abstractmethod
    def _make(self, changes: list[Change], paths: Sequence[WritePath]) -> list[Receipt]:
        """Make ``changes``, each by its path."""

    @abstractmethod
    def _items_after(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield every key above ``key`` with its true value, sorted."""


def _beginning_with(prefix: bytes, items: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for key, _ in items:
        if not key.startswith(prefix):
            return
        yield key


def as_prefix(prefix: bytes | str) -> bytes:
    """Return the first bytes of some keys; empty: of all. Raises ``InvalidKey`` if ``prefix`` is
    neither bytes nor a str that is valid Unicode."""
    if prefix in ("", b""):
        return b""
    if isinstance(prefix, (bytes, str)) and len(prefix) > MAX_KEY_BYTES:
        raise InvalidKey(f"a key is 1 to {MAX_KEY_BYTES:,} bytes long, and so is the prefix of one")
    return as_key(prefix)


def just_before(prefix: bytes) -> bytes:
    """Return the last possible key before the keys that begin with ``prefix``.

    >>> just_before(b"b")[:2], just_before(b"a\\x00"), just_before(b"")
    (b'a\\xff', b'a', b'')
    """
    if not prefix:
        return b""
    if prefix[-1] == 0:
        return prefix[:-1]
    filled = b"\xff" * (MAX_KEY_BYTES - len(prefix))
    return prefix[:-1] + bytes((prefix[-1] - 1,)) + filled
