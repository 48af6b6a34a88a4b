"""Writes before they are events: changes, requests, and the receipts that callers get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from cachedesk.core.conditions import Condition
from cachedesk.core.errors import CachedeskError
from cachedesk.core.events import Argument, Op, WriteEvent
from cachedesk.core.request import Request


class Level(StrEnum):
    """How safe an acknowledged write is: ``durable`` in the log, or ``applied`` to its row. With
    the log switched off it is only ``cached``: in Redis and nowhere else.

    >>> cache.set("order:1", "paid").level, cache.set("session:1", "Ann").level
    ('applied', 'durable')
    """

    CACHED = "cached"
    DURABLE = "durable"
    APPLIED = "applied"

    __repr__ = str.__repr__


class Change(NamedTuple):
    """One write that a caller requests. ``expires_at``: see ``WriteEvent``. ``only_if``: it is
    accepted only if this condition is met; ``None``: in any case."""

    op: Op
    key: bytes
    arg: Argument
    expires_at: float | None = None
    only_if: Condition | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The acknowledgement of one write.

    ``seq``: its number in the order of all writes of the data directory, and its id.
    ``level``: how safe it is. ``value``: the value of the key after it (``None``: absent).
    ``changed``: ``False`` for an expire of an absent key, for a persist of one that does not
    expire, and for a write whose condition was not met: then nothing was written, and ``seq`` is
    that of the newest write of the key (0: none is known).

    >>> first, second = cache.write_many([("incr", "likes:1", 2), ("incr", "likes:1", 3)])
    >>> second.value, second.seq - first.seq
    (b'5', 1)
    """

    seq: int
    level: Level
    value: bytes | None = None
    changed: bool = True


Outcome = list[Receipt] | CachedeskError
"""What one of several independent writes came to: a receipt per change, or why it failed."""


class Switched(Exception):
    """The path was replaced while a call waited for it; use its replacement."""


class FastPath(Protocol):
    """The path of fast writes: ``WriteBehind``, or its replacement while the log is off."""

    def parts(self, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
        """Split ``changes`` into parts that ``write`` takes."""
        ...

    def write(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        """Make ``changes``, which are one part; ``deadline`` in ``time.monotonic()`` seconds."""
        ...


class WriteRequest(Request):
    """Changes of one caller that are committed together, and their receipts afterwards.

    ``letter_seq``: the dead letter that they replay; it is removed by the same commit.
    ``letter_taken``: it was removed in a transaction, and the event balance does not show it yet.
    """

    __slots__ = ("changes", "deadline", "letter_seq", "letter_taken", "receipts")

    def __init__(
        self, changes: Sequence[Change], deadline: float, letter_seq: int | None = None
    ) -> None:
        super().__init__()
        self.changes = changes
        self.deadline = deadline
        self.letter_seq = letter_seq
        self.letter_taken = False
        self.receipts: list[Receipt] = []

    def outcome(self) -> Outcome:
        """Return what a decided request came to; call it once.

        Raises:
            BaseException: it failed with an error that is not one of cachedesk's.
        """
        error, self.error = self.error, None
        if error is None:
            return self.receipts
        if isinstance(error, CachedeskError):
            return error
        try:
            raise error
        finally:
            del error


class Observer(Protocol):
    """Called after each commit with the events that became part of a row; used by the ledger."""

    def applied(self, events: Iterable[WriteEvent]) -> None:
        """Note that ``events`` are now part of their rows."""
        ...

    def injected(self, events: Iterable[WriteEvent]) -> None:
        """Note that ``events`` were accepted from a fault; no client requested them."""
        ...


class NullObserver:
    """Ignores all events."""

    def applied(self, events: Iterable[WriteEvent]) -> None:
        """Do nothing."""

    def injected(self, events: Iterable[WriteEvent]) -> None:
        """Do nothing."""
