"""A trace as the traffic of a pair: from its end it begins again, so that there is always some."""

from __future__ import annotations

from collections.abc import Iterator

from cachedesk.lab.load.operations import Operation
from cachedesk.lab.load.traffic import TraceTraffic
from cachedesk.lab.trace import Trace, TraceError


class RepeatedTrace:
    """The operations of a trace, again and again; their times are not kept.

    Args:
        trace: a file that was checked to its end.
    """

    def __init__(self, trace: Trace) -> None:
        self._traffic = TraceTraffic(trace)

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"{self._traffic.title}, repeated"

    def contents(self) -> Iterator[Operation]:
        """Return nothing: what the keys held when the trace was recorded is not known."""
        return iter(())

    def operations(self) -> Iterator[Operation]:
        """Yield the operations; ends only if the file cannot be read any more."""
        while True:
            try:
                yield from self._traffic.operations()
            except TraceError:
                return
