"""Implementations of the ports, each with what a contract needs to make it fail.

To have another store keep the contracts: a case of it here, and one line in the list at the end of
its port.
"""

from __future__ import annotations

import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine.until import until

from cachedesk.core.errors import DatabaseUncertain
from cachedesk.core.events import Entry, Op, WriteEvent
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.ports import CacheStore, EventLog, SystemOfRecord
from cachedesk.core.settings import RedisSettings
from cachedesk.core.stores import call_directly, keep_quiet
from cachedesk.stores.memory.cache import InMemoryCache
from cachedesk.stores.memory.database import InMemoryDatabase
from cachedesk.stores.memory.log import InMemoryLog
from cachedesk.stores.queue_log.opening import open_log
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis.embedded_redis import EmbeddedRedis
from cachedesk.stores.redis.server_process import RedisServer
from cachedesk.stores.sqlite import sqlite_database
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase


class Case(ABC):
    """One implementation of a port, in a folder of its own. ``close`` ends whatever it opened."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch

    @abstractmethod
    def close(self) -> None: ...


# -- caches ----------------------------------------------------------------------------------------


class CacheCase(Case):
    """``cache``: not started yet. ``start`` starts it and waits until it is trusted."""

    cache: CacheStore

    def start(self) -> CacheStore:
        self.cache.start(dict.fromkeys)
        self.wait()
        return self.cache

    def wait(self) -> None:
        """Return once it is trusted."""
        until(lambda: self.cache.trusted)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Take it away for a block; behind it, it is trusted again."""
        self.take_away()
        try:
            until(lambda: not self.cache.trusted)
            yield
        finally:
            self.give_back()
            self.wait()

    @abstractmethod
    def take_away(self) -> None: ...

    @abstractmethod
    def give_back(self) -> None: ...

    @contextmanager
    def unconfirmed(self) -> Iterator[None]:
        """Have the outcome of the next put of a block not be known; behind it, it is trusted."""
        self.take_away()
        try:
            yield
        finally:
            self.give_back()
            self.wait()

    def close(self) -> None:
        self.cache.close()


class EmbeddedRedisCase(CacheCase):
    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, patch)
        settings = RedisSettings(timeout_seconds=1.0)
        self._failpoints = Failpoints()
        self.cache = EmbeddedRedis(
            RedisServer(folder, settings),
            settings,
            announce=keep_quiet,
            kept=str,
            failpoints=self._failpoints,
            run=call_directly,
        )

    def take_away(self) -> None:
        self.cache.supervisor.hold_down()

    def give_back(self) -> None:
        self.cache.supervisor.release()

    @contextmanager
    def unconfirmed(self) -> Iterator[None]:
        self._failpoints.arm("redis.reply.lost", "1*raise(CacheError)")
        yield
        self._failpoints.disarm()
        self.wait()


class InMemoryCacheCase(CacheCase):
    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, patch)
        self.cache = InMemoryCache()

    def take_away(self) -> None:
        self.cache.down = True

    def give_back(self) -> None:
        self.cache.down = False


CACHES: tuple[type[CacheCase], ...] = (EmbeddedRedisCase, InMemoryCacheCase)


# -- logs ------------------------------------------------------------------------------------------


class LogCase(Case):
    """``log``: opened, recovered and noted as open."""

    log: EventLog

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, patch)
        self.open()
        self.log.recover(0)
        self.log.watermarks.opened()

    @abstractmethod
    def open(self) -> None:
        """Open the log, for the first time or again, and do no more."""

    @abstractmethod
    def crash(self) -> None:
        """Have the process die that has it open."""

    @abstractmethod
    def fail_commit(self, *, done: bool) -> None:
        """Have the next append or ack fail in its commit; ``done``: it was done all the same."""

    @abstractmethod
    def break_disk(self, broken: bool) -> None:
        """Have what a failed commit left stay unsettled, or no longer."""

    @abstractmethod
    def fill_disk(self, full: bool) -> None:
        """Have appends be refused, or no longer."""

    @abstractmethod
    def lose_records(self) -> None:
        """Lose what is in the closed log, but not its watermarks."""

    def close(self) -> None:
        self.log.close()


class QueueLogCase(LogCase):
    log: QueueLog

    def open(self) -> None:
        self.log = open_log(self.folder)

    def crash(self) -> None:
        # What the kernel does with the files of a dead process, and no more.
        self.log._queue.close()

    def fail_commit(self, *, done: bool) -> None:
        queue = self.log._queue

        def failing(name: str) -> Any:
            real = getattr(queue, name)

            def commit(*arguments: object) -> object:
                queue.__dict__.pop("put", None)
                queue.__dict__.pop("ack", None)
                if done:
                    real(*arguments)
                raise _io_error()

            return commit

        queue.put, queue.ack = failing("put"), failing("ack")

    def break_disk(self, broken: bool) -> None:
        def reopen() -> None:
            raise _io_error()

        if broken:
            self.log._queue.reopen = reopen
        else:
            self.log._queue.__dict__.pop("reopen", None)

    def fill_disk(self, full: bool) -> None:
        self.log.set_disk_full(full)

    def lose_records(self) -> None:
        with closing(sqlite3.connect(self.log.path)) as connection, connection:
            connection.execute("DELETE FROM queue_events")


class InMemoryLogCase(LogCase):
    log: InMemoryLog

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.log = InMemoryLog()
        super().__init__(folder, patch)

    def open(self) -> None:
        self.log.open()

    def crash(self) -> None:
        self.log.crash()

    def fail_commit(self, *, done: bool) -> None:
        self.log.fail_commit(done=done)

    def break_disk(self, broken: bool) -> None:
        self.log.broken = broken

    def fill_disk(self, full: bool) -> None:
        self.log.full = full

    def lose_records(self) -> None:
        self.log._records.clear()


LOGS: tuple[type[LogCase], ...] = (QueueLogCase, InMemoryLogCase)


# -- databases -------------------------------------------------------------------------------------


class DatabaseCase(Case):
    """``database``: open and empty."""

    database: SystemOfRecord

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, patch)
        self.open()

    @abstractmethod
    def open(self) -> None:
        """Open it, for the first time or again."""

    @abstractmethod
    def refuse(self, value: bytes, *, undoing: bool = False) -> None:
        """Have it refuse every row with ``value``; ``undoing``: and take the transaction back."""

    @abstractmethod
    def fail_commit(self, *, done: bool) -> None:
        """Have the next commit fail; ``done``: it was done all the same."""

    @abstractmethod
    def take_away(self, gone: bool) -> None:
        """Have nothing be read or written, or no longer."""

    @abstractmethod
    def forbid_writing(self, forbidden: bool) -> None:
        """Have every write be refused for now, or no longer."""

    @abstractmethod
    def locked(self) -> Any:
        """Hold the write lock for a block, as another program or writer would."""

    def close(self) -> None:
        self.database.close()


class SqliteCase(DatabaseCase):
    database: SqliteDatabase

    def open(self) -> None:
        self.database = SqliteDatabase(self.folder / "cachedesk.db")

    def refuse(self, value: bytes, *, undoing: bool = False) -> None:
        how = "ROLLBACK" if undoing else "ABORT"
        with closing(sqlite3.connect(self.database.path)) as connection, connection:
            for number, moment in enumerate(("INSERT", "UPDATE")):
                connection.execute(
                    f"CREATE TRIGGER refuse_{number} BEFORE {moment} ON rows"
                    f" WHEN new.value = x'{value.hex()}'"
                    f" BEGIN SELECT raise({how}, 'no such value'); END"
                )

    def fail_commit(self, *, done: bool) -> None:
        real = sqlite_database.commit

        def commit(connection: sqlite3.Connection) -> None:
            self.patch.setattr(sqlite_database, "commit", real)
            if done:
                real(connection)
            raise DatabaseUncertain("disk I/O error")

        self.patch.setattr(sqlite_database, "commit", commit)

    def take_away(self, gone: bool) -> None:
        self._fault("database.gone", gone)

    def forbid_writing(self, forbidden: bool) -> None:
        self._fault("database.readonly", forbidden)

    def locked(self) -> Any:
        return self.database.foreign_write()

    def _fault(self, name: str, active: bool) -> None:
        fault = next(each for each in self.database.faults() if each.name == name)
        if active:
            fault.inject()
        else:
            fault.heal()


class InMemoryDatabaseCase(DatabaseCase):
    database: InMemoryDatabase

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.database = InMemoryDatabase()
        super().__init__(folder, patch)

    def open(self) -> None:
        self.database.open()

    def refuse(self, value: bytes, *, undoing: bool = False) -> None:
        self.database.undoing = undoing
        self.database.refuses = lambda _, given: "no such value" if given == value else ""

    def fail_commit(self, *, done: bool) -> None:
        self.database.fail_commit(done=done)

    def take_away(self, gone: bool) -> None:
        self.database.down = gone

    def forbid_writing(self, forbidden: bool) -> None:
        self.database.read_only = forbidden

    def locked(self) -> Any:
        return self.database.foreign_write()


DATABASES: tuple[type[DatabaseCase], ...] = (SqliteCase, InMemoryDatabaseCase)


# -- what the checks use ---------------------------------------------------------------------------


def event(seq: int, key: bytes = b"k", arg: bytes = b"v") -> WriteEvent:
    """Return a write."""
    return WriteEvent(seq, Op.SET, key, arg, time.time())


def record(*seqs: int) -> list[WriteEvent]:
    """Return the events of one append."""
    return [event(seq) for seq in seqs]


def seqs_of(events: Iterable[WriteEvent]) -> list[int]:
    """Return the seqs of ``events``."""
    return [each.seq for each in events]


def soon() -> float:
    """Return a deadline that nothing here reaches."""
    return time.monotonic() + 60


def write(database: SystemOfRecord, **rows: Entry) -> None:
    """Write ``rows`` in one transaction."""
    with database.transaction(soon()) as transaction:
        keys = {name.encode(): row for name, row in rows.items()}
        transaction.rows(list(keys))
        transaction.write(keys)


def _io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error
