"""The three stores in memory together, on which one stack at a time can be opened."""

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
    """The lock on stores in memory; one stack at a time holds it."""

    name = "memory"

    def __init__(self, lock: threading.Lock) -> None:
        """Acquire ``lock``.

        Raises:
            InUse: a stack that was not closed holds it.
        """
        if not lock.acquire(blocking=False):
            raise InUse(
                "these stores in memory are in use by a stack that was not closed; close it, or"
                " call crash()"
            )
        self._lock: threading.Lock | None = lock

    def close(self) -> None:
        """Release the lock for the next stack."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


class InMemoryStores:
    """A cache, a log and a database in the memory of this process.

    Acknowledged writes are in ``log`` or ``database`` and stay there when a stack is closed, or
    ``crash`` is called; another stack can then be opened on them. The cache is emptied.
    """

    def __init__(self) -> None:
        """Create empty stores."""
        self.cache = InMemoryCache()
        self.log = InMemoryLog()
        self.database = InMemoryDatabase()
        self.stores: Stores[InMemoryPlace] = Stores(
            lock=self._lock, cache=self._cache, log=self._log, database=self._database
        )
        """The value to pass to ``Stack``."""
        self._held = threading.Lock()
        self._close: Callable[[], None] | None = None

    def crash(self) -> None:
        """Kill the stack that is open on these stores, as SIGKILL would: nothing it does reaches
        them any more, and what was not durable is lost. Its calls then raise ``Closed``."""
        self.log.crash()
        self.database.crash()
        self.cache.close()
        close, self._close = self._close, None
        if close is not None:
            close()

    def opened(self, close: Callable[[], None]) -> None:
        """Register a stack that was opened on these stores: ``crash`` ends it with ``close``."""
        self._close = close

    @contextmanager
    def cache_down(self) -> Iterator[None]:
        """Make the cache unavailable during a block; after that it is back, and empty."""
        self.cache.down = True
        try:
            yield
        finally:
            self.cache.down = False

    @contextmanager
    def database_down(self) -> Iterator[None]:
        """Make the database unavailable during a block."""
        self.database.down = True
        try:
            yield
        finally:
            self.database.down = False

    @contextmanager
    def log_full(self) -> Iterator[None]:
        """Make the log refuse writes during a block, as on a full disk."""
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
