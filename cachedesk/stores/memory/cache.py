"""A cache in memory: a dictionary that can be made unavailable."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from cachedesk.core.cache_stats import CacheStats
from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CacheError, Unavailable
from cachedesk.core.events import Entry
from cachedesk.core.eviction import Choice, matching, matching_command, share_of_all
from cachedesk.core.fault import Fault
from cachedesk.core.ports import CACHEABLE_BYTES, Truths
from cachedesk.core.snapshot import Health, RedisState


class InMemoryCache:
    """A ``CacheStore`` in a dictionary. Thread-safe.

    >>> cache = InMemoryCache()
    >>> cache.start(dict)
    >>> cache.put({b"a": Entry(b"1")})
    []
    >>> cache.get(b"a")
    b'1'
    >>> cache.down = True
    >>> cache.get(b"a")
    Traceback (most recent call last):
    ...
    cachedesk.core.errors.CacheError: the cache is down
    """

    name = "the cache in memory"

    def __init__(self) -> None:
        """Create an empty cache; it is not trusted until ``start``."""
        self._lock = threading.Lock()
        self._entries: dict[bytes, Entry] = {}
        self._trusts = 0
        self._trust_number: int | None = None
        self._reason = "the cache is not started"
        self._is_open = self._down = False

    @property
    def down(self) -> bool:
        """Whether every call fails. Set it to make the cache unavailable, or available again: then
        it is empty, like a restarted server."""
        return self._down

    @down.setter
    def down(self, down: bool) -> None:
        with self._lock:
            if down != self._down:
                self._down = down
                self._reset("the cache is down")

    def start(self, truths: Truths) -> None:
        """Begin to serve, empty."""
        with self._lock:
            self._is_open = True
            self._reset("the cache is down")

    @property
    def trusted(self) -> bool:
        """Whether it answers."""
        return self._trust_number is not None

    @property
    def trust_number(self) -> int | None:
        """A number that changes with each ``distrust`` and each restart."""
        return self._trust_number

    def get(self, key: bytes) -> bytes | None:
        """Return the cached value, or ``None``; raises ``CacheError`` while it is down."""
        with self._lock:
            self._check()
            return _value(self._entries.get(key))

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the cached values of ``keys`` in their order; errors as for ``get``."""
        with self._lock:
            self._check()
            return [_value(self._entries.get(key)) for key in keys]

    def get_at_once(self, *keys: bytes) -> list[bytes | None]:
        """Like ``get_many``, without a lock: one lookup for each key."""
        # In this order: if the dictionary is replaced in between, the trust number is the old one.
        trust_number, entries = self._trust_number, self._entries
        found = [_value(entries.get(key)) for key in keys]
        if trust_number is None or trust_number != self._trust_number:
            raise CacheError(self._reason)
        return found

    def put(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        """Store ``entries`` (an absent value, or one that is too long: drop the key); return the
        keys that were not stored: all of them while it is down."""
        with self._lock:
            if self._trust_number is None:
                return list(entries)
            for key, entry in entries.items():
                if entry.value is None or len(entry.value) > CACHEABLE_BYTES:
                    self._entries.pop(key, None)
                else:
                    self._entries[key] = entry
            return []

    def distrust(self, keys: Iterable[bytes], reason: str) -> None:
        """Drop ``keys``; ``()``: every key."""
        with self._lock:
            dropped = list(keys)
            if not dropped:
                # A new dictionary, because a ``get_at_once`` may be reading this one.
                self._entries = {}
            for key in dropped:
                self._entries.pop(key, None)
            self._renew()

    def evict(self, pattern: bytes | str) -> int:
        """Drop the keys that match a shell-style pattern; raises ``Unavailable`` while it is
        down."""
        return self._evict(matching(pattern))[0]

    def evict_matching(self, pattern: str) -> int:
        """Like ``evict``; raises ``ConfigError`` if the pattern is invalid."""
        return self._evict(matching_command(pattern))[0]

    def evict_share(self, share: float) -> tuple[int, int]:
        """Drop a random share of all keys; return the number dropped and the number before."""
        return self._evict(share_of_all(share))

    def evict_key(self, key: bytes) -> bool:
        """Drop one key; return whether it was there."""
        return self._evict(lambda keys: [key] if key in keys else [])[0] > 0

    def evict_all(self) -> int:
        """Drop every key; return how many there were."""
        return self._evict(lambda keys: keys)[0]

    def expires_in(self, key: bytes) -> float | None:
        """Return the seconds until ``key`` expires; ``None``: never, or it is not cached. Errors as
        for ``get``."""
        with self._lock:
            self._check()
            entry = self._entries.get(key)
            if entry is None or _value(entry) is None or entry.expires_at is None:
                return None
            return entry.expires_at - wall_seconds()

    def sample(self, most: int) -> list[bytes]:
        """Return up to ``most`` different random keys; errors as for ``get``."""
        with self._lock:
            self._check()
            self._drop_expired()
            return random.sample(sorted(self._entries), min(most, len(self._entries)))

    def stats(self) -> CacheStats:
        """Return its figures; errors as for ``get``."""
        with self._lock:
            self._check()
            self._drop_expired()
            held = sum(len(key) + len(entry.value or b"") for key, entry in self._entries.items())
            return CacheStats(held, 0, "none", len(self._entries), 0)

    def state(self) -> RedisState:
        """Return its state, for a snapshot."""
        try:
            stats = self.stats()
        except CacheError:
            return RedisState(Health.DOWN, "down")
        return RedisState(
            Health.UP, "up", stats.memory_bytes, stats.maxmemory_bytes, "none", stats.keys
        )

    def faults(self) -> Sequence[Fault]:
        """Return none: tests set ``down`` instead."""
        return ()

    def close(self) -> None:
        """Drop everything; every call fails until ``start``."""
        with self._lock:
            self._is_open = False
            self._reset("the cache is closed")

    def _evict(self, choose: Choice) -> tuple[int, int]:
        with self._lock:
            if self._trust_number is None:
                raise Unavailable(self._reason)
            self._drop_expired()
            keys = list(self._entries)
            chosen = choose(keys)
            for key in chosen:
                del self._entries[key]
            return len(chosen), len(keys)

    def _reset(self, reason: str) -> None:
        """Empty the cache; it is trusted if it is open and not down."""
        self._entries, self._trust_number, self._reason = {}, None, reason
        if self._is_open and not self._down:
            self._trusts += 1
            self._trust_number = self._trusts

    def _drop_expired(self) -> None:
        for key in [key for key, entry in self._entries.items() if _value(entry) is None]:
            del self._entries[key]

    def _renew(self) -> None:
        if self._trust_number is not None:
            self._trusts += 1
            self._trust_number = self._trusts

    def _check(self) -> None:
        if self._trust_number is None:
            raise CacheError(self._reason)


def _value(entry: Entry | None) -> bytes | None:
    """Return the value of ``entry``, unless it has expired."""
    if entry is None or (entry.expires_at is not None and entry.expires_at <= wall_seconds()):
        return None
    return entry.value
