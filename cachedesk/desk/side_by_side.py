"""What to open next: two stacks side by side, chosen on the desk of a running one."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.lab.versus.sides import SideSetup


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two stacks, under the workload of the desk.

    Args:
        setups: of the left side, which is set up as the desk's stack is now, and of the right one.
        rate: operations per second for each; ``None``: no limit.
        fault: the fault to inject on both once they are open; empty: none.
    """

    setups: tuple[SideSetup, SideSetup]
    rate: float | None
    fault: str = ""
