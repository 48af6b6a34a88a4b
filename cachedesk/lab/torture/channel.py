"""The channel between the process under test and the judge: messages of one line.

It is a socket: its calls (``send``, ``recv``) are not among those that are made to fail.
"""

from __future__ import annotations

import socket

HALT, ACKNOWLEDGED = "@", "+"
GO = b"g"
_LONGEST = 4_000


class Channel:
    """The end of the process under test."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def report_violation(self, sentence: str) -> None:
        """Report a broken promise."""
        self._say(sentence.replace("\n", " | "))

    def acknowledged(self, began: float, ended: float) -> None:
        """Report an acknowledged write whose call lasted from ``began`` to ``ended`` (seconds since
        the epoch)."""
        self._say(f"{ACKNOWLEDGED}{began:.6f} {ended:.6f}")

    def halt(self, thread: int | None) -> None:
        """Send the id of a thread of this process to the judge, and wait for its go-ahead."""
        self._say(f"{HALT}{thread}")
        self._line.recv(len(GO))

    def _say(self, line: str) -> None:
        self._line.sendall(line.encode(errors="replace")[:_LONGEST] + b"\n")
