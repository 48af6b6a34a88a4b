"""The ports of the engine: all that the cache layer, the desk and the lab know of it.

The ports of the stores (``ports``) are one level below. Between the two is the state that the
promises rest on: the numbering of writes, the index of pending events, the locks of keys, the
leases of readers. In one process it is kept in memory (``engine``); an engine that several
processes share keeps it in the shared stores, and implements the same ports.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Entry, WriteEvent
from cachedesk.core.reads import Read
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Outcome, Receipt

Item = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items in the order of their keys, and the last key that was examined; ``None`` if there
    are no more."""

    items: list[Item]
    last: bytes | None


class Pages(Protocol):
    """Every key with its value, page by page."""

    def page(self, after: bytes) -> Page:
        """Return the page of the keys above ``after``. Raises ``Unavailable`` if it cannot be
        read."""
        ...


class Truth(Protocol):
    """Numbering, log and rows as one atomic unit. Thread-safe.

    A receipt's ``seq`` is unique, and ascends for each key. The cache is updated with an
    acknowledged write before the call returns.
    """

    def write(self, changes: Sequence[Change], path: WritePath, deadline: float) -> list[Receipt]:
        """Make ``changes`` durable by one path, in order.

        Args:
            changes: the changes of one call. Write-through makes all of them or none;
                write-behind is atomic per 1,000 changes.
            path: write-through or write-behind.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Raises:
            LogFull, Unavailable: the write is not possible now; nothing was changed.
            OutcomeUnknown: a commit failed; it is unknown whether it took effect.
            NotACounter, CounterOverflow, WriteRefused: the write is never possible; nothing was
                changed.
        """
        ...

    def write_each(
        self, requests: Sequence[Sequence[Change]], path: WritePath, deadline: float
    ) -> list[Outcome]:
        """Make independent requests durable by one path, in order, in as few commits as possible.
        Each is made or fails as in a ``write`` of its own; the others do not depend on it."""
        ...

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Read]:
        """Read ``keys`` without the cache. Raises ``Unavailable`` if a value is not known."""
        ...

    def pages(self) -> Pages:
        """Return a listing of every key with its value, sorted by the keys' bytes."""
        ...

    def dead_letters(self, limit: int, after_seq: int) -> list[DeadLetter]:
        """Return up to ``limit`` dead letters above ``after_seq``, oldest first."""
        ...

    def replay(self, seq: int, deadline: float) -> Receipt:
        """Apply a dead letter as a new write and remove it, both or neither."""
        ...

    def drop(self, seq: int, deadline: float) -> None:
        """Remove a dead letter for good."""
        ...

    def mend(self, deadline: float) -> None:
        """Retry what a failed disk has stopped. Raises ``Unavailable`` if it still fails."""
        ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a key is blocked: its event ``seq`` was refused ``attempts`` times for ``reason``."""

    seq: int
    attempts: int
    reason: str


class Flusher(Protocol):
    """What a worker drives: it brings accepted writes to the database, a batch a call.

    One thread calls its methods; its properties may be read by any.
    """

    @property
    def unread(self) -> int:
        """How many events were accepted and not read yet."""
        ...

    @property
    def in_flight(self) -> int:
        """How many events are being flushed or decided."""
        ...

    @property
    def in_flight_through(self) -> int:
        """The seq of the newest event that was read; 0 when none is in flight."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether a key is blocked: an event of it was refused, and the later ones wait."""
        ...

    def read(self, most: int) -> Sequence[WriteEvent]:
        """Return the next events, at most ``most``, in seq order."""
        ...

    def flush(self, events: Sequence[WriteEvent]) -> None:
        """Commit ``events``, which ``read`` has returned, and ack them; block what is refused.

        Raises:
            DatabaseError, Unavailable: not now; ``start_over``, and read again.
        """
        ...

    def decide(self, until: float) -> Trouble | None:
        """Apply or bury what is blocked and due.

        Args:
            until: ``time.monotonic()`` seconds after which to begin nothing more.

        Returns:
            Why the oldest undecided event is blocked; ``None`` when all are decided.

        Raises:
            DatabaseError, Unavailable: not now; ``start_over``, and read again.
        """
        ...

    def decide_all_now(self) -> None:
        """Let every blocked key be due."""
        ...

    def due_in(self) -> float | None:
        """Return in how many seconds a blocked key is due; ``None`` when none is blocked."""
        ...

    def tidy(self) -> float:
        """Remove a bounded part of what is no longer needed, between two flushes; return in how
        many seconds to call again. Errors as for ``flush``."""
        ...

    def wake_at(self, unread: int) -> None:
        """Have the write that makes ``unread`` events unread wake the worker."""
        ...

    def crashed(self, point: str) -> None:
        """Note that a flush was cut off at ``point``."""
        ...

    def start_over(self) -> None:
        """Begin again with the oldest event that was not acked: at-least-once delivery."""
        ...


class Drain(Protocol):
    """What a caller needs to wait until everything is flushed. Thread-safe."""

    def expedite(self) -> AbstractContextManager[None]:
        """Flush without waiting for a batch to fill, even while paused, until the block ends."""
        ...

    def wait_until_flushed(self, seconds: float) -> bool:
        """Wait for at most ``seconds`` until the log is empty; return whether it is."""
        ...

    def remainder(self, seconds: float | None) -> str:
        """Return a sentence on what remains after a drain of ``seconds``; empty if nothing does."""
        ...


class SharedLease(Protocol):
    """The right of one reader to fill one key of the cache."""

    key: bytes


class Cache(Protocol):
    """The cache as the paths see it. Thread-safe. Reads raise ``CacheError`` if there is no
    reliable answer."""

    def get_at_once(self, *keys: bytes) -> list[bytes | None]:
        """Return the cached values of ``keys``; see ``CacheStore.get_at_once``."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the cached values of ``keys`` in their order."""
        ...

    def update(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        """Publish a durable write; after this returns, no read can miss it. Returns the keys that
        the cache did not store."""
        ...

    def drop(self, keys: Collection[bytes]) -> None:
        """Drop ``keys``, whose values are out of date."""
        ...

    def distrust(self, keys: Collection[bytes], reason: str) -> None:
        """Read ``keys`` from the truth until they were dropped from the cache."""
        ...

    def evict(self, pattern: bytes | str) -> int:
        """Drop the cached keys that match a shell-style pattern; return how many. Raises
        ``Unavailable`` if the cache does not answer."""
        ...


class Trust(Protocol):
    """Whether the cache can be trusted now: the state that every reader checks first."""

    @property
    def trust_number(self) -> int | None:
        """The number of the present trust: it stays the same while the cache is trusted without
        interruption, and is another one afterwards; ``None`` while it is not trusted."""
        ...
