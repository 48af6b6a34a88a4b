"""A wake-up flag that any thread can set and one thread waits for.

Like ``threading.Event``, but implemented in C only: an Event is written in Python, and if a signal
handler raises inside its ``set``, its lock stays locked forever. The flag is a lock that is free
while the flag is set. (Not a ``SimpleQueue``: up to Python 3.12, its ``get`` with a timeout blocks
forever if the time runs out between two of its steps, which happens on a busy machine.)
"""

from __future__ import annotations

import threading
from contextlib import suppress


class Wakeup:
    """A flag for one waiting thread; any thread may set it."""

    def __init__(self) -> None:
        self._unset = threading.Lock()
        self._unset.acquire()

    def set(self) -> None:
        """Set the flag, which wakes the waiting thread. Setting it twice changes nothing."""
        if self._unset.locked():
            # Another thread may have set it just now.
            with suppress(RuntimeError):
                self._unset.release()

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return not self._unset.locked()

    def clear(self) -> None:
        """Clear the flag."""
        self._unset.acquire(blocking=False)

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` until the flag is set; return whether it is. It stays set."""
        if not self._unset.acquire(timeout=max(0.0, seconds)):
            return False
        self.set()
        return True
