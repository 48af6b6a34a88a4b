"""A ledger that verifies nothing, for maximum throughput."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Mapping

from cachedesk.core.events import WriteEvent
from cachedesk.core.policy import PolicyTable
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.judge.verdict import Verdict, unjudged
from cachedesk.lab.load.operations import Operation


class NullLedger(Ledger):
    """A ledger that counts writes only, and judges none."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()

    def begin(
        self,
        items: Iterable[tuple[bytes, bytes]],
        policies: PolicyTable | None = None,
        deadlines: Mapping[bytes, float] | None = None,
    ) -> None:
        """Do nothing."""

    def accepted(
        self,
        seq: int,
        write: Operation,
        value: bytes | None,
        *,
        safe: bool = True,
        began: float | None = None,
    ) -> None:
        """Count the write."""
        next(self._numbers)

    def refused(self, write: Operation) -> None:
        """Do nothing."""

    def unknown(self, key: bytes) -> None:
        """Do nothing."""

    def read(self, key: bytes, value: bytes | None, began: float | None = None) -> bool:
        """Return that the read was fresh."""
        return True

    def applied(self, events: Iterable[WriteEvent]) -> None:
        """Do nothing."""

    def injected(self, events: Iterable[WriteEvent]) -> None:
        """Do nothing."""

    def verdict(
        self,
        pending: Container[int],
        dead: Container[int],
        items: Iterable[tuple[bytes, bytes]],
        row_seq: Callable[[bytes], int] | None = None,
    ) -> Verdict:
        """Return how many writes were accepted; the rest is unknown."""
        return unjudged(next(self._numbers))
