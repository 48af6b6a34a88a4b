"""The namespace: which keys of a server belong to one cache, and which of them are readable.

A key is stored as ``{prefix}:{generation}:{key}``. The prefix tells one cache from every other
user of the server; the generation is drawn anew each time that nothing in the cache can be trusted
any more. What was stored under an earlier one cannot be read from that moment, and what is still
on its way to the server under an earlier one is never read: no command has to be undone.

A generation is random, not counted: a snapshot may bring back what an earlier process has stored.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable

from cachedesk.stores.redis.encoding import Commands

_RANDOM_BYTES = 6
DEFAULT_PREFIX = b"cd"
_SPECIAL = frozenset(b":*?[]\\^")


def new_generation() -> bytes:
    """Return a generation that was never used before: 48 random bits in 8 plain characters."""
    return urlsafe_b64encode(secrets.token_bytes(_RANDOM_BYTES))


class Namespace:
    """The keys of one cache. Thread-safe: a generation is replaced as a whole."""

    __slots__ = ("_prefix", "commands", "sole_tenant")

    def __init__(self, prefix: bytes = DEFAULT_PREFIX, *, sole_tenant: bool = False) -> None:
        """Begin with a new generation.

        Args:
            prefix: the cache's own; without ``:`` and what is special in a pattern of Redis.
            sole_tenant: whether every key of the server is the cache's, whatever its name.

        Raises:
            ValueError: the prefix is none.
        """
        if not prefix or not _SPECIAL.isdisjoint(prefix):
            raise ValueError(f"{prefix!r} cannot be the prefix of keys")
        self._prefix = prefix + b":"
        self.sole_tenant = sole_tenant
        self.commands = Commands(b"")
        """Commands on keys of the current generation."""
        self.renew()

    @property
    def current(self) -> bytes:
        """What stands before each key."""
        return self.commands.generation

    def renew(self) -> None:
        """Begin a new generation: of what was stored before nothing is read any more."""
        self.commands = Commands(self._prefix + new_generation() + b":")

    @property
    def readable(self) -> bytes:
        """The pattern of the keys of the current generation."""
        return self.current + b"*"

    @property
    def owned(self) -> bytes:
        """The pattern of the keys of all generations."""
        return b"*" if self.sole_tenant else self._prefix + b"*"

    def is_leftover(self, stored: bytes) -> bool:
        """Return whether ``stored`` is a key of the cache's that cannot be read any more: one of an
        earlier generation, or, where all keys are the cache's, one of a cachedesk that did not
        have generations yet."""
        if stored.startswith(self.current):
            return False
        return self.sole_tenant or self.key_of(stored) is not None

    def stored(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return the names under which ``keys`` are stored."""
        current = self.current
        return [current + key for key in keys]

    def key_of(self, stored: bytes) -> bytes | None:
        """Return the key that is stored as ``stored``, in whatever generation; ``None``: it is
        none of ours."""
        parts = stored.split(b":", 2)
        ours = len(parts) == 3 and parts[0] + b":" == self._prefix
        return parts[2] if ours else None
