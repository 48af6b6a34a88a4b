"""The small parent process of a desk: it restores the terminal when the desk is killed.

It imports nothing heavy and starts no thread, so that it can fork again.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

PARENT_VARIABLE = "CACHEDESK_PARENT"
"""The environment variable of a served desk that holds the pid of its web server."""

LEAST_LIFE_SECONDS = 3.0
"""A desk that was killed sooner is not restarted: the next one would be killed as well."""

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CONTINUE_SECONDS = 1.0
_POLL_SECONDS = 0.02
_SET_PARENT_DEATH_SIGNAL = 1

# Keyboard protocol, alternate screen, mouse, focus reports, bracketed paste and size reports off;
# line wrap and cursor on; colours as usual.
_RESET = (
    "\x1b[<u\x1b[?1049l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[?7h\x1b[?25h\x1b[0m"
)


def run_under_parent(run: Callable[[str], int], *, again: bool) -> int:
    """Run ``run`` in a child process and wait for it; return in both processes.

    Args:
        run: shows the desk and returns the exit status. Its argument is a sentence about what
            ended the previous desk, empty for the first one.
        again: whether to start a new child when the child was killed by SIGKILL.

    Returns:
        The exit status of this process.
    """
    terminal = _attributes()
    notice = ""
    while True:
        began = time.monotonic()
        child = _Child()
        if child.pid == 0:
            return run(notice)
        number = child.wait()
        if number >= 0:
            return number
        _restore(terminal)
        name = signal.Signals(-number).name
        notice = f"The desk was ended by {name} at {time.strftime('%H:%M:%S')}."
        lived = time.monotonic() - began
        starts = again and -number == signal.SIGKILL and lived >= LEAST_LIFE_SECONDS
        kept = " Acknowledged writes are on the disk."
        print(f"cachedesk: {notice}{kept}{' Restarting it.' if starts else ''}", file=sys.stderr)
        if not starts:
            return 128 - number


def end_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM to this process when ``parent`` dies, or now if it is dead.

    Args:
        parent: the pid of the parent, taken before this process was started: afterwards an orphan
            cannot be distinguished from a child of the first process of a container.
    """
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


class _Child:
    """A child process that receives the signals of this one; in the child ``pid`` is 0."""

    def __init__(self) -> None:
        self.pid = -1
        self._early: int | None = None
        before = {number: signal.signal(number, self._forward) for number in _FORWARDED}
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            for number, handler in before.items():
                signal.signal(number, handler)
            end_with_parent(parent)
        if self._early is not None:
            os.kill(self.pid or os.getpid(), self._early)
        self._before = before

    def wait(self) -> int:
        """Return its exit status, or the negative number of the signal that ended it.

        When the child stops, this process stops too, because the shell waits for this one.
        """
        try:
            while True:
                # Any child: the first process of a container inherits orphans.
                pid, status = os.waitpid(-1, os.WUNTRACED)
                if pid != self.pid:
                    continue
                if not os.WIFSTOPPED(status):
                    return os.waitstatus_to_exitcode(status)
                os.kill(os.getpid(), signal.SIGSTOP)
                self._ensure_continued()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _ensure_continued(self) -> None:
        # "fg" continues the whole job; "kill -CONT" this process only. A second SIGCONT would
        # start the child's screen twice.
        deadline = time.monotonic() + _CONTINUE_SECONDS
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.pid, os.WCONTINUED | os.WNOHANG) is not None:
                return
            time.sleep(_POLL_SECONDS)
        os.kill(self.pid, signal.SIGCONT)

    def _forward(self, number: int, frame: FrameType | None) -> None:
        if self.pid > 0:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
        else:
            self._early = number


def _attributes() -> list[Any] | None:
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except termios.error:
        return None


def _restore(terminal: list[Any] | None) -> None:
    """Restore a terminal whose screen could not do it itself."""
    with suppress(OSError, termios.error):
        os.write(sys.stdout.fileno(), _RESET.encode())
        if terminal is not None:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, terminal)
        # Pending mouse reports would otherwise be typed into the shell.
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
