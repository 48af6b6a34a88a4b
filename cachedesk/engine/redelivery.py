"""What became of the batch that a worker was flushing when it crashed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cachedesk.core.events import WriteEvent


class Redelivered(NamedTuple):
    """After a crash at ``point``, ``events`` were delivered again, ``already_applied`` of them part
    of their rows already."""

    point: str
    events: int
    already_applied: int


class Redelivery:
    """Follows the events of a crashed worker until its successor has them behind it. Used by the
    worker's thread alone."""

    def __init__(self) -> None:
        self._where = ""
        self._through_seq = self._seen_seq = 0
        self._again = self._already = 0

    def crashed(self, where: str, through_seq: int) -> None:
        """The worker crashed at ``where`` with events up to ``through_seq`` in hand."""
        self._where, self._through_seq = where, through_seq
        self._seen_seq = self._again = self._already = 0

    def repeated(self, events: Iterable[WriteEvent]) -> None:
        """The successor found ``events`` to be part of their rows already."""
        if self._where:
            self._already += sum(event.seq <= self._through_seq for event in events)

    def flushed(self, events: Sequence[WriteEvent]) -> Redelivered | None:
        """The successor has flushed ``events``. Return what the crash came to, once, when all of
        its events are behind it."""
        if not self._where:
            return None
        self._again += sum(self._seen_seq < it.seq <= self._through_seq for it in events)
        self._seen_seq = events[-1].seq
        if self._seen_seq < self._through_seq:
            return None
        where, self._where = self._where, ""
        return Redelivered(where, self._again, self._already)
