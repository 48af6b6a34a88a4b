"""Redelivery: what became of the batch that a worker had in hand when it crashed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cachedesk.core.events import WriteEvent


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

    def flushed(self, events: Sequence[WriteEvent]) -> str:
        """The successor has flushed ``events``. Return what can be said of the crash, once."""
        if not self._where:
            return ""
        self._again += sum(self._seen_seq < it.seq <= self._through_seq for it in events)
        self._seen_seq = events[-1].seq
        if self._seen_seq < self._through_seq:
            return ""
        where, self._where = self._where, ""
        again = "1 event" if self._again == 1 else f"{self._again:,} events"
        return (
            f"after the worker's crash at {where}: {again} delivered again,"
            f" {self._already:,} of them part of their rows already"
        )
