"""What a cache holds and may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Sizes in bytes; ``keys`` now, ``evicted`` by the cache itself since it was started."""

    memory_bytes: int
    maxmemory_bytes: int
    eviction_policy: str
    keys: int
    evicted: int
