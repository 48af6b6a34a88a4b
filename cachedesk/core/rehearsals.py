"""Rehearsals: transactions of a system of record that are always rolled back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Generic, TypeVar

from cachedesk.core.events import Entry
from cachedesk.core.ports import RecordTransaction

T = TypeVar("T", bound=RecordTransaction)


class _RollBack(Exception):
    """Ends a rehearsal, so that its transaction rolls back."""


class Rehearsals(ABC, Generic[T]):
    """Implements ``rehearsal`` and ``rehearse`` of ``SystemOfRecord`` on top of ``transaction``."""

    @abstractmethod
    def transaction(self, deadline: float) -> AbstractContextManager[T]:
        """See ``SystemOfRecord.transaction``; an exception in the block rolls back."""

    @contextmanager
    def rehearsal(self, deadline: float) -> Iterator[T]:
        """Like ``transaction``, but the end of the block rolls it back."""
        with suppress(_RollBack), self.transaction(deadline) as transaction:
            yield transaction
            raise _RollBack

    def rehearse(self, rows: Mapping[bytes, Entry], deadline: float) -> None:
        """Write ``rows`` and roll back; raises what ``transaction`` would."""
        with self.rehearsal(deadline) as transaction:
            transaction.rows(list(rows))
            transaction.write(rows)
