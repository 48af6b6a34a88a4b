"""The commands of every read and write, packed for Redis under the names of one generation.

Packed here and not by hiredis, because the stored name of a key need not be built first. Measured:
a GET takes 0.46 of the time, an MGET of 100 keys 0.6, no longer than hiredis takes without names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cachedesk.core.clock import machine_seconds
from cachedesk.core.events import Entry
from cachedesk.core.ports import CACHEABLE_BYTES


class Commands:
    """Packed commands on the keys of one generation. Immutable, except for a cache of prefixes."""

    __slots__ = ("_heads", "expires", "generation")

    def __init__(self, generation: bytes) -> None:
        """``generation``: the prefix of each key, with both colons."""
        self.generation = generation
        self.expires = False
        """Whether any command gave Redis a deadline."""
        self._heads = _Heads(generation)

    def get(self, key: bytes) -> bytes:
        """Return a GET."""
        return b"*2\r\n$3\r\nGET" + self._heads[len(key)] + key + b"\r\n"

    def get_many(self, keys: Sequence[bytes]) -> bytes:
        """Return an MGET."""
        heads = self._heads
        names = b"".join([heads[len(key)] + key for key in keys])
        return b"*%d\r\n$4\r\nMGET%b\r\n" % (len(keys) + 1, names)

    def put(self, key: bytes, entry: Entry) -> bytes:
        """Return a SET of ``entry``, or an UNLINK if its value is absent or too long to cache."""
        name = self._heads[len(key)] + key
        value, _, expires_at = entry
        if value is None or len(value) > CACHEABLE_BYTES:
            return b"*2\r\n$6\r\nUNLINK" + name + b"\r\n"
        if expires_at is not None:
            self.expires = True
            at = b"%d" % deadline_ms(expires_at)
            expiry = b"$4\r\nPXAT\r\n$%d\r\n%b\r\n" % (len(at), at)
            return b"*5\r\n$3\r\nSET%b\r\n$%d\r\n%b\r\n%b" % (name, len(value), value, expiry)
        return b"*3\r\n$3\r\nSET%b\r\n$%d\r\n%b\r\n" % (name, len(value), value)


def deadline_ms(expires_at: float) -> int:
    """Convert a deadline to milliseconds of the machine's clock, one millisecond early, because
    Redis serves a value until its last millisecond is over. (At least 1: Redis refuses less.)"""
    return max(1, math.floor(machine_seconds(expires_at) * 1000) - 1)


class _Heads(dict[int, bytes]):
    """The bytes before a key in a command, by the length of the key."""

    def __init__(self, generation: bytes) -> None:
        self._generation = generation

    def __missing__(self, length: int) -> bytes:
        head = b"\r\n$%d\r\n%b" % (len(self._generation) + length, self._generation)
        self[length] = head
        return head
