"""Lifetimes: what is known of the time at which a key expires."""

from __future__ import annotations

from typing import NamedTuple

_SLACK_SECONDS = 0.01
"""Redis removes a value up to two milliseconds before its deadline."""


class Lifetime(NamedTuple):
    """The bounds of a deadline, in seconds since 1970: the value is there before ``earliest``, and
    absent from ``latest`` on. Between the two, either is right."""

    earliest: float
    latest: float

    @classmethod
    def of(cls, began: float, ended: float, shortest: float, longest: float) -> Lifetime:
        """Return the lifetime of a value that a call between ``began`` and ``ended`` gave a ttl
        from ``shortest`` to ``longest`` seconds."""
        return cls(began + shortest - _SLACK_SECONDS, ended + longest + _SLACK_SECONDS)

    def is_over(self, began: float) -> bool:
        """Return whether the value was absent during the whole of a call that began then."""
        return began >= self.latest

    def may_be_over(self, ended: float) -> bool:
        """Return whether the value may have been absent in a call that ended then."""
        return ended >= self.earliest
