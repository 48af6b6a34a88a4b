"""Unacked events: what is in the log and was not acked, append by append, so that how much waits
and how old it is are known without the log."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

import msgspec

from cachedesk.core.events import WriteEvent


class _Segment(msgspec.Struct, frozen=True, gc=False):
    """The events of one append: its first and last seq, how many there are, how many up to its
    end since the last time that there were none, and when they were accepted. (The garbage
    collector has nothing to go through here: there may be a million.)"""

    first_seq: int
    last_seq: int
    events: int
    through: int
    at: float


class Unacked:
    """The appends that were not acked. Its owner holds a lock for each change, and for each
    question but ``events`` and ``oldest_seconds``."""

    def __init__(self) -> None:
        self._segments: deque[_Segment] = deque()
        self.published_seq = 0
        """The seq of the newest event that may be read from the log."""

    @property
    def events(self) -> int:
        """How many events there are."""
        try:
            first, last = self._segments[0], self._segments[-1]
        except IndexError:
            return 0
        return last.through - first.through + first.events

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event; 0 when there is none."""
        try:
            return max(0.0, time.monotonic() - self._segments[0].at)
        except IndexError:
            return 0.0

    @property
    def first_seq(self) -> int | None:
        """The seq of the oldest event, ``None`` when there is none."""
        return self._segments[0].first_seq if self._segments else None

    def behind(self, seq: int) -> int:
        """Return how many events are in the appends that begin behind ``seq``."""
        segments = self._segments
        place = bisect_right(segments, seq, key=lambda segment: segment.last_seq)
        if place == len(segments):
            return 0
        first = segments[place]
        return segments[-1].through - first.through + first.events

    def add(self, events: Sequence[WriteEvent], at: float) -> None:
        """Add one append, made at ``at`` (monotonic seconds); events known already count once."""
        last = self._segments[-1] if self._segments else None
        known = last.last_seq if last else self.published_seq
        new = [event for event in events if event.seq > known]
        if new:
            through = (last.through if last else 0) + len(new)
            self._segments.append(_Segment(new[0].seq, new[-1].seq, len(new), through, at))
        self.published_seq = events[-1].seq

    def forget(self, through_seq: int) -> None:
        """Forget the appends that end at ``through_seq`` or before."""
        while self._segments and self._segments[0].last_seq <= through_seq:
            self._segments.popleft()
