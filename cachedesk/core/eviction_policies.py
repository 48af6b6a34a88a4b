"""Eviction policies of Redis, and the messages about them."""

from __future__ import annotations

from typing import Literal, get_args

EvictionPolicy = Literal[
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "noeviction",
]

EVICTION_POLICIES: tuple[str, ...] = get_args(EvictionPolicy)

NOEVICTION_WARNING = (
    "with noeviction a full Redis refuses new keys: they are read from the database each time"
)
EXPIRING_WARNING = (
    "with {eviction_policy} only keys that expire are evicted; once there are none, a full Redis"
    " refuses new keys: they are read from the database each time"
)


def evicts_only_expiring(policy: str) -> bool:
    """Return whether ``policy`` evicts only keys that have a deadline."""
    return policy.startswith("volatile-")


def eviction_warning(policy: str) -> str:
    """Return what a full Redis does under ``policy`` that a reader may not expect; empty if it
    evicts any key."""
    if policy == "noeviction":
        return NOEVICTION_WARNING
    return EXPIRING_WARNING.format(eviction_policy=policy) if evicts_only_expiring(policy) else ""


def no_such_policy(policy: object) -> str:
    """Return that there is no ``policy``, and which policies there are."""
    return f"there is no eviction policy {policy!r}; there are {', '.join(EVICTION_POLICIES)}"
