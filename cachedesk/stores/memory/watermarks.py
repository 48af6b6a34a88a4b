"""Watermarks in memory."""

from __future__ import annotations

import secrets


class InMemoryWatermarks:
    """The ``Watermarks`` of a log in memory; they outlive its closing and a crash."""

    def __init__(self) -> None:
        """Begin those of a new log."""
        self.epoch = secrets.randbits(62) + 1
        self.log_seq = self.row_seq = self.acked_seq = self.openings = 0
        self.was_open = self._is_open = False
        self._clean = True

    def begin(self) -> None:
        """Take them up in another opening: say what the one before has left."""
        self.was_open = self._is_open
        self._clean = not self.was_open

    def opened(self) -> None:
        """Remember that the stores are open."""
        self._is_open = self._clean = True

    def close(self) -> None:
        """Remember that they were closed in order. A stop that was not clean stays known until the
        stores are opened again."""
        if self._clean:
            self._is_open = False

    def note_log(self, seq: int) -> None:
        """Remember that the event ``seq`` is in the log."""
        self.log_seq = max(seq, self.log_seq)

    def note_row(self, seq: int) -> None:
        """Remember that the write ``seq`` is in its row."""
        self.row_seq = max(seq, self.row_seq)

    def note_acked(self, seq: int) -> None:
        """Remember that every event up to ``seq`` is out of the log and in the database."""
        self.acked_seq = max(seq, self.acked_seq)

    def note_opening(self, number: int) -> None:
        """Remember the ``number`` of this opening."""
        self.openings = number
