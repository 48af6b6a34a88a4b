"""Without read repair: a miss returns the row without its pending events, and fills Redis with it.

A ``ReadPath`` over ``NoPending`` does that, because it finds no pending events.
"""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.events import WriteEvent
from cachedesk.engine.backlog.pending_events import PendingEvents


class NoPending:
    """A ``PendingView`` without events. Only ``count`` returns the real number, for display."""

    def __init__(self, pending: PendingEvents) -> None:
        self._pending = pending

    def events(self, key: bytes) -> tuple[WriteEvent, ...]:
        """Return no events."""
        return ()

    def first_seq(self, key: bytes) -> int | None:
        """Return ``None``."""
        return None

    def decides(self, key: bytes, events: Sequence[WriteEvent]) -> bool:
        """Return False: only the row determines the value of a key."""
        return False

    def count(self, key: bytes) -> int:
        """Return how many events of ``key`` are pending."""
        return self._pending.count(key)
