"""The three stores in memory together: what one stack after the other is opened on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cachedesk.core.errors import InUse
from cachedesk.core.stores import StoreContext, Stores
from cachedesk.stores.memory.cache import InMemoryCache
from cachedesk.stores.memory.database import InMemoryDatabase
from cachedesk.stores.memory.log import InMemoryLog


class InMemoryPlace:
    """Held by one stack at a time."""

    name = "memory"

    def __init__(self, lock: threading.Lock) -> None:
        """Take it.

        Raises:
            InUse: a stack that was not closed has it.
        """
        if not lock.acquire(blocking=False):
            raise InUse(
                "these stores in memory are in use by a stack that was not closed; close it, or"
                " call crash()"
            )
        self._lock: threading.Lock | None = lock

    def close(self) -> None:
        """Let the next stack have it."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


class InMemoryStores:
    """A cache, a log and a database in the memory of this process.

    What was acknowledged is in ``log`` or ``database`` and stays there when a stack on them is
    closed, or ``crash`` is called; another stack can then be opened on them. The cache forgets.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.cache = InMemoryCache()
        self.log = InMemoryLog()
        self.database = InMemoryDatabase()
        self.stores: Stores[InMemoryPlace] = Stores(
            lock=self._lock, cache=self._cache, log=self._log, database=self._database
        )
        """What ``Stack`` takes."""
        self._held = threading.Lock()
        self._close: Callable[[], None] | None = None

    def crash(self) -> None:
        """Have the stack that is open on these stores die, as by SIGKILL: nothing more of it
        reaches them, and what it had not made durable is lost. Its calls then raise ``Closed``."""
        self.log.crash()
        self.database.crash()
        self.cache.close()
        close, self._close = self._close, None
        if close is not None:
            close()

    def opened(self, close: Callable[[], None]) -> None:
        """Have ``crash`` end a stack that was opened on these stores by ``close``."""
        self._close = close

    @contextmanager
    def cache_down(self) -> Iterator[None]:
        """Take the cache away for a block; behind it, it is back, and empty."""
        self.cache.down = True
        try:
            yield
        finally:
            self.cache.down = False

    @contextmanager
    def database_down(self) -> Iterator[None]:
        """Have the database answer nothing, for a block."""
        self.database.down = True
        try:
            yield
        finally:
            self.database.down = False

    @contextmanager
    def log_full(self) -> Iterator[None]:
        """Have the disk under the log be full, for a block."""
        self.log.full = True
        try:
            yield
        finally:
            self.log.full = False

    def _lock(self, path: str | os.PathLike[str], *, create: bool = True) -> InMemoryPlace:
        return InMemoryPlace(self._held)

    def _cache(self, place: InMemoryPlace, context: StoreContext) -> InMemoryCache:
        return self.cache

    def _log(self, place: InMemoryPlace, context: StoreContext) -> InMemoryLog:
        self.log.open()
        return self.log

    def _database(self, place: InMemoryPlace, context: StoreContext) -> InMemoryDatabase:
        self.database.open()
        return self.database
