"""The ports of the engine: what the cache layer, the desk and the lab know of it, and no more.

The ports of the stores (``ports``) are one storey below. What makes the promises true stands
between the two: the numbers of the writes, the index of what is pending, the locks of the keys,
the leases of the readers. In one process that is memory (``engine``); engines that several
processes share keep it in the shared engines themselves, and meet the same ports.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Entry
from cachedesk.core.policy import Policy
from cachedesk.core.reads import Read
from cachedesk.core.writes import Change, Receipt

Item = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items in the order of their keys, and the last key that was looked at; ``None`` when
    there are no more."""

    items: list[Item]
    last: bytes | None


class Pages(Protocol):
    """Every key with its value, page by page."""

    def page(self, after: bytes) -> Page:
        """Return the page of the keys above ``after``. ``Unavailable``: it cannot be read."""
        ...


class Truth(Protocol):
    """Order, log and rows as one atomic thing. Thread-safe.

    A receipt's ``seq`` is unique, and ascends for each key. What is acknowledged is told to the
    cache before the call returns.
    """

    def write(self, changes: Sequence[Change], path: Policy, deadline: float) -> list[Receipt]:
        """Make ``changes`` durable by one path, in order.

        Args:
            changes: of one call; by the write-through path all of them or none, by the
                write-behind path per 1,000.
            path: write-through or write-behind.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Raises:
            LogFull, Unavailable: not now; nothing was changed.
            OutcomeUnknown: a commit failed: they are durable, or they are not.
            NotACounter, CounterOverflow, WriteRefused: not ever; nothing was changed.
        """
        ...

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Read]:
        """Return what ``keys`` are worth, past the cache. ``Unavailable``: it cannot be said."""
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
        """Try again what a failed disk has stopped. ``Unavailable``: it still fails."""
        ...


class Flusher(Protocol):
    """What brings accepted writes to the database. Thread-safe."""

    def hurrying(self) -> AbstractContextManager[None]:
        """Flush without waiting for a batch to fill, even while paused, until the block ends."""
        ...

    def wait_until_flushed(self, seconds: float) -> bool:
        """Wait for at most ``seconds`` until nothing waits in the log; return whether that is."""
        ...

    def remainder(self, seconds: float | None) -> str:
        """Say what waits after a drain of ``seconds``; empty when nothing does."""
        ...


class SharedLease(Protocol):
    """The right of one reader to fill one key of the cache."""

    key: bytes


class Cache(Protocol):
    """The cache as the paths see it. Thread-safe; ``CacheError``: no certain answer."""

    def get_at_once(self, *keys: bytes) -> list[bytes | None]:
        """Return the cached values of ``keys``; see ``CacheStore.get_at_once``."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the cached values of ``keys`` in their order."""
        ...

    def tell(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        """Show a write that is durable; when this returns, no later read can miss it. Returns
        the keys that the cache did not take."""
        ...

    def drop(self, keys: Collection[bytes]) -> None:
        """Drop ``keys``, whose values are not true any more."""
        ...

    def distrust(self, keys: Collection[bytes], reason: str) -> None:
        """Read ``keys`` from the truth until the cache was made sure of."""
        ...

    def evict(self, pattern: bytes | str) -> int:
        """Drop the cached keys that match a shell-style pattern; return how many.
        ``Unavailable``: the cache does not answer."""
        ...


class Trust(Protocol):
    """Whether the cache may be believed now: the state that every reader looks at first."""

    @property
    def generation(self) -> int | None:
        """A number that stays the same while the cache is trusted without a break; ``None`` while
        it is not."""
        ...
