"""The figures of the cache."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What Redis says of itself."""

    memory_bytes: int
    maxmemory_bytes: int
    eviction_policy: str
    keys: int
    evicted: int
