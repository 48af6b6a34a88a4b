"""Operations that a client does on the layer, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verb(StrEnum):
    """The kinds of operation; the names are those of the library."""

    GET = "get"
    SET = "set"
    INCR = "incr"
    DELETE = "delete"
    EXPIRE = "expire"
    PERSIST = "persist"


class Operation(NamedTuple):
    """One operation. ``value``: bytes for a set, an int for an incr, else ``None``. ``ttl``: of a
    set or an expire, in seconds; ``None``: that of the key's policy."""

    op: Verb
    key: bytes
    value: bytes | int | None = None
    ttl: float | None = None

    @property
    def call(self) -> tuple[object, ...]:
        """The write as ``CacheLayer.write`` takes it."""
        if self.op is Verb.EXPIRE:
            return (self.op, self.key, self.ttl)
        if self.op in (Verb.DELETE, Verb.PERSIST):
            return (self.op, self.key)
        return tuple(self[:3] if self.ttl is None else self)
