"""Traffic: what a session may be driven by, a workload or a trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cachedesk.lab.operations import Operation
from cachedesk.lab.trace import Trace, read
from cachedesk.lab.workload import workload


@dataclass(frozen=True, slots=True)
class WorkloadTraffic:
    """An endless workload; a write that is unavailable is left out, as a visitor would."""

    name: str
    seed: int
    exact = False

    def __post_init__(self) -> None:
        # So that a misspelt name is found before anything is opened.
        workload(self.name)

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"workload {self.name}, seed {self.seed}"

    def operations(self) -> Iterator[Operation]:
        """Return the operations, from the first."""
        return workload(self.name)(self.seed)


@dataclass(frozen=True, slots=True)
class TraceTraffic:
    """A trace; a write that is unavailable is tried again, so that the end is exact."""

    trace: Trace
    exact = True

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"trace {self.trace.path.name}"

    def operations(self) -> Iterator[Operation]:
        """Return the operations, from the first."""
        return read(self.trace.path)
