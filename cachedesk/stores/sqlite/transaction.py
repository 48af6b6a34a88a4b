"""Write transactions, and reading rows inside or outside of one."""

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
    """Make ``method`` raise the errors of ``core.errors`` instead of those of SQLite."""

    @functools.wraps(method)
    def translated(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return method(*arguments, **named)
        except sqlite3.Error as error:
            transaction = cast("Transaction", arguments[0])
            raise explained(error, transaction.connection) from error

    return translated


class Transaction:
    """The operations inside one write transaction: see ``RecordTransaction``."""

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
        """Insert or replace ``rows``. Their keys must have been read by ``rows`` before, which
        keeps the number of live rows exact without counting them."""
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
            WRITE_ROW, [(key, *row, now) for key, row in rows.items()]
        )
        if rows and cursor.rowcount != len(rows):
            raise sqlite3.IntegrityError("a trigger of the database ignores the write")

    @_translated
    def write_one(self, key: bytes, row: Entry) -> None:
        """Like ``write``, for one row; if it fails, the rest of the transaction stands.

        Raises:
            DatabaseRefused: the database refuses this row.
            DatabaseUndone: it refuses the row, and rolled back the whole transaction.
        """
        with self._savepoint():
            self._write({key: row})
        self.connection.execute(f"RELEASE {_SAVEPOINT}")

    @_translated
    def rehearse_one(self, key: bytes, row: Entry) -> None:
        """Write a row and undo it, in a transaction that is never committed.

        Raises:
            DatabaseRefused: the database refuses this row.
        """
        try:
            with self._savepoint():
                self._write({key: row})
            self._undo()
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
            translated = explained(error, connection)
            if connection.in_transaction:
                self._undo()
            elif isinstance(translated, DatabaseRefused):
                # Outside a transaction, every later write would be committed by itself.
                raise DatabaseUndone(str(translated)) from error
            raise translated from error
        except Exception:
            self._undo()
            raise

    def _undo(self) -> None:
        self.connection.execute(f"ROLLBACK TO {_SAVEPOINT}")
        self.connection.execute(f"RELEASE {_SAVEPOINT}")

    @_translated
    def bury(self, refusals: Iterable[Refusal]) -> None:
        """Store events that cannot be applied as dead letters, with the reason."""
        dead_letters.bury(self.connection, refusals)

    @_translated
    def attempts(self, seqs: Sequence[int]) -> dict[int, int]:
        """Return how often each of these events was refused; events never refused are left out."""
        return dead_letters.attempts(self.connection, seqs)

    @_translated
    def count_attempts(self, attempts: Mapping[int, int]) -> None:
        """Store how often events were refused."""
        dead_letters.count_attempts(self.connection, attempts)

    @_translated
    def forget_attempts(self, through_seq: int) -> None:
        """Delete the refusal counts of events up to ``through_seq``, which are all decided."""
        dead_letters.forget_attempts(self.connection, through_seq)

    @_translated
    def remove_letter(self, seq: int) -> bool:
        """Remove the dead letter ``seq``; return whether there was one."""
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
        """Raise the number stored under ``name`` to ``number``, as part of this transaction; a
        higher one stays."""
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
        # Padded with NULL, so that there are few different statements: compiling one takes longer
        # than looking up NULL keys.
        places = 1 << (len(some) - 1).bit_length()
        marks = ",".join("?" * places)
        found = connection.execute(
            f"SELECT key, value, seq, expires_at FROM rows WHERE key IN ({marks})",
            (*some, *[None] * (places - len(some))),
        )
        for key, *entry in found:
            rows[key] = Entry(*entry)
    return rows
