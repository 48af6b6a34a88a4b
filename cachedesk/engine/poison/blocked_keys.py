"""Blocked keys: those of which an event was refused and waits for its next attempt.

Later events of such a key wait behind it, in what is pending; all other keys go on. What is kept
here is one entry a key, and two heaps over them: which key is due next, and which holds the oldest
undecided event, up to which the log can be acked. A key's entry in a heap may be outdated, and is
put right when it comes to the top.
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
    """The keys that wait. Used by the worker's thread alone."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _Entry] = {}
        self._by_time: list[tuple[float, int, bytes]] = []
        self._by_seq: list[tuple[int, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __contains__(self, key: bytes) -> bool:
        return key in self._entries

    def clear(self) -> None:
        """Forget all of them."""
        self._entries.clear()
        self._by_time.clear()
        self._by_seq.clear()

    def block(self, key: bytes, trouble: Trouble, due_at: float) -> None:
        """Keep ``key`` until it is due again, in ``time.monotonic()`` seconds."""
        if key not in self._entries:
            heapq.heappush(self._by_seq, (trouble.seq, key))
        self._entries[key] = _Entry(trouble, due_at)
        heapq.heappush(self._by_time, (due_at, trouble.seq, key))

    def free(self, key: bytes) -> None:
        """Let ``key`` go on: nothing of it waits any more."""
        self._entries.pop(key, None)

    def hasten(self) -> None:
        """Let all of them be due now."""
        self._entries = {key: _Entry(it.trouble, 0.0) for key, it in self._entries.items()}
        self._by_time = [(0.0, it.trouble.seq, key) for key, it in self._entries.items()]
        heapq.heapify(self._by_time)

    def next_due_at(self) -> float | None:
        """Return when the next key is due, ``None`` when none waits."""
        while self._by_time:
            due_at, _, key = self._by_time[0]
            entry = self._entries.get(key)
            if entry is not None and entry.due_at == due_at:
                return due_at
            heapq.heappop(self._by_time)
        return None

    def take_due(self, now: float) -> bytes | None:
        """Return a key that is due and is to be blocked again or freed, ``None`` when none is."""
        due_at = self.next_due_at()
        if due_at is None or due_at > now:
            return None
        return heapq.heappop(self._by_time)[2]

    def oldest(self, first_seq: Callable[[bytes], int | None], through_seq: int) -> Trouble | None:
        """Return what keeps the oldest undecided event, ``None`` when nothing does.

        Args:
            first_seq: the seq of the first pending event of a key, ``None`` when there is none.
            through_seq: the seq up to which events were delivered. A key of which all of these
                are decided (a write-through took them along) goes on.
        """
        while self._by_seq:
            seq, key = self._by_seq[0]
            entry = self._entries.get(key)
            first = None if entry is None else first_seq(key)
            if entry is None or first is None or first > through_seq:
                self.free(key)
                heapq.heappop(self._by_seq)
            elif first > seq:
                heapq.heapreplace(self._by_seq, (first, key))
            else:
                return Trouble(seq, entry.trouble.attempts, entry.trouble.reason)
        return None
