"""Watermarks in memory."""

from __future__ import annotations

import secrets


class InMemoryWatermarks:
    """The ``Watermarks`` of a log in memory; they are kept when it is closed, and over a crash."""

    def __init__(self) -> None:
        """Create those of a new log."""
        self.epoch = secrets.randbits(62) + 1
        self.log_seq = self.row_seq = self.acked_seq = self.openings = 0
        self.was_open = self._is_open = False
        self._clean = True

    def begin(self) -> None:
        """Begin another opening; ``was_open`` says how the previous one ended."""
        self.was_open = self._is_open
        self._clean = not self.was_open

    def opened(self) -> None:
        """Record that the stores are open."""
        self._is_open = self._clean = True

    def close(self) -> None:
        """Record a clean shutdown. An earlier unclean shutdown stays recorded until the stores are
        opened again."""
        if self._clean:
            self._is_open = False

    def note_log(self, seq: int) -> None:
        """Record that the event ``seq`` is in the log."""
        self.log_seq = max(seq, self.log_seq)

    def note_row(self, seq: int) -> None:
        """Record that the write ``seq`` is in its row."""
        self.row_seq = max(seq, self.row_seq)

    def note_acked(self, seq: int) -> None:
        """Record that every event up to ``seq`` is removed from the log and in the database."""
        self.acked_seq = max(seq, self.acked_seq)

    def note_opening(self, number: int) -> None:
        """Record the ``number`` of this opening."""
        self.openings = number
