"""The setups of two stacks that start from a running one: as it is now, and with a difference."""

from __future__ import annotations

from msgspec.structs import replace

from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import Snapshot
from cachedesk.lab.versus.sides import SideSetup, sides


def present(settings: Settings, now: Snapshot) -> Settings:
    """Return ``settings`` with what was changed at run time.

    Args:
        settings: what the stack was opened with.
        now: its newest snapshot.
    """
    redis, worker = settings.redis, settings.worker
    if now.redis.maxmemory_bytes:
        redis = replace(redis, maxmemory_bytes=now.redis.maxmemory_bytes)
    if now.redis.eviction_policy:
        redis = replace(redis, eviction_policy=now.redis.eviction_policy)
    if now.worker.batch_events:
        worker = replace(
            worker,
            batch_events=now.worker.batch_events,
            batch_age_seconds=now.worker.batch_age_seconds,
        )
    return replace(settings, redis=redis, worker=worker)


def opposed(difference: str, settings: Settings, now: Snapshot) -> tuple[SideSetup, SideSetup]:
    """Return the setup of the left side, which is that of a running stack, and of the right one.

    Args:
        difference: ``NAME=VALUE``, which changes the right side only, or ``NAME=LEFT,RIGHT``.
        settings: what the running stack was opened with.
        now: its newest snapshot.

    Raises:
        ConfigError: as ``sides``.
    """
    one, other = sides([difference], present(settings, now), now.safeguards)
    return (one, other) if "," in difference else (other, one)
