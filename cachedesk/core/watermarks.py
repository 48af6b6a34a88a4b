"""The port of the watermarks: what is remembered of a log and a database outside of both."""

from __future__ import annotations

from typing import Protocol


class Watermarks(Protocol):
    """A second witness of what was made durable, outside the log and the system of record: it
    tells a store that was lost, emptied or put back from one that is new. What is noted survives
    the death of the process; after a power cut it may be older than the stores, never newer.

    Until ``opened`` it says what the process before has left.
    """

    @property
    def was_open(self) -> bool:
        """Whether the process before did not close in order."""
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
        """Remember that the write ``seq`` is in its row."""
        ...

    def note_opening(self, number: int) -> None:
        """Remember, over a power cut too, that the stores are opened for the ``number``-th time.
        ``OSError``: it cannot be remembered."""
        ...

    def opened(self) -> None:
        """Remember that the stores are open; to close the log takes it back."""
        ...
