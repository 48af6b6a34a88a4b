"""What a write is before it is an event, and what its caller gets back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from cachedesk.core.events import Argument, Op, WriteEvent
from cachedesk.core.request import Request


class Level(StrEnum):
    """How safe an acknowledged write is: ``durable`` in the log, or ``applied`` to its row; with
    the log switched off it is only ``cached``: in Redis, and nowhere else.

    >>> cache.set("order:1", "paid").level, cache.set("session:1", "Ann").level
    ('applied', 'durable')
    """

    CACHED = "cached"
    DURABLE = "durable"
    APPLIED = "applied"

    __repr__ = str.__repr__


class Change(NamedTuple):
    """One write that a caller asks for."""

    op: Op
    key: bytes
    arg: Argument


@dataclass(frozen=True, slots=True)
class Receipt:
    """The acknowledgement of one write.

    ``seq``: its place in the order of all writes of the data directory, and its id.
    ``level``: how safe it is. ``value``: what the key is worth after it (``None``: absent).

    >>> first, second = cache.write_many([("incr", "likes:1", 2), ("incr", "likes:1", 3)])
    >>> second.value, second.seq - first.seq
    (b'5', 1)
    """

    seq: int
    level: Level
    value: bytes | None = None


class Switched(Exception):
    """The path was taken out of service while a call waited for it; another takes its place."""


class FastPath(Protocol):
    """What fast writes take: ``behind.WriteBehind``, or what stands in for it."""

    def parts(self, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
        """Split ``changes`` into parts that ``write`` takes."""
        ...

    def write(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        """Make ``changes``, one part; ``deadline`` in ``time.monotonic()`` seconds."""
        ...


class WriteRequest(Request):
    """Changes of one caller that are committed together, and their receipts once they are.

    ``letter_seq``: the dead letter that they replay, and that is gone once they are committed;
    ``letter_taken``: it was taken away in a transaction, and the books do not say so yet.
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


class Observer(Protocol):
    """Somebody who is told what became part of a row, after each commit: a judge."""

    def applied(self, events: Iterable[WriteEvent]) -> None:
        """``events`` are now part of their rows."""
        ...

    def injected(self, events: Iterable[WriteEvent]) -> None:
        """``events`` were accepted from a fault; no client asked for them."""
        ...


class NullObserver:
    """Nobody looks."""

    def applied(self, events: Iterable[WriteEvent]) -> None:
        """Do nothing."""

    def injected(self, events: Iterable[WriteEvent]) -> None:
        """Do nothing."""
