"""The call thread: calls of the main thread run where no signal handler can interrupt them.

Python runs signal handlers in the main thread, between any two instructions. An exception that a
handler raises (Ctrl-C at a prompt, a soft time limit, an alarm) can arrive after a lock was
acquired and before the block that releases it, or after BEGIN and before the block that rolls back.
No combination of try and finally closes that gap. So the main thread submits each call to the call
thread and waits; only the wait can be interrupted. The hand-over costs about 7 microseconds.

An interrupted call is not cancelled: it runs to its end, which a deadline bounds, and the next call
of the main thread starts after it. So calls stay in order, and all stores agree on the outcome. A
call that may wait for long (for a full log) checks ``abandoned`` and gives up.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from cachedesk.core import forking

T = TypeVar("T")

# How often a waiting caller checks that the call thread still runs: it may have ended, or be frozen
# by the interpreter's exit.
_POLL_SECONDS = 1.0
# A caller that has not polled for this long was interrupted twice, the second time before it could
# mark its call as abandoned.
_GONE_SECONDS = 20.0


class _Call(Generic[T]):
    """One function call and its outcome."""

    __slots__ = (
        "_arguments",
        "_function",
        "abandoned",
        "done",
        "ended",
        "error",
        "polled_at",
        "result",
    )

    def __init__(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self.result: T | None = None
        self.error: BaseException | None = None
        self.abandoned = False
        self.ended = False
        self.polled_at = time.monotonic()
        # A plain lock: an Event is written in Python, and an interrupt can leave it inconsistent.
        self.done = threading.Lock()
        self.done.acquire()

    def carry_out(self) -> None:
        """Call the function and release ``done``; never raises."""
        try:
            self.result = self._function(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller
            if not self.abandoned:
                self.error = error
        finally:
            self.ended = True
            self.done.release()

    def outcome(self) -> T:
        """Return what the function returned, or raise what it raised."""
        error, self.error = self.error, None
        if error is None:
            return cast("T", self.result)
        try:
            raise error
        finally:
            # The error refers to this frame: a cycle would keep open the resources of its frames.
            del error


class CallThread:
    """Runs the calls of the main thread on a separate thread, one after the other. Calls of other
    threads run directly."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._current: _Call[Any] | None = None
        self._newest: _Call[Any] | None = None
        self._ended = False
        self._parent: int | None = None
        self._suspected_at: float | None = None
        forking.refuses(self)
        # Started here, not by the first call: an interrupt of the first call could lead to two
        # threads, and to two calls at once.
        self._thread = threading.Thread(target=self._serve, name="call-thread", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The interpreter exits and starts no more threads.
            self._ended = True

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call ``function`` with ``arguments``; return its result or raise its error.

        A call of the main thread runs on the call thread. An exception of a signal handler ends
        the wait at once; the call continues in the background.

        Raises:
            Forked: this is a forked child process.
        """
        self.check_process()
        if not _in_interruptible_thread() or not self._is_serving():
            return function(*arguments)
        call = _Call(function, arguments)
        try:
            # Before ``put``: a call that is interrupted between the two must not be overlooked.
            self._newest = call
            self._calls.put(call)
            while not call.done.acquire(timeout=_POLL_SECONDS):
                call.polled_at = time.monotonic()
                # A signal handler may have forked during the wait.
                self.check_process()
                if not self._is_serving() and call.done.locked():
                    # The call thread ended before it reached this call.
                    return function(*arguments)
        except BaseException:
            call.abandoned = True
            raise
        self._newest = None
        return call.outcome()

    @property
    def overtakes(self) -> bool:
        """Whether a call that runs directly on this thread now would overtake an interrupted one
        that has not ended."""
        newest = self._newest
        return newest is not None and not newest.ended and _in_interruptible_thread()

    @property
    def abandoned(self) -> bool:
        """Whether the caller of the call that runs on this thread was interrupted."""
        call, now = self._current, time.monotonic()
        if call is None or self._thread is not threading.current_thread():
            return False
        if call.abandoned or now - call.polled_at <= _GONE_SECONDS:
            self._suspected_at = None
            return call.abandoned
        # If the whole process was stopped for a while, the caller will poll again.
        self._suspected_at = self._suspected_at or now
        return now - self._suspected_at > _GONE_SECONDS

    def end_with(self, function: Callable[[], object]) -> None:
        """Call ``function`` after the calls under way, then end. Do not wait for it."""
        if not _in_interruptible_thread() or not self._is_serving():
            function()
        else:
            self._calls.put(_Call(function, ()))
        self.end()

    def queue_last(self, function: Callable[[], object]) -> bool:
        """Queue ``function`` for the call thread, which ends after it; return whether that thread
        still runs. For a finalizer, which may run in the middle of anything: it takes no lock."""
        if not self._is_serving() or self.refusing:
            return False
        self._calls.put(_Call(function, ()))
        self.end()
        return True

    def end(self) -> None:
        """End after the calls in the queue; later calls run on the thread of their caller."""
        self._calls.put(None)

    def refuse(self, parent: int) -> None:
        """Raise ``Forked`` in each call from now on; see ``forking``."""
        self._parent = parent

    @property
    def refusing(self) -> bool:
        """Whether all calls are refused, in a forked child."""
        forking.notice()
        return self._parent is not None

    def check_process(self) -> None:
        """Raise ``Forked`` if this is a forked child process."""
        forking.notice()
        if self._parent is not None:
            raise forking.refusal(self._parent)

    def _is_serving(self) -> bool:
        # Not ``Thread.is_alive``: an exception in the middle of it marks the thread as ended
        # (Python 3.11 and 3.12).
        return not self._ended and not sys.is_finalizing()

    def _serve(self) -> None:
        while not self._ended or not self._calls.empty():
            call = self._calls.get()
            if call is None:
                # Calls that were submitted before this is set are still carried out.
                self._ended = True
                continue
            self._current = call
            call.carry_out()
            # Keep no reference to its result, so that it lives only as long as the caller needs it.
            self._current = call = None


def _in_interruptible_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident
