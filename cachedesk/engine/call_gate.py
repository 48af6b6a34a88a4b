"""The door: calls go in while it is open; who shuts it waits until the others are out."""

from __future__ import annotations

import threading
import time

from cachedesk.core.errors import Closed, Unavailable

_LOOK_SECONDS = 0.002
_LONGEST_SECONDS = 30.0


class CallGate:
    """Entered with ``with``. Thread-safe. So that closing never pulls a file from under a call.

    It keeps which threads are inside, not how many calls: an interrupt (Ctrl-C) between two
    steps can then leave no count behind that nobody would ever take back.
    """

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._shut = False

    def __enter__(self) -> None:
        """Go in.

        Raises:
            Closed: the door was shut.
            Unavailable: this thread is inside already: a finalizer, called by the garbage
                collector in the middle of a call, would wait for what that call holds.
        """
        if threading.get_ident() in self._inside:
            raise Unavailable(
                "a call in the middle of another one of the same thread, as from a finalizer, is"
                " not possible; nothing was done"
            )
        # In first, then look: whoever shuts it meanwhile sees this thread and waits.
        self._inside.add(threading.get_ident())
        if self._shut:
            self._inside.discard(threading.get_ident())
            raise Closed("the cache layer was closed")

    def __exit__(self, *_: object) -> None:
        self._inside.discard(threading.get_ident())

    @property
    def shut(self) -> bool:
        """Whether nobody may go in any more."""
        return self._shut

    def shut_at_once(self) -> None:
        """Let no call in from now on; wait for none."""
        self._shut = True

    def close(self) -> bool:
        """Let nobody in any more and wait until all other threads are out. (The thread that
        closes may be inside itself: in a signal handler.) Returns whether it was open."""
        was_open, self._shut = not self._shut, True
        # Every call has a deadline; only a trace that an interrupt left is there for longer.
        deadline = time.monotonic() + _LONGEST_SECONDS
        while self._others() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return was_open

    def _others(self) -> set[int]:
        alive = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
        return self._inside & alive
