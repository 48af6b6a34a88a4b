"""Pace: how many operations are due by now. A pure decision; the clock is passed in."""

from __future__ import annotations

_MOST_DEBT_SECONDS = 0.5


class Pace:
    """A steady rate, or none. Time that the stack could not keep up is forgiven beyond half a
    second: after an outage the old rate goes on, rather than a burst to catch up."""

    def __init__(self, rate: float | None, began: float) -> None:
        """Begin at ``began``, in seconds of any clock, at ``rate`` per second (``None``: as fast
        as it goes)."""
        self._rate = rate
        self._owed_since = began
        self._dealt = 0

    @property
    def rate(self) -> float | None:
        """Operations a second; ``None``: as fast as it goes."""
        return self._rate

    def change(self, rate: float | None, now: float) -> None:
        """Go on at another rate from ``now``. What was late at the old one is forgiven, except
        for the part of an operation that was under way: a rate that is changed again and again
        would else never get one."""
        part = 0.0
        if self._rate is not None:
            part = (now - self._owed_since) * self._rate - self._dealt
        self._rate, self._dealt = rate, 0
        self._owed_since = now
        if rate is not None:
            self._owed_since -= min(1.0, max(0.0, part)) / rate

    def due(self, now: float, most: int) -> int:
        """Return how many operations are due at ``now``, at most ``most``, and deem them dealt."""
        if self._rate is None:
            return most
        late = now - self.next_at()
        if late > _MOST_DEBT_SECONDS:
            self._owed_since += late - _MOST_DEBT_SECONDS
        due = min(most, int((now - self._owed_since) * self._rate) - self._dealt)
        self._dealt += due
        return due

    def next_at(self) -> float:
        """Return when the next operation will be due."""
        if self._rate is None:
            return self._owed_since
        return self._owed_since + (self._dealt + 1) / self._rate
