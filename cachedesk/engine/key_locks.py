"""Key locks: they keep the two write paths in order on each key.

Write-behind writers of one key may overlap (the log orders them), so they lock the key *shared*. A
write-through folds the key's pending events into its own transaction, so no event of that key may
enter the log meanwhile: it locks the key *exclusively*. Without these locks an event could get a
lower seq than the row it is later applied to, and be skipped as already applied: lost.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from cachedesk.core.errors import Unavailable


class _Waiter:
    """A caller that waits for a hold on some keys."""

    __slots__ = ("exclusive", "keys")

    def __init__(self, keys: Collection[bytes], exclusive: bool) -> None:
        self.keys = frozenset(keys)
        self.exclusive = exclusive

    def conflicts(self, other: _Waiter) -> bool:
        """Return whether the two holds exclude each other."""
        return (self.exclusive or other.exclusive) and not self.keys.isdisjoint(other.keys)


class KeyLocks:
    """Shared and exclusive holds on keys. All keys of a hold are acquired at once, so holds cannot
    deadlock; conflicting holds are granted in the order in which they were requested, so none can
    starve."""

    def __init__(self) -> None:
        # Entered as a plain lock: no interrupt can come between its acquisition and the block that
        # releases it.
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._shared: Counter[bytes] = Counter()
        self._exclusive: set[bytes] = set()
        self._queue: list[_Waiter] = []

    @contextmanager
    def shared(self, keys: Collection[bytes], deadline: float) -> Iterator[None]:
        """Hold ``keys`` together with other shared holders, until the block ends.

        Args:
            keys: distinct keys.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Raises:
            Unavailable: a write-through held one of the keys until the deadline.
        """
        taken = False
        try:
            with self._lock:
                if self._queue or not self._exclusive.isdisjoint(keys):
                    self._wait(_Waiter(keys, exclusive=False), deadline)
                self._shared.update(keys)
                taken = True
            yield
        finally:
            if taken:
                self._release(lambda: self._remove_shared(keys))

    @contextmanager
    def exclusive(self, keys: Collection[bytes], deadline: float) -> Iterator[None]:
        """Hold ``keys`` and exclude all other holders, until the block ends; arguments and errors
        as for ``shared``."""
        taken = False
        try:
            with self._lock:
                waiter = _Waiter(keys, exclusive=True)
                if self._queue or self._is_held(waiter):
                    self._wait(waiter, deadline)
                self._exclusive.update(keys)
                taken = True
            yield
        finally:
            if taken:
                self._release(lambda: self._exclusive.difference_update(keys))

    def _release(self, remove: Callable[[], None]) -> None:
        begun = False
        try:
            with self._lock:
                begun = True
                remove()
                self._wake()
        finally:
            if not begun:
                # An interrupt came during the wait for the lock: the hold would stay forever.
                self._release(remove)

    def _remove_shared(self, keys: Collection[bytes]) -> None:
        for key in keys:
            if self._shared[key] == 1:
                del self._shared[key]
            else:
                self._shared[key] -= 1

    def _wait(self, waiter: _Waiter, deadline: float) -> None:
        self._queue.append(waiter)
        try:
            while self._is_held(waiter) or self._is_queued_earlier(waiter):
                left = deadline - time.monotonic()
                if left <= 0 or not self._freed.wait(left):
                    raise Unavailable("timed out waiting for another write to this key; try again")
        finally:
            self._queue.remove(waiter)
            self._wake()

    def _is_held(self, waiter: _Waiter) -> bool:
        """Return whether a current hold conflicts with ``waiter``."""
        if not self._exclusive.isdisjoint(waiter.keys):
            return True
        return waiter.exclusive and any(key in self._shared for key in waiter.keys)

    def _is_queued_earlier(self, waiter: _Waiter) -> bool:
        """Return whether an earlier waiter conflicts with ``waiter``."""
        earlier = itertools.takewhile(lambda other: other is not waiter, self._queue)
        return any(waiter.conflicts(other) for other in earlier)

    def _wake(self) -> None:
        if self._queue:
            self._freed.notify_all()
