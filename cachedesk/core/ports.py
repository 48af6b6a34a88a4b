"""The ports of the stores: what the engine asks of a cache, a log and a system of record.

A store implements one of these protocols and knows no other store. The engine numbers writes and
keeps the index of pending events and the locks of keys; a store keeps bytes. Errors are those of
``errors``; a store never lets an exception of its own library escape.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from cachedesk.core.cache_stats import CacheStats
from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Entry, Refusal, WriteEvent
from cachedesk.core.fault import Fault
from cachedesk.core.snapshot import DatabaseState, RedisState
from cachedesk.core.watermarks import Watermarks

Truths = Callable[[Sequence[bytes]], Mapping[bytes, Entry]]
"""Returns the true entry of each key, absent if it has expired; raises ``DatabaseError``."""


CACHEABLE_BYTES = 1024 * 1024
"""A longer value is not cached; it is read from the system of record each time."""


class Store(Protocol):
    """The methods that every store has. Optional ones are in ``capabilities``."""

    @property
    def name(self) -> str:
        """The name of the engine, for messages and screens."""
        ...

    def faults(self) -> Sequence[Fault]:
        """Return one fault of each kind that can be injected into it, in the order in which they
        must be healed."""
        ...

    def close(self) -> None:
        """Close all open resources. A second call does nothing."""
        ...


class CacheStore(Store, Protocol):
    """A cache. It may drop any key at any time, and never returns a value older than the last
    ``put`` or ``distrust`` of the key that returned. Thread-safe."""

    def start(self, truths: Truths) -> None:
        """Begin to serve; before that, nothing is trusted. Returns when the cache is trusted, or
        when it is clear that this will take long.

        Args:
            truths: returns the true entries, to compare what the cache already holds with.
        """
        ...

    @property
    def trusted(self) -> bool:
        """Whether it is trusted, and used, at this moment."""
        ...

    @property
    def trust_number(self) -> int | None:
        """The number of the present trust: it stays the same while the cache is trusted without
        interruption, and is another one afterwards; ``None`` while it is not trusted."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """Return the cached value, or ``None`` if the key is certainly not cached.

        Raises:
            CacheError: there is no reliable answer.
        """
        ...

    def get_at_once(self, *keys: bytes) -> list[bytes | None]:
        """Like ``get_many``, and safe where a signal handler may raise: it takes no lock, and never
        reuses a connection on which a call was interrupted by an exception. Raises ``CacheError``
        if there is no reliable answer, or it would have to wait for a connection."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the cached values of ``keys`` in their order; errors as for ``get``."""
        ...

    def put(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        """Store the values of ``entries`` until they expire (``None``: drop the key), and return
        the keys that the cache did not store. Never raises: a key whose outcome is unknown is
        not read again before it was dropped."""
        ...

    def distrust(self, keys: Iterable[bytes], reason: str) -> None:
        """Do not read ``keys`` again until they were dropped; ``()``: do not read until the store
        has made sure again that what it holds is current; it may keep its values."""
        ...

    def evict(self, pattern: bytes | str) -> int:
        """Drop the keys that match a shell-style pattern; return how many. Raises ``Unavailable``
        if the cache does not answer."""
        ...

    def expires_in(self, key: bytes) -> float | None:
        """Return the seconds until the cached ``key`` expires, ``None`` if it does not expire;
        errors as for ``get``."""
        ...

    def stats(self) -> CacheStats:
        """Return the size of the cache and its limits; errors as for ``get``."""
        ...

    def evict_matching(self, pattern: str) -> int:
        """Like ``evict``, for a pattern that a user typed; ``ConfigError`` if it is invalid."""
        ...

    def evict_share(self, share: float) -> tuple[int, int]:
        """Drop a share of all keys, chosen at random; return the number dropped and the number
        before. Errors as for ``evict``; ``ConfigError`` unless 0 < ``share`` ≤ 1."""
        ...

    def evict_key(self, key: bytes) -> bool:
        """Drop one key; return whether it was there; errors as for ``evict``."""
        ...

    def evict_all(self) -> int:
        """Drop every key; return how many there were; errors as for ``evict``."""
        ...

    def state(self) -> RedisState:
        """Return the state of the cache, for a snapshot."""
        ...

    def sample(self, most: int) -> list[bytes]:
        """Return up to ``most`` different random keys; errors as for ``get``."""
        ...


class EventLog(Store, Protocol):
    """A durable log of write events, in the order of their seqs: one writer, one reader.

    The events of one ``append`` form a record, which is made durable, read and acked as a whole.
    The engine (``Backlog``) keeps track of which events the reader may see, how many are waiting
    and how old they are.
    """

    @property
    def epoch(self) -> int:
        """A random number that identifies this log."""
        ...

    @property
    def watermarks(self) -> Watermarks:
        """The watermarks of the log, which are kept outside it."""
        ...

    def recover(self, applied_through: int) -> list[tuple[list[WriteEvent], float]]:
        """Return all records, oldest first, each with its age in seconds. Called once, before
        anything else.

        Args:
            applied_through: the newest seq of this log that the database has applied.

        Raises:
            Damaged: a record is damaged or belongs to another log, or events are missing.
        """
        ...

    @property
    def failed(self) -> bool:
        """Whether a commit failed, so that the log takes no events until ``mending`` succeeds."""
        ...

    @property
    def obstacle(self) -> str:
        """Why it takes no writes now, in a word or two; empty if it does."""
        ...

    @property
    def bytes(self) -> int:
        """The size of its files in bytes."""
        ...

    def append(self, events: Sequence[WriteEvent]) -> None:
        """Make ``events`` durable, all of them or none.

        Raises:
            Unavailable: nothing was written.
            OutcomeUnknown: the commit failed; all of them are in the log, or none.
        """
        ...

    def read(self, after_seq: int, through_seq: int, most_events: int) -> tuple[WriteEvent, ...]:
        """Return the events after ``after_seq``, in whole records, up to the record that reaches
        ``most_events`` or ends above ``through_seq``.

        Raises:
            Damaged: a record is damaged.
            Unavailable: the log cannot be read.
        """
        ...

    def ackable(self, through_seq: int) -> int:
        """Return the last seq that ``ack`` would delete, because records are acked whole; 0 if
        there is none."""
        ...

    def ack(self, through_seq: int) -> int:
        """Delete the records that end at or below ``through_seq``; return the last seq deleted, 0
        if there is none.

        Raises:
            Unavailable: the log cannot be written; the events will be read again.
        """
        ...

    def events(self) -> list[WriteEvent]:
        """Read all events that were not acked, oldest first. Raises ``Unavailable`` if the log
        cannot be read."""
        ...

    def stray_records(self, after_seq: int) -> list[list[WriteEvent]]:
        """Return the records that an append of unknown outcome has left after ``after_seq``, and
        read them from now on. Raises ``Unavailable`` if the log cannot be read; ``mending`` may
        help."""
        ...

    def mending(self) -> AbstractContextManager[int]:
        """Settle what a failed commit left; at the end of the block the log takes events again.
        The block gets the seq up to which the log turned out to be acked, 0 if that did not change.
        Raises ``Unavailable`` if the disk still fails."""
        ...


class RecordTransaction(Protocol):
    """The operations inside one write transaction of the system of record.

    Each method raises ``DatabaseRefused`` if the data itself cannot be written, and another
    ``DatabaseError`` for every other failure.
    """

    def rows(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; a key without a row is not in the result."""
        ...

    def write(self, rows: Mapping[bytes, Entry]) -> None:
        """Insert or replace ``rows``; their keys must have been read by ``rows`` before."""
        ...

    def write_one(self, key: bytes, row: Entry) -> None:
        """Like ``write``, for one row. If it is refused, the rest of the transaction stands;
        ``DatabaseUndone`` is raised if it does not."""
        ...

    def rehearse_one(self, key: bytes, row: Entry) -> None:
        """Write a row and undo it, in a ``rehearsal``."""
        ...

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters from ``first_seq`` to ``last_seq``."""
        ...

    def bury(self, refusals: Iterable[Refusal]) -> None:
        """Keep events that cannot be applied as dead letters, with the reason."""
        ...

    def remove_letter(self, seq: int) -> bool:
        """Remove the dead letter ``seq``; return whether there was one."""
        ...

    def attempts(self, seqs: Sequence[int]) -> dict[int, int]:
        """Return how often each of these events was refused; events never refused are left out."""
        ...

    def count_attempts(self, attempts: Mapping[int, int]) -> None:
        """Store how often events were refused."""
        ...

    def forget_attempts(self, through_seq: int) -> None:
        """Delete the refusal counts of events up to ``through_seq``, which are all decided."""
        ...

    def note(self, name: str, number: int) -> None:
        """Raise the number stored under ``name`` to ``number``, as part of the transaction; a
        higher one stays."""
        ...


class SystemOfRecord(Store, Protocol):
    """The database: rows, dead letters and numbers, changed in transactions. Thread-safe."""

    @property
    def location(self) -> str:
        """What a message calls it: a path, or a URL without a password."""
        ...

    def numbers(self) -> dict[str, int]:
        """Return the numbers stored by ``RecordTransaction.note``, including ``newest_seq``,
        ``log_seq`` and ``log_epoch``; errors as for ``read``. ``clock_ms``, if present: the
        time of the newest commit, in milliseconds since 1970."""
        ...

    @property
    def opening_counts(self) -> bool:
        """Whether this opening counts. It does not if the files continue from before, because
        another program has the database open too, or if it was created just now."""
        ...

    def read(self, key: bytes) -> Entry:
        """Return the row of ``key``, ``ABSENT`` if there is none.

        Raises:
            DatabaseError: it cannot be read.
        """
        ...

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; keys without a row are left out. Errors as for ``read``."""
        ...

    def peek(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Like ``read_many``, for observation: an injected fault does not slow it down."""
        ...

    def scan(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield all rows as of one moment, including tombstones, sorted by the keys' bytes."""
        ...

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """Return up to ``most`` keys of rows above ``key``, in order."""
        ...

    def expiring(self, most: int, after: float = 0.0) -> list[tuple[bytes, float]]:
        """Return up to ``most`` keys of rows with a deadline above ``after``, and the deadlines in
        seconds since 1970, the earliest first. Errors as for ``read``."""
        ...

    def letters(self, limit: int, after_seq: int = 0) -> list[DeadLetter]:
        """Return the oldest ``limit`` dead letters above ``after_seq``."""
        ...

    def letters_of(self, key: bytes, most: int) -> list[DeadLetter]:
        """Return the newest dead letters of ``key``, oldest first."""
        ...

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters from ``first_seq`` to ``last_seq``."""
        ...

    def dead_among(self, seqs: Sequence[int]) -> set[int]:
        """Return which of ``seqs`` are dead letters."""
        ...

    def state(self) -> DatabaseState:
        """Return the state of the database, for a snapshot."""
        ...

    def count(self) -> tuple[int, int]:
        """Return the numbers of live rows and of dead letters."""
        ...

    def trim(self, through_seq: int, deadline: float) -> int:
        """Delete a bounded number of tombstones up to ``through_seq``; return how many."""
        ...

    def transaction(self, deadline: float) -> AbstractContextManager[RecordTransaction]:
        """Run a write transaction; it is committed, durably, when the block ends.

        Args:
            deadline: ``time.monotonic()`` seconds by which the write lock must be acquired.

        Raises:
            DatabaseBusy: the lock was not acquired in time; nothing was changed.
            DatabaseUncertain: the commit failed; it is unknown whether it took effect.
            DatabaseRefused: the data itself is refused, and would be again; nothing was changed.
            DatabaseError: any other failure; nothing was changed.
        """
        ...

    def rehearsal(self, deadline: float) -> AbstractContextManager[RecordTransaction]:
        """Like ``transaction``, but the end of the block rolls it back."""
        ...

    def rehearse(self, rows: Mapping[bytes, Entry], deadline: float) -> None:
        """Write ``rows`` and roll back; raises what ``transaction`` would."""
        ...
