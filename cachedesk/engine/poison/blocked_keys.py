"""Blocked keys: an event of each was refused and waits for its next attempt.

Later events of such a key wait in the pending index; all other keys are flushed normally. There is
one entry per key, and there are two heaps of the entries: by the time when the key is due, and by
the seq of its oldest undecided event, up to which the log can be acked. An entry in a heap may be
outdated; it is corrected when it reaches the top.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from cachedesk.core.truth import Trouble


class _Entry(NamedTuple):
    trouble: Trouble
    due_at: float


class BlockedKeys:
    """The blocked keys. Used only by the worker's thread."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _Entry] = {}
        self._by_time: list[tuple[float, int, bytes]] = []
        self._by_seq: list[tuple[int, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __contains__(self, key: bytes) -> bool:
        return key in self._entries

    def clear(self) -> None:
        """Remove all keys."""
        self._entries.clear()
        self._by_time.clear()
        self._by_seq.clear()

    def block(self, key: bytes, trouble: Trouble, due_at: float) -> None:
        """Block ``key``, or block it again after an attempt.

        Args:
            key: the key.
            trouble: why it is blocked.
            due_at: when its next attempt is due, in ``time.monotonic()`` seconds.
        """
        if key not in self._entries:
            heapq.heappush(self._by_seq, (trouble.seq, key))
        self._entries[key] = _Entry(trouble, due_at)
        heapq.heappush(self._by_time, (due_at, trouble.seq, key))

    def unblock(self, key: bytes) -> None:
        """Unblock ``key``: none of its delivered events waits any more."""
        self._entries.pop(key, None)

    def make_all_due(self) -> None:
        """Make all keys due now."""
        self._entries = {key: _Entry(it.trouble, 0.0) for key, it in self._entries.items()}
        self._by_time = [(0.0, it.trouble.seq, key) for key, it in self._entries.items()]
        heapq.heapify(self._by_time)

    def next_due_at(self) -> float | None:
        """Return when the next key is due, in ``time.monotonic()`` seconds; ``None`` if no key is
        blocked."""
        while self._by_time:
            due_at, _, key = self._by_time[0]
            entry = self._entries.get(key)
            if entry is not None and entry.due_at == due_at:
                return due_at
            heapq.heappop(self._by_time)
        return None

    def take_due(self, now: float) -> bytes | None:
        """Return a key that is due at ``now``, ``None`` if there is none. The caller must block it
        again or unblock it."""
        due_at = self.next_due_at()
        if due_at is None or due_at > now:
            return None
        return heapq.heappop(self._by_time)[2]

    def oldest(self, first_seq: Callable[[bytes], int | None], through_seq: int) -> Trouble | None:
        """Return why the oldest undecided event is blocked, ``None`` if no event is undecided.

        Args:
            first_seq: returns the seq of the oldest pending event of a key, ``None`` if there is
                none.
            through_seq: the seq up to which events were delivered. A key whose delivered events
                are all decided (because a write-through absorbed them) is unblocked.
        """
        while self._by_seq:
            seq, key = self._by_seq[0]
            entry = self._entries.get(key)
            first = None if entry is None else first_seq(key)
            if entry is None or first is None or first > through_seq:
                self.unblock(key)
                heapq.heappop(self._by_seq)
            elif first > seq:
                heapq.heapreplace(self._by_seq, (first, key))
            else:
                return Trouble(seq, entry.trouble.attempts, entry.trouble.reason)
        return None
