"""The key fence: it keeps the two write paths in order on each key.

Write-behind writers of one key may overlap (the log orders them), so they *share* the key. A
write-through folds the key's pending events into its own transaction, so no event may enter the
log for that key meanwhile: it takes the key *alone*. Without the fence an event could be given a
lower seq than the row it is later applied to, and be skipped as already applied: lost.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from cachedesk.engine.errors import Unavailable


class KeyFence:
    """Shared and exclusive holds on keys. All keys of a hold are taken at once, so holds cannot
    deadlock; a waiting exclusive hold keeps new shared ones out, so it cannot starve."""

    def __init__(self) -> None:
        self._freed = threading.Condition(threading.Lock())
        self._shared: Counter[bytes] = Counter()
        self._alone: set[bytes] = set()
        self._wanted: Counter[bytes] = Counter()

    @contextmanager
    def shared(self, keys: Collection[bytes], deadline: float) -> Iterator[None]:
        """Hold ``keys`` together with other shared holders.

        Args:
            keys: distinct keys.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Raises:
            Unavailable: a write-through held one of the keys until the deadline.
        """
        with self._freed:
            while any(key in self._alone or key in self._wanted for key in keys):
                self._wait(deadline)
            self._shared.update(keys)
        try:
            yield
        finally:
            with self._freed:
                waited_for = False
                for key in keys:
                    if self._shared[key] == 1:
                        del self._shared[key]
                    else:
                        self._shared[key] -= 1
                    waited_for = waited_for or key in self._wanted
                if waited_for:
                    self._freed.notify_all()

    @contextmanager
    def alone(self, keys: Collection[bytes], deadline: float) -> Iterator[None]:
        """Hold ``keys`` with nobody else; arguments and errors as for ``shared``."""
        with self._freed:
            self._wanted.update(keys)
            try:
                while any(key in self._alone or key in self._shared for key in keys):
                    self._wait(deadline)
                self._alone.update(keys)
            finally:
                self._wanted.subtract(keys)
                self._wanted += Counter()
                self._freed.notify_all()
        try:
            yield
        finally:
            with self._freed:
                self._alone.difference_update(keys)
                self._freed.notify_all()

    def _wait(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not self._freed.wait(left):
            raise Unavailable("another write to the same key did not end in time; try again")
