"""A timetable: operations that are due at the times of their trace, or at a multiple of its speed.

It replaces a ``Pace``: it returns how many operations are due by now, and yields them. If the stack
cannot keep up, late operations are issued as soon as possible; none is skipped. A long pause of the
trace (hours between two captures in one file) is cut to one minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from cachedesk.lab.load.operations import Operation
from cachedesk.lab.trace.record import TraceRecord

LONGEST_PAUSE_SECONDS = 60.0


class Timetable(Iterator[Operation]):
    """Operations with their times. Used by one thread."""

    def __init__(
        self,
        records: Iterator[TraceRecord],
        speed: float,
        on_back: Callable[[], None] | None = None,
    ) -> None:
        """Prepare the timetable.

        Args:
            records: the records to issue, in order; the first is due at once.
            speed: seconds of the trace per second.
            on_back: called for each record whose time is before that of the previous record.
        """
        self._on_back = on_back
        self._records = records
        self._speed = speed
        self._ready: deque[Operation] = deque()
        self._next: TraceRecord | None = None
        self._due_at = 0.0
        self._before_at: float | None = None
        self._ended = False
        self.pauses = 0
        """The number of pauses longer than ``LONGEST_PAUSE_SECONDS``, which were cut to that."""

    def begin(self, now: float) -> None:
        """Start: the first operation is due ``now``, in seconds of any clock."""
        self._due_at = now

    def due(self, now: float, most: int) -> int:
        """Return how many operations are due at ``now``, at most ``most``; ``most`` once the trace
        has ended."""
        while len(self._ready) < most and not self._ended and self.next_at() <= now:
            if self._next is not None:
                self._ready.extend(self._next.operations)
                self._next = None
        return most if self._ended else min(most, len(self._ready))

    def next_at(self) -> float:
        """Return when the next operation will be due."""
        if self._next is None and not self._ended:
            self._next = next(self._records, None)
            self._ended = self._next is None
            if self._next is not None and self._next.at is not None:
                self._due_at += self._pause(self._next.at)
        return self._due_at

    def _pause(self, at: float) -> float:
        """Return the seconds between the previous record and one of the time ``at``."""
        # Times may go back: the clock was set, or a second capture follows the first.
        before = self._before_at if self._before_at is not None else at
        self._before_at = at
        if at < before and self._on_back is not None:
            self._on_back()
        seconds = max(0.0, (at - before) / self._speed)
        if seconds <= LONGEST_PAUSE_SECONDS:
            return seconds
        self.pauses += 1
        return LONGEST_PAUSE_SECONDS

    def __next__(self) -> Operation:
        if not self._ready:
            raise StopIteration
        return self._ready.popleft()
