"""Eviction policies: which of those of Redis are offered, and the messages about them."""

from __future__ import annotations

from typing import Literal, get_args

EvictionPolicy = Literal["allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"]

EVICTION_POLICIES: tuple[str, ...] = get_args(EvictionPolicy)

NOEVICTION_WARNING = (
    "with noeviction a full Redis refuses new keys: they are read from the database each time"
)


def why_not_offered(policy: object) -> str:
    """Return why ``policy`` is not offered, and which policies are."""
    offered = ", ".join(EVICTION_POLICIES)
    if isinstance(policy, str) and policy.startswith("volatile-"):
        return (
            f"{policy!r} evicts only keys that expire, and no key expires here, so a full Redis"
            f" would refuse new keys; choose one of {offered}"
        )
    return f"there is no eviction policy {policy!r}; there are {offered}"
