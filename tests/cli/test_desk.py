"""``cachedesk`` without a command, on a real terminal (a pty)."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest


class Terminal:
    """A desk in a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "cachedesk", *arguments])
        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.shown = b""

    def wait_for(self, text: bytes, seconds: float = 60.0) -> None:
        """Wait until ``text`` was shown."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown[-2000:]
            self._take(0.1)

    def type(self, keys: bytes) -> None:
        """Press ``keys``."""
        os.write(self._screen, keys)

    def end(self) -> int:
        """Wait for the end and return the exit status."""
        while self._take(20.0):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._screen)
        return os.waitstatus_to_exitcode(status)

    def _take(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._screen], [], [], seconds)
        if not ready:
            return False
        try:
            taken = os.read(self._screen, 65536)
        except OSError:
            return False
        self.shown += taken
        return bool(taken)


@pytest.mark.parametrize(
    ("leave", "status"),
    [
        (lambda desk: desk.type(b"q"), 0),
        (lambda desk: os.kill(desk.pid, signal.SIGTERM), 143),
        (lambda desk: os.kill(desk.pid, signal.SIGHUP), 129),
    ],
    ids=["q", "SIGTERM", "SIGHUP"],
)
def test_the_desk_opens_and_leaves_nothing_behind(
    tmp_path: Path, leave: Callable[[Terminal], None], status: int
) -> None:
    desk = Terminal("--data", str(tmp_path), "--rate", "100")
    desk.wait_for(b"accepted")
    leave(desk)
    assert desk.end() == status
    assert not (tmp_path / "redis.state").exists()
    # The terminal is given back: Textual leaves the alternate screen.
    assert b"\x1b[?1049l" in desk.shown
