"""The ports of the stores: what the engine asks of a cache, a log and a system of record.

A store meets one of these protocols and knows no other store. The engine numbers writes, keeps
the index of what is pending and the locks of the keys; a store keeps bytes. Errors are those of
``errors``; a store lets no exception of its own library through.
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

Truths = Callable[[Sequence[bytes]], dict[bytes, bytes | None]]
"""Returns the true value of each key, ``None`` for an absent one; raises ``DatabaseError``."""


CACHEABLE_BYTES = 1024 * 1024
"""A longer value is never cached; it is read from the system of record each time."""


class Store(Protocol):
    """What every store has. What only some can do is in ``capabilities``."""

    @property
    def name(self) -> str:
        """The name of the engine, for messages and screens."""
        ...

    def faults(self) -> Sequence[Fault]:
        """Return one of each kind of fault that can be injected into it, in the order in which
        they are to be healed."""
        ...

    def close(self) -> None:
        """Close everything that is open. Closing twice is harmless."""
        ...


class CacheStore(Store, Protocol):
    """A cache: it may forget anything, and never shows a value older than the last ``put`` or
    ``distrust`` of its key that returned. Thread-safe."""

    def start(self, truths: Truths) -> None:
        """Begin to serve; before that, nothing is trusted. Returns when the cache is trusted, or
        when it turns out that this takes long.

        Args:
            truths: what anything that it holds already is compared with.
        """
        ...

    @property
    def trusted(self) -> bool:
        """Whether it is trusted, and used, just now."""
        ...

    @property
    def generation(self) -> int | None:
        """A number that stays the same while the cache is trusted without a break; ``None`` while
        it is not."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """Return the cached value, or ``None`` on a certain miss.

        Raises:
            CacheError: there is no certain answer.
        """
        ...

    def get_at_once(self, *keys: bytes) -> list[bytes | None]:
        """As ``get_many``, and safe where a signal handler may raise: it takes no lock, and never
        uses a connection again that an exception tore out of a call. ``CacheError``: no certain
        answer, or it would have to wait for a connection."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the cached values of ``keys`` in their order; errors as for ``get``."""
        ...

    def put(self, values: Mapping[bytes, bytes | None]) -> Collection[bytes]:
        """Make the cache hold ``values`` (``None``: drop the key), and return the keys that it
        did not take. Never raises: a key whose outcome is uncertain is not read again before it
        was dropped."""
        ...

    def distrust(self, keys: Iterable[bytes], reason: str) -> None:
        """Do not read ``keys`` again until they were dropped; ``()``: nothing until the cache was
        looked at anew."""
        ...

    def evict(self, pattern: bytes | str) -> int:
        """Drop the keys that match a shell-style pattern; return how many. ``Unavailable``: the
        cache does not answer."""
        ...

    def expires_in(self, key: bytes) -> float | None:
        """Return in how many seconds the cached ``key`` expires, ``None`` if it does not; errors
        as for ``get``."""
        ...

    def stats(self) -> CacheStats:
        """Return what the cache holds and may hold; errors as for ``get``."""
        ...

    def evict_matching(self, pattern: str) -> int:
        """As ``evict``, for a pattern that a user wrote; ``ConfigError``: it is no pattern."""
        ...

    def evict_share(self, share: float) -> tuple[int, int]:
        """Drop a share of all keys, chosen at random; return how many, and of how many. Errors as
        for ``evict``; ``ConfigError``: ``share`` is not above 0 and at most 1."""
        ...

    def evict_key(self, key: bytes) -> bool:
        """Drop one key; return whether it was there; errors as for ``evict``."""
        ...

    def evict_all(self) -> int:
        """Drop every key; return how many there were; errors as for ``evict``."""
        ...

    def state(self) -> RedisState:
        """Return how the cache is, for a snapshot."""
        ...

    def sample(self, most: int) -> list[bytes]:
        """Return up to ``most`` different keys at random; errors as for ``get``."""
        ...


class EventLog(Store, Protocol):
    """A durable log of write events, in the order of their seqs: one writer, one reader.

    What one ``append`` takes is a record: it is durable, read and acked as a whole. Which events
    the reader may see, how many wait and how old they are is kept by the engine (``Backlog``).
    """

    @property
    def epoch(self) -> int:
        """The number that tells this log from any other."""
        ...

    @property
    def watermarks(self) -> Watermarks:
        """What it, and the engine, remember of it outside of it."""
        ...

    def recover(self, applied_through: int) -> list[tuple[list[WriteEvent], float]]:
        """Return all records, oldest first, each with its age in seconds. Called once, before
        anything else.

        Args:
            applied_through: the newest seq of this log that the database says it has applied.

        Raises:
            Damaged: a record is damaged or of another log, or events are missing.
        """
        ...

    @property
    def failed(self) -> bool:
        """Whether a commit failed, so that the log takes nothing until it was mended."""
        ...

    @property
    def obstacle(self) -> str:
        """Why it takes no writes now, in a word or two; empty when it does."""
        ...

    @property
    def bytes(self) -> int:
        """The size of its files."""
        ...

    def append(self, events: Sequence[WriteEvent]) -> None:
        """Make ``events`` durable, all of them or none.

        Raises:
            Unavailable: nothing was written.
            OutcomeUnknown: the commit failed: they are in the log, or they are not.
        """
        ...

    def read(self, after_seq: int, through_seq: int, most_events: int) -> tuple[WriteEvent, ...]:
        """Return the events behind ``after_seq``, whole records, until they are ``most_events``
        or a record ends above ``through_seq``.

        Raises:
            Damaged: a record is damaged.
            Unavailable: there is no answer.
        """
        ...

    def ackable(self, through_seq: int) -> int:
        """Return the last seq that ``ack`` would forget: records are acked whole. 0: none."""
        ...

    def ack(self, through_seq: int) -> int:
        """Forget the records of which every event is at or below ``through_seq``; return the last
        seq of the last one, 0 when there is none.

        Raises:
            Unavailable: it cannot be written; they will be read again.
        """
        ...

    def events(self) -> list[WriteEvent]:
        """Return everything that was not acked, oldest first, read afresh. ``Unavailable``: it
        cannot be read."""
        ...

    def stray_records(self, after_seq: int) -> list[list[WriteEvent]]:
        """Return the records that an append of unknown outcome has left behind ``after_seq``, and
        read them from now on. ``Unavailable``: it cannot be read; ``mending`` may help."""
        ...

    def mending(self) -> AbstractContextManager[int]:
        """Settle what a failed commit left, in a block at whose end the log takes events again; it
        is given the seq up to which the log turned out to be acked, 0 when it did not change.
        ``Unavailable``: the disk still fails."""
        ...


class RecordTransaction(Protocol):
    """What may be done inside one write transaction of the system of record.

    Raises, in each method, ``DatabaseRefused`` for what the data itself makes impossible and
    another ``DatabaseError`` for everything else.
    """

    def rows(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; a key without a row is not in the result."""
        ...

    def write(self, rows: Mapping[bytes, Entry]) -> None:
        """Insert or replace ``rows``, of keys that were read by ``rows`` before."""
        ...

    def write_one(self, key: bytes, row: Entry) -> None:
        """As ``write`` for one row; if it is refused, the rest of the transaction stands.
        ``DatabaseUndone``: it does not."""
        ...

    def rehearse_one(self, key: bytes, row: Entry) -> None:
        """Write a row and take it back, in a ``rehearsal``."""
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
        """Return how often each of these events was refused; not in it: never."""
        ...

    def count_attempts(self, attempts: Mapping[int, int]) -> None:
        """Keep how often events were refused."""
        ...

    def forget_attempts(self, through_seq: int) -> None:
        """Forget the refusals of events up to ``through_seq``, which were all decided."""
        ...

    def note(self, name: str, number: int) -> None:
        """Keep a number under ``name``, unless it was higher, as part of the transaction."""
        ...


class SystemOfRecord(Store, Protocol):
    """The database: rows, dead letters and numbers, changed in transactions. Thread-safe."""

    @property
    def location(self) -> str:
        """What a message calls it: a path, or a URL without a password."""
        ...

    def numbers(self) -> dict[str, int]:
        """Return the numbers kept by ``RecordTransaction.note``, ``newest_seq``, ``log_seq`` and
        ``log_epoch`` among them; errors as for ``read``."""
        ...

    @property
    def opening_counts(self) -> bool:
        """Whether this opening of it is to be counted: not where its files go on from before,
        because another program has it open too, or it was made just now."""
        ...

    def read(self, key: bytes) -> Entry:
        """Return the row of ``key``, ``ABSENT`` when there is none.

        Raises:
            DatabaseError: there is no answer.
        """
        ...

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``, without those that have none; errors as for ``read``."""
        ...

    def peek(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """As ``read_many``, for observation: not slowed down by an injected fault."""
        ...

    def scan(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield all rows of one instant, tombstones included, sorted by the keys' bytes."""
        ...

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """Return up to ``most`` keys of rows above ``key``, in order."""
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
        """Return how the database is, for a snapshot."""
        ...

    def count(self) -> tuple[int, int]:
        """Return the numbers of live rows and of dead letters."""
        ...

    def trim(self, through_seq: int, deadline: float) -> int:
        """Drop a bounded number of tombstones up to ``through_seq``; return how many."""
        ...

    def transaction(self, deadline: float) -> AbstractContextManager[RecordTransaction]:
        """Run a write transaction; it is committed, durably, when the block ends.

        Args:
            deadline: ``time.monotonic()`` seconds by which the lock must have been had.

        Raises:
            DatabaseBusy: the lock could not be had; nothing was changed.
            DatabaseUncertain: the commit failed: it happened, or it did not.
            DatabaseRefused: the data itself is refused, and would be again; nothing was changed.
            DatabaseError: nothing was changed.
        """
        ...

    def rehearsal(self, deadline: float) -> AbstractContextManager[RecordTransaction]:
        """As ``transaction``, but the end of the block takes all of it back."""
        ...

    def rehearse(self, rows: Mapping[bytes, Entry], deadline: float) -> None:
        """Write ``rows`` and take it back; raises what ``transaction`` would."""
        ...
