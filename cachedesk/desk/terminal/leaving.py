"""Exit in time: a desk never outlives its terminal, even if its screen hangs."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import TracebackType

GRACE_SECONDS = 5.0
"""How long the screen may take to close after a signal, in seconds."""

CLOSE_SECONDS = 20.0
"""How long closing the stack may take after that, in seconds."""

_POLL_SECONDS = 1.0


class Deadline:
    """Ends the process if it does not exit in time after ``arm``.

    Textual's writer blocks for ever when its terminal is gone. After ``GRACE_SECONDS`` the stack is
    closed here and the process ends without cleaning up the screen.

    Args:
        close: closes the stack; called on a thread, perhaps while the stack is being closed.
        status: returns the exit status of the process.
    """

    def __init__(self, close: Callable[[], None], status: Callable[[], int]) -> None:
        self._close = close
        self._status = status
        self._armed = threading.Event()
        self._screen_left = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)

    def __enter__(self) -> Deadline:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._screen_left.set()
        self._armed.set()
        self._thread.join()

    def arm(self) -> None:
        """Start the timer."""
        self._armed.set()

    def screen_left(self) -> None:
        """Record that the screen is closed and only the stack remains to be closed."""
        self._screen_left.set()

    def _watch(self) -> None:
        self._armed.wait()
        if not self._screen_left.wait(GRACE_SECONDS):
            closing = threading.Thread(target=self._close, name="deadline-close", daemon=True)
            closing.start()
            closing.join(CLOSE_SECONDS)
        elif self._over.wait(CLOSE_SECONDS):
            return
        os._exit(self._status())


class Hangup:
    """Watches the terminal of standard input and sends SIGHUP to this process when it is gone.

    The kernel sends that signal to the terminal's own session only. A desk that was started in
    another session would read from a closed terminal for ever.

    Args:
        before: called just before the signal is sent.
    """

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="hangup", daemon=True)

    def __enter__(self) -> Hangup:
        if sys.stdin is not None and sys.stdin.isatty():
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def _watch(self) -> None:
        poll = select.poll()
        # POLLHUP is reported even if no event is requested.
        poll.register(sys.stdin.fileno(), 0)
        while not self._over.is_set():
            if poll.poll(_POLL_SECONDS * 1000):
                self._before()
                os.kill(os.getpid(), signal.SIGHUP)
                return
