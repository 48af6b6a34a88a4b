"""The call gate: it admits calls while it is open. ``close`` waits until the admitted calls end."""

from __future__ import annotations

import threading
import time

from cachedesk.core import forking
from cachedesk.core.errors import Closed, Unavailable

_POLL_SECONDS = 0.002
_LONGEST_SECONDS = 30.0


class CallGate:
    """Admits calls, each as a ``with`` block, so that no file is closed during a call.
    Thread-safe.

    It records the threads inside, not the number of calls: an interrupt (Ctrl-C) between two steps
    can then not leave a count that is never decremented.
    """

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._closed = False

    def __enter__(self) -> None:
        """Enter.

        Raises:
            Closed: the gate is closed.
            Unavailable: this thread is inside already: a finalizer, called by the garbage collector
                in the middle of a call, would wait for a lock that the call holds.
        """
        if threading.get_ident() in self._inside:
            raise Unavailable(
                "this thread is in the middle of another call (a finalizer?), and calls cannot be"
                " nested; nothing was done"
            )
        # Register first, then check: a thread that closes the gate meanwhile waits for this one.
        self._inside.add(threading.get_ident())
        if self._closed:
            self._inside.discard(threading.get_ident())
            raise Closed("the cache layer was closed")

    def __exit__(self, *_: object) -> None:
        self._inside.discard(threading.get_ident())

    @property
    def closed(self) -> bool:
        """Whether no further call is admitted; none is in a forked child."""
        forking.notice()
        return self._closed

    def close_without_waiting(self) -> None:
        """Admit no further call; do not wait for the calls inside."""
        self._closed = True

    def close(self) -> bool:
        """Admit no further call, and wait until all other threads have left. (This thread may be
        inside itself, in a signal handler.) Return whether the gate was open."""
        was_open, self._closed = not self._closed, True
        # Every call has a deadline. Only an entry that an interrupt left behind stays longer.
        deadline = time.monotonic() + _LONGEST_SECONDS
        while self._others() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return was_open

    def _others(self) -> set[int]:
        alive = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
        return self._inside & alive
