"""The port of the watermarks: the highest sequence numbers, kept outside the log and database."""

from __future__ import annotations

from typing import Protocol


class Watermarks(Protocol):
    """The highest sequence numbers that were made durable, kept outside the log and the system of
    record. They distinguish a store that was lost, emptied or restored from one that is new. They
    survive the death of the process; after a power cut they may be older than the stores, never
    newer.

    Until ``opened`` is called they are those of the previous process.
    """

    @property
    def was_open(self) -> bool:
        """Whether the previous process did not shut down cleanly."""
        ...

    @property
    def log_seq(self) -> int:
        """The newest seq that was appended to the log."""
        ...

    @property
    def row_seq(self) -> int:
        """The newest seq that was written through to a row."""
        ...

    def note_row(self, seq: int) -> None:
        """Record that the write ``seq`` is in its row."""
        ...

    def note_opening(self, number: int) -> None:
        """Record, durably even over a power cut, that the stores are opened for the ``number``-th
        time. Raises ``OSError`` if it cannot be recorded."""
        ...

    def opened(self) -> None:
        """Record that the stores are open; closing the log clears it."""
        ...
