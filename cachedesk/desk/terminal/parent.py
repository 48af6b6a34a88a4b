"""The small parent of a desk: it outlives its child, and gives the terminal back when that is
killed. It loads nothing heavy and starts no thread, so that it can be forked again."""

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
"""In the environment of a served desk: the pid of its web server."""

LEAST_LIFE_SECONDS = 3.0
"""A desk that was killed sooner is not started again: the next one would be killed as well."""

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
    """Run ``run`` in a child process, and wait for it here; returns in both processes.

    Args:
        run: shows the desk and returns the exit status; it is given a sentence about what
            happened to the desk before, empty for the first one.
        again: start another one when the child was killed (SIGKILL).

    Returns:
        The exit status of this process.
    """
    terminal = _attributes()
    said = ""
    while True:
        began = time.monotonic()
        child = _Child()
        if child.pid == 0:
            return run(said)
        number = child.wait()
        if number >= 0:
            return number
        _give_back(terminal)
        name = signal.Signals(-number).name
        said = f"The desk was ended by {name} at {time.strftime('%H:%M:%S')}."
        lived = time.monotonic() - began
        starts = again and -number == signal.SIGKILL and lived >= LEAST_LIFE_SECONDS
        kept = " What was acknowledged is on the disk."
        print(f"cachedesk: {said}{kept}{' Opening it again.' if starts else ''}", file=sys.stderr)
        if not starts:
            return 128 - number


def end_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM to this process when ``parent`` dies, also if it just has.

    Args:
        parent: its pid, known from before this process was started: afterwards a process without
            a parent cannot be told from the child of the first process of a container.
    """
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


class _Child:
    """A child process, to which signals to this one are forwarded; in itself ``pid`` is 0."""

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
        """Return its exit status, or minus the signal that ended it. When it stops, so does this
        process: a shell waits for this one."""
        try:
            while True:
                # Any child: the first process of a container has those that lost their parent.
                pid, status = os.waitpid(-1, os.WUNTRACED)
                if pid != self.pid:
                    continue
                if not os.WIFSTOPPED(status):
                    return os.waitstatus_to_exitcode(status)
                os.kill(os.getpid(), signal.SIGSTOP)
                self._see_that_it_goes_on()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _see_that_it_goes_on(self) -> None:
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


def _give_back(terminal: list[Any] | None) -> None:
    """Undo on the terminal what a screen did that could not do it itself."""
    with suppress(OSError, termios.error):
        os.write(sys.stdout.fileno(), _RESET.encode())
        if terminal is not None:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, terminal)
        # What the mouse went on to report would be typed into the shell.
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
