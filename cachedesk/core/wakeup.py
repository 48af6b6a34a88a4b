"""A wake-up: any thread may set it, and one thread waits for it.

Like ``threading.Event``, but whole in C: an Event is Python, and an exception of a signal handler
inside its ``set`` leaves its lock taken for ever. It is a lock that is free while the wake-up is
set. (Not a ``SimpleQueue``: up to Python 3.12, its ``get`` with a timeout waits for ever when the
time is up between two of its steps, which happens on a busy machine.)
"""

from __future__ import annotations

import threading
from contextlib import suppress


class Wakeup:
    """For one thread that waits; any thread may set it."""

    def __init__(self) -> None:
        self._unset = threading.Lock()
        self._unset.acquire()

    def set(self) -> None:
        """Wake the thread that waits, or the next one; to set it twice changes nothing."""
        if self._unset.locked():
            # Another thread may have set it just now.
            with suppress(RuntimeError):
                self._unset.release()

    def is_set(self) -> bool:
        """Return whether it was set since it was cleared."""
        return not self._unset.locked()

    def clear(self) -> None:
        """Unset it."""
        self._unset.acquire(blocking=False)

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` until it is set; return whether it is. It stays set."""
        if not self._unset.acquire(timeout=max(0.0, seconds)):
            return False
        self.set()
        return True
