"""Faults of the database: SQLite refuses, is slow, or cannot open it (see ``impairment``)."""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cachedesk.core.errors import ConfigError
from cachedesk.core.fault import Fault, as_seconds
from cachedesk.core.forking import owns
from cachedesk.core.wording import span
from cachedesk.stores.files.connections import leave_open
from cachedesk.stores.files.impairment import Impairment
from cachedesk.stores.sqlite.foreign import locked

_SLOW_SECONDS = 0.2


class Impairable(Protocol):
    """The database, as its faults see it."""

    path: Path
    impairment: Impairment


class DatabaseLock(Fault):
    """A second connection holds SQLite's write lock."""

    name, title, lasting = "database.lock", "lock the database (a second writer holds it)", True

    def __init__(self, database: Impairable) -> None:
        self._database = database
        self._holder: sqlite3.Connection | None = None
        owns(self)

    def forked(self) -> None:
        """Leave the connection, which belongs to the parent process, open."""
        leave_open((self._holder,))

    def obstacle(self, argument: str = "") -> str:
        return "the database is gone" if self._database.impairment.gone else ""

    def inject(self, argument: str = "") -> str:
        self._holder = locked(self._database.path)
        return "the database is locked by a second connection"

    def heal(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None


class _Impairing(Fault):
    """A fault that impairs the database's own connections."""

    lasting = True

    def __init__(self, database: Impairable) -> None:
        self._database = database

    def inject(self, argument: str = "") -> str:
        impairment, sentence = self._impair(self._database.impairment, argument)
        self._database.impairment = impairment
        return sentence

    def heal(self) -> None:
        now = self._database.impairment
        healed = self._restore(now)
        # Assigning another object would reopen the writer.
        if healed != now:
            self._database.impairment = healed

    @abstractmethod
    def _impair(self, impairment: Impairment, argument: str) -> tuple[Impairment, str]:
        """Return ``impairment`` with this fault, and a sentence that describes it."""

    @abstractmethod
    def _restore(self, impairment: Impairment) -> Impairment:
        """Return ``impairment`` without this fault."""


class DatabaseGone(_Impairing):
    """The file cannot be opened, neither to read nor to write."""

    name, title = "database.gone", "take the database away: it can be neither read nor written"

    def _impair(self, impairment: Impairment, argument: str) -> tuple[Impairment, str]:
        return replace(impairment, gone=True), "the database is gone; SQLite cannot open it"

    def _restore(self, impairment: Impairment) -> Impairment:
        return replace(impairment, gone=False)


class DatabaseFull(_Impairing):
    """SQLite refuses every write with "database or disk is full"."""

    name, title = "database.full", "fill the disk under the database: every write is refused"

    def _impair(self, impairment: Impairment, argument: str) -> tuple[Impairment, str]:
        return replace(impairment, full=True), "the disk under the database is full, SQLite finds"

    def _restore(self, impairment: Impairment) -> Impairment:
        return replace(impairment, full=False)


class DatabaseReadonly(_Impairing):
    """SQLite refuses every write with "attempt to write a readonly database"."""

    name, title = "database.readonly", "open the database read-only: every write is refused"

    def _impair(self, impairment: Impairment, argument: str) -> tuple[Impairment, str]:
        return replace(impairment, readonly=True), "the database can only be read"

    def _restore(self, impairment: Impairment) -> Impairment:
        return replace(impairment, readonly=False)


class DatabaseSlow(_Impairing):
    """Each transaction and each read of a row takes longer, as on a remote database."""

    name, title = "database.slow", "slow the database down by 200 ms an answer, or as you say"
    argument = "a time, like 50ms or 2s"

    def __init__(self, database: Impairable, patience_seconds: float) -> None:
        super().__init__(database)
        self._patience_seconds = patience_seconds

    @classmethod
    def check(cls, argument: str) -> None:
        if argument and not as_seconds(argument):
            raise ConfigError(f"the fault {cls.name}: {argument!r} is not a time; write 50ms or 2s")

    def _impair(self, impairment: Impairment, argument: str) -> tuple[Impairment, str]:
        seconds = as_seconds(argument) if argument else _SLOW_SECONDS
        slow = replace(impairment, latency_seconds=seconds, patience_seconds=self._patience_seconds)
        return slow, f"each call of the database takes {span(seconds)} longer"

    def _restore(self, impairment: Impairment) -> Impairment:
        return replace(impairment, latency_seconds=0.0, patience_seconds=0.0)


KINDS: tuple[type[Fault], ...] = (
    DatabaseLock,
    DatabaseFull,
    DatabaseReadonly,
    DatabaseSlow,
    DatabaseGone,
)


def faults_of(database: Impairable, patience_seconds: float) -> tuple[Fault, ...]:
    """Return one fault of each of ``KINDS``.

    Args:
        database: the database that they break.
        patience_seconds: how long a write waits for it.
    """
    return (
        DatabaseLock(database),
        DatabaseFull(database),
        DatabaseReadonly(database),
        DatabaseSlow(database, patience_seconds),
        DatabaseGone(database),
    )
