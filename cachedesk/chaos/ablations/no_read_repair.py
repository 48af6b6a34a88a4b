"""Without read repair: a miss is answered with the row as it is, and Redis is filled with it.

A ``ReadPath`` over ``Unseen`` does that: nothing is pending, as far as it knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.events import WriteEvent
from cachedesk.engine.backlog.pending_events import PendingEvents


class Unseen:
    """What is pending, to somebody who does not look. How many there are is still told."""

    def __init__(self, pending: PendingEvents) -> None:
        self._seen = pending

    def events(self, key: bytes) -> tuple[WriteEvent, ...]:
        """Return nothing."""
        return ()

    def first_seq(self, key: bytes) -> int | None:
        """Return ``None``."""
        return None

    def decides(self, key: bytes, events: Sequence[WriteEvent]) -> bool:
        """Return False: nothing but the row says what a key is worth."""
        return False

    def count(self, key: bytes) -> int:
        """Return how many events of ``key`` are pending."""
        return self._seen.count(key)
