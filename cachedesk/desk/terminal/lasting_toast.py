"""A notification whose toast never begins with a time that is over.

Textual starts a timer with the time that is left when the toast is made. On a slow machine, or when
its clock was set forward, nothing is left, and a timer with a negative time loops for ever
(``Timer._run`` counts towards a past that it never reaches): the app hangs.
"""

from __future__ import annotations

from time import time

from textual.notifications import Notification

_LEAST_SECONDS = 0.1


class LastingToast(Notification):
    """A notification that is shown for a moment at least."""

    @property
    def time_left(self) -> float:
        """The time left until it expires, in seconds; always above 0."""
        return max(_LEAST_SECONDS, self._ends_at - time())

    @property
    def has_expired(self) -> bool:
        """Whether it is over, so that no new toast is made of it."""
        return self._ends_at <= time()

    @property
    def _ends_at(self) -> float:
        return self.raised_at + self.timeout
