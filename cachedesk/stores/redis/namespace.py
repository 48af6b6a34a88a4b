"""The namespace: which keys of a server belong to one cache, and which of them may be read.

A key is stored as ``{prefix}:{generation}:{key}``. The prefix distinguishes the cache from every
other user of the server. A new generation begins whenever nothing in the cache can be trusted any
more: from then on, values stored under an earlier one are never read, including those of commands
that the server has yet to carry out, so no command has to be undone.

A generation is random, not counted, because a snapshot may restore keys of an earlier process.
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
    """Return a new generation: 48 random bits in 8 characters, none special in a pattern."""
    return urlsafe_b64encode(secrets.token_bytes(_RANDOM_BYTES))


class Namespace:
    """The keys of one cache. Thread-safe: a generation is replaced as a whole."""

    __slots__ = ("_prefix", "commands", "sole_tenant")

    def __init__(self, prefix: bytes = DEFAULT_PREFIX, *, sole_tenant: bool = False) -> None:
        """Begin with a new generation.

        Args:
            prefix: unique to the cache; without ``:`` and characters special in a Redis pattern.
            sole_tenant: whether every key of the server belongs to the cache, whatever its name.

        Raises:
            ValueError: the prefix is empty or has such a character.
        """
        if not prefix or not _SPECIAL.isdisjoint(prefix):
            raise ValueError(f"{prefix!r} cannot be the prefix of keys")
        self._prefix = prefix + b":"
        self.sole_tenant = sole_tenant
        self.commands = Commands(b"")
        """The commands on the keys of the current generation."""
        self.renew()

    @property
    def current(self) -> bytes:
        """The prefix of each stored key in the current generation."""
        return self.commands.generation

    def renew(self) -> None:
        """Begin a new generation; nothing stored before is read any more."""
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
        """Return whether ``stored`` is a key of the cache that is not read any more: of an earlier
        generation or, if all keys belong to the cache, of a version without generations."""
        if stored.startswith(self.current):
            return False
        return self.sole_tenant or self.key_of(stored) is not None

    def stored(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return the names under which ``keys`` are stored in the current generation."""
        current = self.current
        return [current + key for key in keys]

    def key_of(self, stored: bytes) -> bytes | None:
        """Return the key that is stored as ``stored``, in any generation; ``None`` if the name is
        not of this cache."""
        parts = stored.split(b":", 2)
        ours = len(parts) == 3 and parts[0] + b":" == self._prefix
        return parts[2] if ours else None
