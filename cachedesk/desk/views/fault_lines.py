"""Faults in words: whether one can be injected, how long it lasts, and which are active."""

from __future__ import annotations

from cachedesk.core.snapshot import FaultState, Snapshot
from cachedesk.desk.views.formats import span

DEFAULT_PLACE = "the default place"
"""The first choice of a fault that has a choice of places."""


def state_of(fault: FaultState, at: float) -> str:
    """Return the state of ``fault`` at ``at`` (seconds since 1970) in a few words."""
    if fault.since_at is not None:
        return f"▼ active, {countdown(fault, at)}"
    if fault.obstacle:
        return f"✗ not now: {fault.obstacle}"
    return "until healed" if fault.lasting else "once"


def countdown(fault: FaultState, at: float) -> str:
    """Return how long an active fault will last, such as ``12 s left`` or ``until healed``."""
    if fault.until_at is None:
        return "until healed"
    return f"{span(max(0.0, fault.until_at - at))} left"


def broken_now(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the active faults in the order they began, then the armed failpoints."""
    active = sorted(
        (fault for fault in snapshot.catalogue if fault.since_at is not None),
        key=lambda fault: fault.since_at or 0.0,
    )
    lasting = [f"▼ {fault.name} {countdown(fault, snapshot.at)}" for fault in active]
    return (*lasting, *(f"◇ armed: {point}" for point in snapshot.armed))
