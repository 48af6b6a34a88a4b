"""The key fence: it keeps the two write paths in order on each key.

Write-behind writers of one key may overlap (the log orders them), so they *share* the key. A
write-through folds the key's pending events into its own transaction, so no event may enter the
log for that key meanwhile: it takes the key *alone*. Without the fence an event could be given a
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


class _Wish:
    """A hold that is waited for."""

    __slots__ = ("alone", "keys")

    def __init__(self, keys: Collection[bytes], alone: bool) -> None:
        self.keys = frozenset(keys)
        self.alone = alone

    def conflicts(self, other: _Wish) -> bool:
        """Whether the two cannot be held at the same time."""
        return (self.alone or other.alone) and not self.keys.isdisjoint(other.keys)


class KeyLocks:
    """Shared and exclusive holds on keys. All keys of a hold are taken at once, so holds cannot
    deadlock; holds that conflict are given in the order in which they were asked for, so none
    can starve."""

    def __init__(self) -> None:
        # Entered as a plain lock: an interrupt cannot come between its taking and its release.
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._shared: Counter[bytes] = Counter()
        self._alone: set[bytes] = set()
        self._queue: list[_Wish] = []

    @contextmanager
    def shared(self, keys: Collection[bytes], deadline: float) -> Iterator[None]:
        """Hold ``keys`` together with other shared holders.

        Args:
            keys: distinct keys.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Raises:
            Unavailable: a write-through held one of the keys until the deadline.
        """
        taken = False
        try:
            with self._lock:
                if self._queue or not self._alone.isdisjoint(keys):
                    self._wait(_Wish(keys, alone=False), deadline)
                self._shared.update(keys)
                taken = True
            yield
        finally:
            if taken:
                self._release(lambda: self._give_back(keys))

    @contextmanager
    def alone(self, keys: Collection[bytes], deadline: float) -> Iterator[None]:
        """Hold ``keys`` with nobody else; arguments and errors as for ``shared``."""
        taken = False
        try:
            with self._lock:
                wish = _Wish(keys, alone=True)
                if self._queue or self._taken(wish):
                    self._wait(wish, deadline)
                self._alone.update(keys)
                taken = True
            yield
        finally:
            if taken:
                self._release(lambda: self._alone.difference_update(keys))

    def _release(self, give_back: Callable[[], None]) -> None:
        begun = False
        try:
            with self._lock:
                begun = True
                give_back()
                self._wake()
        finally:
            if not begun:
                # An interrupt came while this waited for the lock: the hold would stay for ever.
                self._release(give_back)

    def _give_back(self, keys: Collection[bytes]) -> None:
        for key in keys:
            if self._shared[key] == 1:
                del self._shared[key]
            else:
                self._shared[key] -= 1

    def _wait(self, wish: _Wish, deadline: float) -> None:
        self._queue.append(wish)
        try:
            while self._taken(wish) or self._is_behind(wish):
                left = deadline - time.monotonic()
                if left <= 0 or not self._freed.wait(left):
                    raise Unavailable(
                        "another write to the same key did not end in time; try again"
                    )
        finally:
            self._queue.remove(wish)
            self._wake()

    def _taken(self, wish: _Wish) -> bool:
        """Whether somebody holds what ``wish`` wants."""
        if not self._alone.isdisjoint(wish.keys):
            return True
        return wish.alone and any(key in self._shared for key in wish.keys)

    def _is_behind(self, wish: _Wish) -> bool:
        """Whether somebody who came earlier waits for what ``wish`` wants."""
        earlier = itertools.takewhile(lambda other: other is not wish, self._queue)
        return any(wish.conflicts(other) for other in earlier)

    def _wake(self) -> None:
        if self._queue:
            self._freed.notify_all()
