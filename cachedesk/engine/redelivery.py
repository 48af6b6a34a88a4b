"""The redelivery of the batch that a worker was flushing when it crashed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cachedesk.core.events import WriteEvent


class Redelivered(NamedTuple):
    """The result of a redelivery: after a crash at ``point``, ``events`` events were delivered
    again, and ``already_applied`` of them were part of their rows already."""

    point: str
    events: int
    already_applied: int


class Redelivery:
    """Tracks the events of a crashed worker until its successor has flushed them. Used only by the
    worker's thread."""

    def __init__(self) -> None:
        self._where = ""
        self._through_seq = self._seen_seq = 0
        self._again = self._already = 0

    def crashed(self, where: str, through_seq: int) -> None:
        """Record that the worker crashed at ``where`` while events up to ``through_seq`` were in
        flight."""
        self._where, self._through_seq = where, through_seq
        self._seen_seq = self._again = self._already = 0

    def repeated(self, events: Iterable[WriteEvent]) -> None:
        """Record that ``events`` were part of their rows already when they were delivered again."""
        if self._where:
            self._already += sum(event.seq <= self._through_seq for event in events)

    def flushed(self, events: Sequence[WriteEvent]) -> Redelivered | None:
        """Record that the successor has flushed ``events``. Return the result once all events of
        the crash are flushed, otherwise ``None``."""
        if not self._where:
            return None
        self._again += sum(self._seen_seq < it.seq <= self._through_seq for it in events)
        self._seen_seq = events[-1].seq
        if self._seen_seq < self._through_seq:
            return None
        where, self._where = self._where, ""
        return Redelivered(where, self._again, self._already)
