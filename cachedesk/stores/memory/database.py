"""A system of record in memory: dictionaries that change in whole transactions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from cachedesk.core.capabilities import ForeignWrite
from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import DatabaseBusy, DatabaseError, DatabaseUncertain, Unavailable
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.fault import Fault
from cachedesk.core.rehearsals import Rehearsals
from cachedesk.core.snapshot import DatabaseState, Health
from cachedesk.stores.memory.transaction import Contents, Refuses, Transaction

T = TypeVar("T")

_ROWS_PER_TRIM = 1_000
_FOREIGN_SECONDS = 5.0


class InMemoryDatabase(Rehearsals[Transaction]):
    """A ``SystemOfRecord`` in dictionaries. Committed data is kept when it is closed, or when its
    stack crashes, and is there again when it is opened. Thread-safe: any number of readers of
    committed data, one writer at a time.

    ``down``: set it to make every call fail, as with a database that does not answer.
    ``read_only``: set it to refuse every commit that changes anything. ``refuses``: a function of
    a key and a value that returns why such a row is refused, as a constraint would, or an empty
    text; ``undoing``: whether such a refusal rolls back the whole transaction.
    """

    name = location = "the database in memory"
    opening_counts = True

    def __init__(self, refuses: Refuses | None = None) -> None:
        """Create an empty database; it is closed until ``open``."""
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
        """Make the next commit fail with an unknown outcome.

        Args:
            done: whether the commit took effect all the same.
        """
        self._failing.append(done)

    def read(self, key: bytes) -> Entry:
        """Return the row of ``key``, ``ABSENT`` if there is none; raises ``DatabaseError`` if it is
        down or closed."""
        return self._seen(lambda contents: contents.rows.get(key, ABSENT))

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; keys without a row are left out. Errors as for ``read``."""
        return self._seen(lambda contents: contents.rows_of(keys))

    peek = read_many

    def scan(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield all rows as of one moment, sorted by the keys' bytes; errors as for ``read``."""
        yield from self._seen(lambda contents: sorted(contents.rows.items()))

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """Return up to ``most`` keys of rows above ``key``, in order; errors as for ``read``."""
        return self._seen(lambda contents: sorted(it for it in contents.rows if it > key)[:most])

    def numbers(self) -> dict[str, int]:
        """Return the numbers stored by ``note``; errors as for ``read``."""
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

    def expiring(self, most: int, after: float = 0.0) -> list[tuple[bytes, float]]:
        """Return up to ``most`` keys and deadlines, the earliest first; errors as for ``read``."""
        found = self._seen(
            lambda contents: [
                (key, row.expires_at)
                for key, row in contents.rows.items()
                if row.expires_at is not None and row.expires_at > after
            ]
        )
        return sorted(found, key=lambda it: it[1])[:most]

    def state(self) -> DatabaseState:
        """Return its state, for a snapshot."""
        try:
            rows, _ = self.count()
        except DatabaseError:
            return DatabaseState(Health.DOWN, "not readable")
        return DatabaseState(Health.UP, "up", rows)

    def trim(self, through_seq: int, deadline: float) -> int:
        """Delete up to 1,000 tombstones up to ``through_seq``; return how many. Errors as for
        ``transaction``."""
        with self.transaction(deadline) as transaction:
            return transaction.drop_tombstones(through_seq, _ROWS_PER_TRIM)

    @contextmanager
    def transaction(self, deadline: float) -> Iterator[Transaction]:
        """Run a write transaction; it is committed when the block ends.

        Args:
            deadline: ``time.monotonic()`` seconds by which its lock must be acquired.

        Raises:
            DatabaseBusy: another transaction held the lock; nothing was changed.
            DatabaseUncertain: ``fail_commit`` was called.
            DatabaseRefused: from ``write``: ``refuses`` gave a reason; nothing was changed.
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
        """Return none: tests set ``down``, ``read_only`` or ``refuses`` instead."""
        return ()

    def close(self) -> None:
        """Close it, after the current transaction has ended; the data is kept."""
        self._is_open = False
        with self._writing:
            pass

    def crash(self) -> None:
        """Simulate the death of the process: the current transaction is never committed."""
        with self._lock:
            self._is_open = False

    def _commit(self, transaction: Transaction) -> None:
        changes = transaction.changes
        with self._lock:
            # Checked again: ``crash`` may have been called during the transaction.
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
