"""A system of record in memory: dictionaries that change by whole transactions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from cachedesk.core.capabilities import ForeignWrite
from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import DatabaseBusy, DatabaseError, DatabaseUncertain, Unavailable
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.fault import Fault
from cachedesk.core.snapshot import DatabaseState, Health
from cachedesk.stores.memory.transaction import Contents, Refuses, Transaction

T = TypeVar("T")

_ROWS_PER_TRIM = 1_000
_FOREIGN_SECONDS = 5.0


class _Rehearsed(Exception):
    """What was tried is taken back."""


class InMemoryDatabase:
    """A ``SystemOfRecord`` in dictionaries. What was committed is kept when it is closed, or when
    its stack crashes, and is there again when it is opened. Thread-safe: any number of readers of
    what is committed, one writer at a time.

    ``down``: set it to have every call fail, as with a database that does not answer.
    ``read_only``: set it to have every commit that changes anything refused. ``refuses``: a
    function of a key and a value that returns why a row may not be so, as a constraint would, or
    an empty text; ``undoing``: whether such a refusal takes the whole transaction back.
    """

    name = location = "the database in memory"
    opening_counts = True

    def __init__(self, refuses: Refuses | None = None) -> None:
        """Make an empty database; closed until ``open``."""
        self.refuses = refuses
        self.down = self.read_only = self.undoing = False
        self._contents = Contents()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._failing: list[bool] = []
        self._is_open = False

    def open(self) -> None:
        """Open it."""
        self._failing.clear()
        self._is_open = True

    def fail_commit(self, *, done: bool) -> None:
        """Have the next commit fail with an unknown outcome.

        Args:
            done: whether it turns out that it was done.
        """
        self._failing.append(done)

    def read(self, key: bytes) -> Entry:
        """Return the row of ``key``, ``ABSENT`` when there is none; ``DatabaseError``: it is down
        or closed."""
        return self._seen(lambda contents: contents.rows.get(key, ABSENT))

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``, without those that have none; errors as for ``read``."""
        return self._seen(lambda contents: contents.rows_of(keys))

    peek = read_many

    def scan(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield all rows of one instant, sorted by the keys' bytes; errors as for ``read``."""
        yield from self._seen(lambda contents: sorted(contents.rows.items()))

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """Return up to ``most`` keys of rows above ``key``, in order; errors as for ``read``."""
        return self._seen(lambda contents: sorted(it for it in contents.rows if it > key)[:most])

    def numbers(self) -> dict[str, int]:
        """Return the numbers kept by ``note``; errors as for ``read``."""
        return self._seen(lambda contents: dict(contents.numbers))

    def count(self) -> tuple[int, int]:
        """Return the numbers of live rows and of dead letters; errors as for ``read``."""
        return self._seen(lambda contents: (contents.live_rows, len(contents.dead)))

    def letters(self, limit: int, after_seq: int = 0) -> list[DeadLetter]:
        """Return the oldest ``limit`` dead letters above ``after_seq``; errors as for ``read``."""
        return self._seen(
            lambda contents: [
                contents.dead[seq] for seq in sorted(contents.dead) if seq > after_seq
            ][:limit]
        )

    def letters_of(self, key: bytes, most: int) -> list[DeadLetter]:
        """Return the newest dead letters of ``key``, oldest first; errors as for ``read``."""
        return self._seen(lambda contents: contents.letters_of(key, most))

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters in a range; errors as for ``read``."""
        return self._seen(lambda contents: contents.dead_between(first_seq, last_seq))

    def dead_among(self, seqs: Sequence[int]) -> set[int]:
        """Return which of ``seqs`` are dead letters; errors as for ``read``."""
        return self._seen(lambda contents: contents.dead.keys() & set(seqs))

    def state(self) -> DatabaseState:
        """Return how it is, for a snapshot."""
        try:
            rows, _ = self.count()
        except DatabaseError:
            return DatabaseState(Health.DOWN, "not readable")
        return DatabaseState(Health.UP, "up", rows)

    def trim(self, through_seq: int, deadline: float) -> int:
        """Drop up to 1,000 tombstones up to ``through_seq``; return how many. Errors as for
        ``transaction``."""
        with self.transaction(deadline) as transaction:
            return transaction.drop_tombstones(through_seq, _ROWS_PER_TRIM)

    def rehearse(self, rows: Mapping[bytes, Entry], deadline: float) -> None:
        """Write ``rows`` and take it back; raises what ``transaction`` would."""
        with self.rehearsal(deadline) as transaction:
            transaction.rows(list(rows))
            transaction.write(rows)

    @contextmanager
    def rehearsal(self, deadline: float) -> Iterator[Transaction]:
        """As ``transaction``, but the end of the block takes all of it back."""
        with suppress(_Rehearsed), self.transaction(deadline) as transaction:
            yield transaction
            raise _Rehearsed

    @contextmanager
    def transaction(self, deadline: float) -> Iterator[Transaction]:
        """Run a write transaction; it is committed when the block ends.

        Args:
            deadline: ``time.monotonic()`` seconds by which its lock must have been had.

        Raises:
            DatabaseBusy: another transaction held the lock; nothing was changed.
            DatabaseUncertain: ``fail_commit`` said so.
            DatabaseRefused: from ``write``: ``refuses`` said so; nothing was changed.
            DatabaseError: it is down, read-only or closed; nothing was changed.
        """
        if not self._writing.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise DatabaseBusy(f"{self.name} is busy with another write")
        try:
            self._check()
            transaction = Transaction(self._contents, self._refusal, undoing=self.undoing)
            yield transaction
            self._commit(transaction)
        finally:
            self._writing.release()

    @contextmanager
    def foreign_write(self) -> Iterator[ForeignWrite]:
        """See ``ForeignWritable.foreign_write``."""
        try:
            with self.transaction(time.monotonic() + _FOREIGN_SECONDS) as transaction:
                yield transaction.overwrite
        except DatabaseError as error:
            raise Unavailable(f"the database does not take the write: {error}") from error

    def faults(self) -> Sequence[Fault]:
        """Return none: a test sets ``down``, ``read_only`` or ``refuses``."""
        return ()

    def close(self) -> None:
        """Close it, once the transaction under way has ended; what it holds is kept."""
        self._is_open = False
        with self._writing:
            pass

    def crash(self) -> None:
        """As the death of the process: what is not committed now never will be."""
        with self._lock:
            self._is_open = False

    def _commit(self, transaction: Transaction) -> None:
        changes = transaction.changes
        with self._lock:
            # Not only earlier: the process may have died in the middle of the transaction.
            self._check()
            if self.read_only and changes:
                raise DatabaseError(f"{self.name} refused a write: it can only be read")
            failing, done = bool(self._failing), not self._failing or self._failing.pop(0)
            if done:
                changes.apply(self._contents)
        if failing:
            raise DatabaseUncertain(f"{self.name} failed in a commit")

    def _seen(self, look: Callable[[Contents], T]) -> T:
        with self._lock:
            self._check()
            return look(self._contents)

    def _refusal(self, key: bytes, value: bytes | None) -> str:
        return self.refuses(key, value) if self.refuses is not None else ""

    def _check(self) -> None:
        if not self._is_open:
            raise DatabaseError(f"{self.name} is closed")
        if self.down:
            raise DatabaseError(f"{self.name} does not answer")
