"""Unacked events: the appends in the log that were not acked, so that their number and age are
known without reading the log."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

import msgspec

from cachedesk.core.events import WriteEvent


class _Segment(msgspec.Struct, frozen=True, gc=False):
    """The events of one append.

    ``first_seq``, ``last_seq``: of its events. ``events``: how many there are. ``through``: the
    running total of events up to its end; it starts again at 0 when no segment is left. ``at``:
    when they were accepted, in monotonic seconds. (``gc=False``: there may be a million segments,
    and the garbage collector need not traverse them.)
    """

    first_seq: int
    last_seq: int
    events: int
    through: int
    at: float


class Unacked:
    """The appends that were not acked. Its owner holds a lock during each call, except for
    ``events`` and ``oldest_seconds``."""

    def __init__(self) -> None:
        self._segments: deque[_Segment] = deque()
        self.published_seq = 0
        """The seq of the newest event that may be read from the log."""

    @property
    def events(self) -> int:
        """How many events were not acked."""
        try:
            first, last = self._segments[0], self._segments[-1]
        except IndexError:
            return 0
        return last.through - first.through + first.events

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event; 0 if there is none."""
        try:
            return max(0.0, time.monotonic() - self._segments[0].at)
        except IndexError:
            return 0.0

    @property
    def first_seq(self) -> int | None:
        """The seq of the oldest event, ``None`` if there is none."""
        return self._segments[0].first_seq if self._segments else None

    def after(self, seq: int) -> int:
        """Return how many events are in the appends that end after ``seq``."""
        segments = self._segments
        place = bisect_right(segments, seq, key=lambda segment: segment.last_seq)
        if place == len(segments):
            return 0
        first = segments[place]
        return segments[-1].through - first.through + first.events

    def add(self, events: Sequence[WriteEvent], at: float) -> None:
        """Add one append, made at ``at`` (monotonic seconds), and publish its events. Events that
        were added before are not counted again."""
        last = self._segments[-1] if self._segments else None
        known = last.last_seq if last else self.published_seq
        new = [event for event in events if event.seq > known]
        if new:
            through = (last.through if last else 0) + len(new)
            self._segments.append(_Segment(new[0].seq, new[-1].seq, len(new), through, at))
        self.published_seq = events[-1].seq

    def forget(self, through_seq: int) -> None:
        """Remove the appends that end at or below ``through_seq``."""
        while self._segments and self._segments[0].last_seq <= through_seq:
            self._segments.popleft()
