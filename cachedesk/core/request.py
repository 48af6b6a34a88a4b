"""A request: what a caller wants committed, and waits for."""

from __future__ import annotations

import threading
from contextlib import suppress

# A ring is lost only with a caller that is interrupted twice between two steps.
_LOOK_SECONDS = 1.0


class Request:
    """What a caller wants committed. The committer decides it: done, or failed with an error."""

    __slots__ = ("_bell", "decided", "error")

    def __init__(self) -> None:
        self.decided = False
        self.error: BaseException | None = None
        # Made by whoever waits: who leads at once needs none.
        self._bell: threading.Lock | None = None

    def done(self) -> None:
        """Say that the request was carried out."""
        self.decided = True
        self.ring()

    def fail(self, error: BaseException) -> None:
        """Say that the request was not carried out, or may not have been."""
        self.error = error
        self.decided = True
        self.ring()

    def ring(self) -> None:
        """Have its caller look what became of it, or lead."""
        if self._bell is not None:
            # It may ring already.
            with suppress(RuntimeError):
                self._bell.release()

    def hang_bell(self) -> None:
        """Make sure that a ring from now on is heard."""
        if self._bell is None:
            bell = threading.Lock()
            bell.acquire()
            self._bell = bell

    def wait(self) -> None:
        """Wait for a ring."""
        if self._bell is not None:
            self._bell.acquire(timeout=_LOOK_SECONDS)
