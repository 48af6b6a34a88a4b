"""Pace: computes how many operations are due by now. The clock is passed in."""

from __future__ import annotations

_MOST_DEBT_SECONDS = 0.5


class Pace:
    """A steady rate, or none. A backlog of more than half a second is dropped: after an outage the
    rate continues without a burst to catch up."""

    def __init__(self, rate: float | None, began: float) -> None:
        """Start at ``began``, in seconds of any clock, at ``rate`` per second (``None``: no
        limit)."""
        self._rate = rate
        self._owed_since = began
        self._dealt = 0

    @property
    def rate(self) -> float | None:
        """Operations per second; ``None``: no limit."""
        return self._rate

    def change(self, rate: float | None, now: float) -> None:
        """Change the rate from ``now`` on. The backlog at the old rate is dropped, except for the
        fraction of the next operation: otherwise a rate that changes often would never issue
        one."""
        part = 0.0
        if self._rate is not None:
            part = (now - self._owed_since) * self._rate - self._dealt
        self._rate, self._dealt = rate, 0
        self._owed_since = now
        if rate is not None:
            self._owed_since -= min(1.0, max(0.0, part)) / rate

    def due(self, now: float, most: int) -> int:
        """Return how many operations are due at ``now``, at most ``most``, and count them as
        issued."""
        if self._rate is None:
            return most
        late = now - self.next_at()
        if late > _MOST_DEBT_SECONDS:
            self._owed_since += late - _MOST_DEBT_SECONDS
        due = min(most, int((now - self._owed_since) * self._rate) - self._dealt)
        self._dealt += due
        return due

    def next_at(self) -> float:
        """Return the time at which the next operation is due."""
        if self._rate is None:
            return self._owed_since
        return self._owed_since + (self._dealt + 1) / self._rate
