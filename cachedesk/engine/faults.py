"""Faults: real ways to break the stack, as a list of values with the same few verbs.

Nothing here is simulated: the server gets its signal, a second connection holds SQLite's lock,
the worker dies at a failpoint. (The form is that of etcd's failpoint tests.)
"""

from __future__ import annotations

import difflib
import sqlite3
import threading
from pathlib import Path
from typing import Protocol

from cachedesk.engine import failpoints
from cachedesk.engine.cache import Cache
from cachedesk.engine.errors import ConfigError, Unavailable
from cachedesk.engine.parts import Parts
from cachedesk.engine.redis_keeper import RedisKeeper
from cachedesk.engine.snapshot import EventKind
from cachedesk.engine.worker import FlushWorker

_LOCK_SECONDS = 5.0


class Fault(Protocol):
    """One way to break the stack."""

    name: str
    title: str
    lasting: bool

    def available(self) -> bool:
        """Whether it can be injected now."""
        ...

    def inject(self) -> str:
        """Inject it; return a sentence that says what happened."""
        ...

    def heal(self) -> None:
        """End it."""
        ...


class RedisKill:
    """SIGKILL; the server is brought back, empty."""

    name, title, lasting = "redis.kill", "kill Redis (SIGKILL); it comes back empty", False

    def __init__(self, keeper: RedisKeeper) -> None:
        self._keeper = keeper

    def available(self) -> bool:
        return self._keeper.pid is not None

    def inject(self) -> str:
        return f"Redis was killed (SIGKILL to pid {self._keeper.kill()})"

    def heal(self) -> None:
        """It heals by itself."""


class RedisDown:
    """SIGKILL, and no restart."""

    name, title, lasting = "redis.down", "kill Redis and hold it down", True

    def __init__(self, keeper: RedisKeeper) -> None:
        self._keeper = keeper

    def available(self) -> bool:
        return self._keeper.pid is not None

    def inject(self) -> str:
        self._keeper.hold_down()
        return "Redis was killed and is held down"

    def heal(self) -> None:
        self._keeper.release()


class RedisHang:
    """SIGSTOP: it takes commands and never answers."""

    name, title, lasting = "redis.hang", "stop Redis (SIGSTOP): it hangs", True

    def __init__(self, keeper: RedisKeeper, cache: Cache) -> None:
        self._keeper = keeper
        self._cache = cache

    def available(self) -> bool:
        # Stopped while it is still starting, it would miss that it is to die with its parent.
        return self._cache.admitted

    def inject(self) -> str:
        self._keeper.hang()
        return "Redis was stopped (SIGSTOP); it hangs"

    def heal(self) -> None:
        self._keeper.release()


class RedisEmpty:
    """FLUSHALL: every key is gone from the cache."""

    name, title, lasting = "redis.empty", "evict every key from Redis", False

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def available(self) -> bool:
        return self._cache.admitted

    def inject(self) -> str:
        return f"{self._cache.evict_all():,} keys were evicted from Redis; the truth keeps them"

    def heal(self) -> None:
        """It heals by itself: misses fill the cache again."""


class WorkerCrash:
    """The worker dies in the middle of a batch, inside its transaction."""

    name, title, lasting = "worker.crash", "crash the worker in the middle of a flush", False
    point = "worker.apply.mid_batch"

    def __init__(self, worker: FlushWorker) -> None:
        self._worker = worker

    def available(self) -> bool:
        return self.point not in failpoints.armed()

    def inject(self) -> str:
        failpoints.arm(self.point, "1*crash")
        return "the worker will crash in the middle of its next batch"

    def heal(self) -> None:
        failpoints.disarm(self.point)


class DatabaseLock:
    """A second connection holds SQLite's write lock."""

    name, title, lasting = "database.lock", "lock the database (a second writer holds it)", True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder: sqlite3.Connection | None = None

    def available(self) -> bool:
        return self._holder is None

    def inject(self) -> str:
        holder = sqlite3.connect(
            self._path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            holder.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            holder.close()
            raise Unavailable(f"the database's lock could not be taken: {error}") from error
        self._holder = holder
        return "the database is locked by a second connection"

    def heal(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None


class FaultDesk:
    """The catalogue of faults of one stack, and which of them are active. Thread-safe."""

    def __init__(self, parts: Parts, worker: FlushWorker) -> None:
        keeper = parts.keeper
        faults: tuple[Fault, ...] = (
            RedisKill(keeper),
            RedisDown(keeper),
            RedisHang(keeper, parts.cache),
            RedisEmpty(parts.cache),
            WorkerCrash(worker),
            DatabaseLock(parts.database.path),
        )
        self._faults = {fault.name: fault for fault in faults}
        self._chronicle = parts.chronicle
        self._active: dict[str, Fault] = {}
        self._lock = threading.Lock()

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the lasting faults that were injected and not healed."""
        with self._lock:
            return tuple(self._active)

    def inject(self, name: str) -> str:
        """Inject the fault ``name`` and return a sentence that says what happened.

        Raises:
            ConfigError: there is no such fault; the nearest is named.
            Unavailable: it cannot be injected now.
        """
        fault = self._faults[known(name)]
        with self._lock:
            if fault.name in self._active:
                raise Unavailable(f"{name} is active already; heal it first")
            if not fault.available():
                raise Unavailable(f"{name} cannot be injected now")
            sentence = fault.inject()
            if fault.lasting:
                self._active[fault.name] = fault
            self._chronicle.begin(fault.name, lasting=fault.lasting)
        self._chronicle.say(EventKind.FAULT, sentence)
        return sentence

    def heal(self) -> str:
        """End every fault and return a sentence that says which."""
        with self._lock:
            names = list(self._active)
            for fault in self._faults.values():
                fault.heal()
            self._active.clear()
            for name in names:
                self._chronicle.end(name)
        if not names:
            return "nothing is broken"
        sentence = f"healed: {', '.join(names)}"
        self._chronicle.say(EventKind.HEALED, sentence)
        return sentence


NAMES = tuple(
    fault.name for fault in (RedisKill, RedisDown, RedisHang, RedisEmpty, WorkerCrash, DatabaseLock)
)


def known(name: str) -> str:
    """Return ``name`` if there is a fault of that name.

    Raises:
        ConfigError: there is none; the nearest is named.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise ConfigError(f"there is no fault {name!r}; {hint}")
    return name
