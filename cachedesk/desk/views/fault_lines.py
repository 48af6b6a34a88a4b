"""Faults in words: whether one can be injected, how long it lasts, and which are active."""

from __future__ import annotations

import re

from rich.cells import cell_len

from cachedesk.core.snapshot import FaultState, Snapshot
from cachedesk.desk.views.formats import cut, span

UNTIL_HEALED = "until healed"
DEFAULT_PLACE = "the default place"
"""The first choice of a fault that has a choice of places."""


def state_of(fault: FaultState, at: float) -> str:
    """Return the state of ``fault`` at ``at`` (seconds since 1970) in a few words."""
    if fault.since_at is not None:
        return f"▼ active, {countdown(fault, at)}"
    if fault.obstacle:
        return f"✗ not now: {fault.obstacle}"
    return UNTIL_HEALED if fault.lasting else "once"


def countdown(fault: FaultState, at: float) -> str:
    """Return how long an active fault will last, such as ``12 s left`` or ``until healed``."""
    if fault.until_at is None:
        return UNTIL_HEALED
    return f"{span(max(0.0, fault.until_at - at))} left"


def broken_now(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the active faults in the order they began, then the armed failpoints."""
    active = sorted(
        (fault for fault in snapshot.catalogue if fault.since_at is not None),
        key=lambda fault: fault.since_at or 0.0,
    )
    lasting = [f"▼ {fault.name} {countdown(fault, snapshot.at)}" for fault in active]
    return (*lasting, *(f"◇ armed: {point}" for point in snapshot.armed))


def strip_line(broken: tuple[str, ...], hint: str, width: int) -> str:
    """Return the result of ``broken_now`` and ``hint``, what can be done, as one line.

    Without room for all, ``until healed`` is dropped first, then the components of the faults, then
    the last faults, which are counted.
    """
    brief = tuple(text.removesuffix(f" {UNTIL_HEALED}") for text in broken)
    briefer = tuple(re.sub(r"^([▼◇] (?:armed: )?)\w+\.", r"\1", text) for text in brief)
    hints = (hint,) if hint else ()
    forms = [broken, brief, briefer]
    forms += [
        (*briefer[:kept], f"+{len(briefer) - kept} more") for kept in range(len(briefer) - 1, 0, -1)
    ]
    lines = (gap.join((*form, *hints)) for form in forms for gap in ("   ", "  "))
    shortest = "  ".join((f"▼ {len(broken)}", *hints))
    return next((line for line in lines if cell_len(line) <= width), cut(shortest, width))
