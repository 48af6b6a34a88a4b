"""A bell: whoever rings it wakes the one who waits. Like ``threading.Event``, but whole in C:
an Event is Python, and a Ctrl-C inside its ``set`` leaves its lock taken for ever."""

from __future__ import annotations

from queue import Empty, SimpleQueue


class Wakeup:
    """For one listener; any thread may ring."""

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Ring; ringing a bell that rings already changes nothing."""
        if self._rings.empty():
            self._rings.put(None)

    def is_set(self) -> bool:
        """Return whether it was rung since it was cleared."""
        return not self._rings.empty()

    def clear(self) -> None:
        """Silence it."""
        while self.is_set():
            self._take(0.0)

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for a ring; return whether it came. The ring stays."""
        if not self._take(seconds):
            return False
        self.set()
        return True

    def _take(self, seconds: float) -> bool:
        try:
            self._rings.get(timeout=seconds)
        except Empty:
            return False
        return True
