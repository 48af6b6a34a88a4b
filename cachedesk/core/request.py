"""A request: what a caller wants committed, and waits for until it is decided."""

from __future__ import annotations

import threading
from contextlib import suppress

# A notification is lost only if a caller is interrupted twice between two steps.
_RECHECK_SECONDS = 1.0


class Request:
    """What a caller wants committed. The committer decides it: done, or failed with an error."""

    __slots__ = ("_wakeup", "decided", "error")

    def __init__(self) -> None:
        self.decided = False
        self.error: BaseException | None = None
        # Created when a caller has to wait: a caller that becomes the leader at once does not.
        self._wakeup: threading.Lock | None = None

    def done(self) -> None:
        """Mark the request as carried out."""
        self.decided = True
        self.notify()

    def fail(self, error: BaseException) -> None:
        """Mark the request as not carried out, or of unknown outcome."""
        self.error = error
        self.decided = True
        self.notify()

    def notify(self) -> None:
        """Wake the caller, so that it checks the outcome or becomes the leader."""
        if self._wakeup is not None:
            # It may be notified already.
            with suppress(RuntimeError):
                self._wakeup.release()

    def prepare_to_wait(self) -> None:
        """Make sure that no notification from now on is missed."""
        if self._wakeup is None:
            wakeup = threading.Lock()
            wakeup.acquire()
            self._wakeup = wakeup

    def wait(self) -> None:
        """Wait for a notification, for at most a second."""
        if self._wakeup is not None:
            self._wakeup.acquire(timeout=_RECHECK_SECONDS)
