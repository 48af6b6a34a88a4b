"""Faults of the database: SQLite itself refuses, waits or cannot be found (see ``hindrance``)."""

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
from cachedesk.stores.files.impairment import Hindrance
from cachedesk.stores.sqlite.foreign import locked

_SLOW_SECONDS = 0.2


class Hindered(Protocol):
    """The database, as its faults see it."""

    path: Path
    hindrance: Hindrance


class DatabaseLock(Fault):
    """A second connection holds SQLite's write lock."""

    name, title, lasting = "database.lock", "lock the database (a second writer holds it)", True

    def __init__(self, database: Hindered) -> None:
        self._database = database
        self._holder: sqlite3.Connection | None = None
        owns(self)

    def forked(self) -> None:
        """Leave the connection open, which belongs to the parent process."""
        leave_open((self._holder,))

    def obstacle(self, argument: str = "") -> str:
        return "the database is gone" if self._database.hindrance.gone else ""

    def inject(self, argument: str = "") -> str:
        self._holder = locked(self._database.path)
        return "the database is locked by a second connection"

    def heal(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None


class _Hindering(Fault):
    """A fault that changes what is in the way of the database's own connections."""

    lasting = True

    def __init__(self, database: Hindered) -> None:
        self._database = database

    def inject(self, argument: str = "") -> str:
        hindrance, sentence = self._hinder(self._database.hindrance, argument)
        self._database.hindrance = hindrance
        return sentence

    def heal(self) -> None:
        now = self._database.hindrance
        healed = self._free(now)
        # Another value would have the writer opened anew.
        if healed != now:
            self._database.hindrance = healed

    @abstractmethod
    def _hinder(self, hindrance: Hindrance, argument: str) -> tuple[Hindrance, str]:
        """Return ``hindrance`` with this fault, and a sentence that says what it does."""

    @abstractmethod
    def _free(self, hindrance: Hindrance) -> Hindrance:
        """Return ``hindrance`` without this fault."""


class DatabaseGone(_Hindering):
    """The file cannot be found: what reads or writes it fails to open it."""

    name, title = "database.gone", "take the database away: it can be neither read nor written"

    def _hinder(self, hindrance: Hindrance, argument: str) -> tuple[Hindrance, str]:
        return replace(hindrance, gone=True), "the database is gone; SQLite cannot open it"

    def _free(self, hindrance: Hindrance) -> Hindrance:
        return replace(hindrance, gone=False)


class DatabaseFull(_Hindering):
    """SQLite says "database or disk is full" to every write."""

    name, title = "database.full", "fill the disk under the database: every write is refused"

    def _hinder(self, hindrance: Hindrance, argument: str) -> tuple[Hindrance, str]:
        return replace(hindrance, full=True), "the disk under the database is full, SQLite finds"

    def _free(self, hindrance: Hindrance) -> Hindrance:
        return replace(hindrance, full=False)


class DatabaseReadonly(_Hindering):
    """SQLite says "attempt to write a readonly database" to every write."""

    name, title = "database.readonly", "open the database read-only: every write is refused"

    def _hinder(self, hindrance: Hindrance, argument: str) -> tuple[Hindrance, str]:
        return replace(hindrance, readonly=True), "the database can only be read"

    def _free(self, hindrance: Hindrance) -> Hindrance:
        return replace(hindrance, readonly=False)


class DatabaseSlow(_Hindering):
    """Each transaction and each read of a row takes longer, as on a remote database."""

    name, title = "database.slow", "slow the database down by 200 ms an answer, or as you say"
    argument = "a time, like 50ms or 2s"

    def __init__(self, database: Hindered, patience_seconds: float) -> None:
        super().__init__(database)
        self._patience_seconds = patience_seconds

    @classmethod
    def check(cls, argument: str) -> None:
        if argument and not as_seconds(argument):
            raise ConfigError(f"the fault {cls.name}: {argument!r} is not a time; write 50ms or 2s")

    def _hinder(self, hindrance: Hindrance, argument: str) -> tuple[Hindrance, str]:
        seconds = as_seconds(argument) if argument else _SLOW_SECONDS
        slow = replace(hindrance, latency_seconds=seconds, patience_seconds=self._patience_seconds)
        return slow, f"each call of the database takes {span(seconds)} longer"

    def _free(self, hindrance: Hindrance) -> Hindrance:
        return replace(hindrance, latency_seconds=0.0, patience_seconds=0.0)


KINDS: tuple[type[Fault], ...] = (
    DatabaseLock,
    DatabaseFull,
    DatabaseReadonly,
    DatabaseSlow,
    DatabaseGone,
)


def faults_of(database: Hindered, patience_seconds: float) -> tuple[Fault, ...]:
    """Return one of each of ``KINDS``.

    Args:
        database: what they break.
        patience_seconds: how long a write waits for it.
    """
    return (
        DatabaseLock(database),
        DatabaseFull(database),
        DatabaseReadonly(database),
        DatabaseSlow(database, patience_seconds),
        DatabaseGone(database),
    )
