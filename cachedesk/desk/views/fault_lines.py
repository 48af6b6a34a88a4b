"""Faults in words: whether one can be injected, how long it will last, what is broken just now."""

from __future__ import annotations

from cachedesk.core.snapshot import FaultState, Snapshot
from cachedesk.desk.views.formats import span

DEFAULT_PLACE = "the usual place"
"""The first choice of a fault that strikes where one says: where it strikes unless one does."""


def state_of(fault: FaultState, at: float) -> str:
    """Return in a few words how ``fault`` is at ``at`` (seconds since 1970)."""
    if fault.since_at is not None:
        return f"▼ active, {countdown(fault, at)}"
    if fault.obstacle:
        return f"✗ not now: {fault.obstacle}"
    return "until healed" if fault.lasting else "once"


def countdown(fault: FaultState, at: float) -> str:
    """Return how long an active fault will last: ``12 s left``, or until somebody heals it."""
    if fault.until_at is None:
        return "until you heal it"
    return f"{span(max(0.0, fault.until_at - at))} left"


def broken_now(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what is broken or about to break, each in a few words, in the order they began."""
    active = sorted(
        (fault for fault in snapshot.catalogue if fault.since_at is not None),
        key=lambda fault: fault.since_at or 0.0,
    )
    lasting = [f"▼ {fault.name} {countdown(fault, snapshot.at)}" for fault in active]
    return (*lasting, *(f"◇ armed: {point}" for point in snapshot.armed))
