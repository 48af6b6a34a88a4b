"""A write transaction: what may be done inside it, and how rows are read, in it or outside."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ParamSpec, TypeVar, cast

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import DatabaseRefused, DatabaseUndone
from cachedesk.core.events import ABSENT, Entry, Refusal
from cachedesk.stores.sqlite import dead_letters
from cachedesk.stores.sqlite.refusal import WRITE_ROW, explained

P = ParamSpec("P")
T = TypeVar("T")

OLD_TOMBSTONES = "SELECT rowid FROM rows WHERE value IS NULL AND seq <= ? LIMIT ?"

_ROWS_PER_TRIM = 1_000
_KEYS_PER_SELECT = 512
_SAVEPOINT = "one_row"


def _translated(method: Callable[P, T]) -> Callable[P, T]:
    """Have ``method`` raise the errors of ``core.errors`` instead of SQLite's."""

    @functools.wraps(method)
    def translated(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return method(*arguments, **named)
        except sqlite3.Error as error:
            transaction = cast("Transaction", arguments[0])
            raise explained(error, transaction.connection) from error

    return translated


class Transaction:
    """What may be done inside one write transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._found: dict[bytes, Entry] = {}

    @_translated
    def rows(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; a key without a row is not in the result."""
        rows = selected(self.connection, keys)
        self._found |= rows
        return rows

    @_translated
    def write(self, rows: Mapping[bytes, Entry]) -> None:
        """Insert or replace ``rows``, of keys that were read by ``rows`` before: that is how the
        number of live rows stays exact without counting them."""
        self._write(rows)

    def _write(self, rows: Mapping[bytes, Entry]) -> None:
        now = wall_seconds()
        found = self._found
        change = sum(
            (row.value is not None) - (found.get(key, ABSENT).value is not None)
            for key, row in rows.items()
        )
        if change:
            self.connection.execute(
                "UPDATE meta SET number=number+? WHERE name='live_rows'", (change,)
            )
        cursor = self.connection.executemany(
            WRITE_ROW, [(key, row.value, row.seq, now) for key, row in rows.items()]
        )
        if rows and cursor.rowcount != len(rows):
            raise sqlite3.IntegrityError("a trigger of the database ignores the write")

    @_translated
    def write_one(self, key: bytes, row: Entry) -> None:
        """As ``write`` for one row; when it fails, the rest of the transaction stays.

        Raises:
            DatabaseRefused: the database refuses this row.
            DatabaseUndone: it refuses it, and took back the whole transaction.
        """
        with self._savepoint():
            self._write({key: row})
        self.connection.execute(f"RELEASE {_SAVEPOINT}")

    @_translated
    def rehearse_one(self, key: bytes, row: Entry) -> None:
        """Write a row and take it back, in a transaction that is never committed.

        Raises:
            DatabaseRefused: the database refuses this row.
        """
        try:
            with self._savepoint():
                self._write({key: row})
            self._take_back()
        except DatabaseUndone:
            self.connection.execute("BEGIN IMMEDIATE")
            raise

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        connection = self.connection
        connection.execute(f"SAVEPOINT {_SAVEPOINT}")
        try:
            yield
        except sqlite3.Error as error:
            said = explained(error, connection)
            if connection.in_transaction:
                self._take_back()
            elif isinstance(said, DatabaseRefused):
                # Whatever is written from here on would be committed by itself.
                raise DatabaseUndone(str(said)) from error
            raise said from error
        except Exception:
            self._take_back()
            raise

    def _take_back(self) -> None:
        self.connection.execute(f"ROLLBACK TO {_SAVEPOINT}")
        self.connection.execute(f"RELEASE {_SAVEPOINT}")

    @_translated
    def bury(self, refusals: Iterable[Refusal]) -> None:
        """Keep events that cannot be applied as dead letters, with the reason."""
        dead_letters.bury(self.connection, refusals)

    @_translated
    def attempts(self, seqs: Sequence[int]) -> dict[int, int]:
        """Return how often each of these events was refused; not in it: never."""
        return dead_letters.attempts(self.connection, seqs)

    @_translated
    def count_attempts(self, attempts: Mapping[int, int]) -> None:
        """Keep how often events were refused."""
        dead_letters.count_attempts(self.connection, attempts)

    @_translated
    def forget_attempts(self, through_seq: int) -> None:
        """Forget the refusals of events up to ``through_seq``, which were all decided."""
        dead_letters.forget_attempts(self.connection, through_seq)

    @_translated
    def remove_letter(self, seq: int) -> bool:
        """Take the dead letter ``seq`` away; return whether there was one."""
        return dead_letters.remove(self.connection, seq)

    @_translated
    def drop_tombstones(self, through_seq: int) -> int:
        """Delete up to 1,000 tombstones whose seq is not above ``through_seq``."""
        cursor = self.connection.execute(
            f"DELETE FROM rows WHERE rowid IN ({OLD_TOMBSTONES})", (through_seq, _ROWS_PER_TRIM)
        )
        return cursor.rowcount

    @_translated
    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters from ``first_seq`` to ``last_seq``."""
        return dead_letters.between(self.connection, first_seq, last_seq)

    @_translated
    def note(self, name: str, number: int) -> None:
        """Keep a number under ``name``, unless it was higher, as part of this transaction."""
        self.connection.execute(
            "INSERT INTO meta (name, number) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET number=max(number, excluded.number)",
            (name, number),
        )


def selected(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Entry]:
    """Return the rows of ``keys``; a key without a row is not in the result."""
    rows: dict[bytes, Entry] = {}
    for start in range(0, len(keys), _KEYS_PER_SELECT):
        some: Sequence[bytes | None] = keys[start : start + _KEYS_PER_SELECT]
        # Filled up, so that there are few different statements: to compile one takes longer than
        # to look for nothing.
        places = 1 << (len(some) - 1).bit_length()
        marks = ",".join("?" * places)
        found = connection.execute(
            f"SELECT key, value, seq FROM rows WHERE key IN ({marks})",
            (*some, *[None] * (places - len(some))),
        )
        for key, value, seq in found:
            rows[key] = Entry(value, seq)
    return rows
