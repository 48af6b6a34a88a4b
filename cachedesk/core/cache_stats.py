"""Figures of a cache: its contents and its limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Figures of a cache. Sizes are in bytes; ``keys``: the number of keys now; ``evicted``: how
    many keys the cache itself evicted since it was started."""

    memory_bytes: int
    maxmemory_bytes: int
    eviction_policy: str
    keys: int
    evicted: int
