"""The door: calls go in while it is open; who shuts it waits until the last one is out."""

from __future__ import annotations

import threading

from cachedesk.engine.errors import Closed


class Door:
    """Entered with ``with``. Thread-safe. So that closing never pulls a file from under a call."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside = 0
        self._shut = False

    def __enter__(self) -> None:
        """Go in.

        Raises:
            Closed: the door was shut.
        """
        with self._changed:
            if self._shut:
                raise Closed("the cache layer was closed")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            if self._shut and not self._inside:
                self._changed.notify_all()

    @property
    def shut(self) -> bool:
        """Whether nobody may go in any more."""
        return self._shut

    def close(self) -> bool:
        """Let nobody in any more and wait until all are out. Returns whether it was open."""
        with self._changed:
            was_open, self._shut = not self._shut, True
            self._changed.wait_for(lambda: not self._inside)
        return was_open
