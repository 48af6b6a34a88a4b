"""Pacing: when to look again, so that looking stays within its budget of the server's time."""

from __future__ import annotations

from cachedesk.core.watched_server import WindowPlan

FIRST_WINDOW_SECONDS = 0.05
WINDOW_SECONDS = 0.2
TAIL_SECONDS = 0.05
MOST_LINES = 30_000

_MOST_DUTY = 0.25
"""MONITOR is on for at most so much of the time, however little it costs."""

_GENEROUS_BUDGET = 0.25
"""From this budget on MONITOR may be on all the time."""

_MOST_SAVED_SECONDS = 10.0
"""So many seconds' worth of budget may be saved up, not more."""


class Account:
    """So much server time may be spent, per second of real time.

    Args:
        share: of the time.
        now: the time at which it is empty, in seconds.
    """

    def __init__(self, share: float, now: float) -> None:
        self.share = share
        self._balance = 0.0
        self._at = now

    def pay(self, seconds: float) -> None:
        """Take out what was spent; it may go below zero, and is then waited for."""
        self._balance -= seconds

    def wait(self, price: float, now: float) -> float:
        """Return how many seconds to wait until ``price`` seconds may be spent; 0: now."""
        self._balance += (now - self._at) * self.share
        self._at = now
        self._balance = min(self._balance, max(price, self.share * _MOST_SAVED_SECONDS))
        return max(0.0, (price - self._balance) / self.share)

    def restart(self, now: float) -> None:
        """Count from now on: what was not watched was not saved."""
        self._at = now
        self._balance = min(self._balance, 0.0)


def next_window(windows: int) -> WindowPlan:
    """Return how the next window is, after so many."""
    seconds = WINDOW_SECONDS if windows else FIRST_WINDOW_SECONDS
    return WindowPlan(seconds, TAIL_SECONDS, MOST_LINES)


def least_pause(window_seconds: float, budget: float) -> float:
    """Return how long MONITOR stays off at least after a window, in seconds."""
    return 0.0 if budget >= _GENEROUS_BUDGET else window_seconds * (1 / _MOST_DUTY - 1)
