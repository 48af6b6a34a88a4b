"""The calls of the cache layer that read, replay and drop dead letters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.truth import Truth
from cachedesk.core.writes import Receipt
from cachedesk.engine.face.flights import Flights
from cachedesk.engine.writer import Writer

T = TypeVar("T")


class DeadLetterCalls(ABC):
    """The part of ``CacheLayer`` for accepted writes that could not be applied."""

    _truth: Truth
    _writer: Writer
    _flights: Flights

    def dead_letters(self, limit: int = 1_000, after_seq: int = 0) -> list[DeadLetter]:
        """Return the accepted writes that could not be applied, oldest first.

        Args:
            limit: the maximum number of letters.
            after_seq: return only letters with a higher seq; for the next page, the seq of the last
                letter.

        Raises:
            Unavailable: the database cannot be read.
        """
        return self._call(self._truth.dead_letters, limit, after_seq)

    def replay_dead(self, seq: int) -> Receipt:
        """Apply a dead letter as a new write with a new seq.

        It is applied to the current value of the key. One transaction removes the letter and
        applies the write: both or neither, even if the process dies.

        Args:
            seq: the seq of the letter.

        Returns:
            The receipt of the new write.

        Raises:
            NoDeadLetter: there is no letter ``seq``.
            NotACounter, CounterOverflow, WriteRefused: it is refused again; the letter stays.
            Unavailable: it was not possible in time; nothing was changed.
        """
        # Which key it writes is not known here.
        self._flights.outdate_all()
        return self._call(self._truth.replay, seq, self._writer.deadline())

    def drop_dead(self, seq: int) -> None:
        """Remove a dead letter permanently: its write is lost.

        Raises:
            NoDeadLetter: there is no letter ``seq``.
            Unavailable: it was not possible in time; nothing was changed.
        """
        self._call(self._truth.drop, seq, self._writer.deadline())

    @abstractmethod
    def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Carry out ``function`` as one call of the layer."""
