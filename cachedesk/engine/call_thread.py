"""The call thread: calls of the main thread run where no signal handler can interrupt them.

Python runs signal handlers in the main thread, between any two instructions. An exception that a
handler raises (Ctrl-C at a prompt, a soft time limit, an alarm) can arrive after a lock was taken
and before the block that releases it, or after BEGIN and before the block that rolls back. No
amount of try and finally closes that gap. So the main thread hands each call over to a thread of
its own and waits; only the wait can be interrupted. The hand-over costs about 7 microseconds.

An interrupted call is not taken back: it goes on to its end, which a deadline bounds, and the next
call of the main thread starts after it. Order is kept, and every place agrees on the outcome. What
may wait for long (a full log) looks at ``abandoned`` and gives up.
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

# Only a thread that has ended, or is frozen by the interpreter's exit, is noticed by looking.
_LOOK_SECONDS = 1.0
# A caller that has not looked for so long was interrupted twice, the second time before it said so.
_GONE_SECONDS = 20.0


class _Call(Generic[T]):
    """One function call, and what became of it."""

    __slots__ = (
        "_arguments",
        "_function",
        "abandoned",
        "done",
        "ended",
        "error",
        "looked_at",
        "result",
    )

    def __init__(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self.result: T | None = None
        self.error: BaseException | None = None
        self.abandoned = False
        self.ended = False
        self.looked_at = time.monotonic()
        # A plain lock: an Event is Python, and can itself be interrupted half-way.
        self.done = threading.Lock()
        self.done.acquire()

    def carry_out(self) -> None:
        """Call the function and release ``done``; never raises."""
        try:
            self.result = self._function(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - it is the caller's
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
            # The error knows this frame: a cycle would keep alive what its frames hold open.
            del error


class CallThread:
    """Runs calls of the main thread, one after the other; those of other threads directly."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._current: _Call[Any] | None = None
        self._newest: _Call[Any] | None = None
        self._ended = False
        self._parent: int | None = None
        self._suspected_at: float | None = None
        forking.refuses(self)
        # Now, whichever thread this is: were it started by the first call, and that interrupted,
        # there could be two, and two calls at once.
        self._thread = threading.Thread(target=self._serve, name="call-thread", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The interpreter exits, and starts no thread any more.
            self._ended = True

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call ``function`` with ``arguments`` and return or raise what it does.

        Called by the main thread, it runs on the call thread. An exception of a signal handler
        ends the wait at once and leaves the call to itself.
        """
        self._check_process()
        if not _in_interruptible_thread() or not self._is_serving():
            return function(*arguments)
        call = _Call(function, arguments)
        try:
            # First: what is put there and interrupted before it is noted would be overlooked.
            self._newest = call
            self._calls.put(call)
            while not call.done.acquire(timeout=_LOOK_SECONDS):
                call.looked_at = time.monotonic()
                # A signal handler may have forked in the middle of this.
                self._check_process()
                if not self._is_serving() and call.done.locked():
                    # It ended before it came to this call.
                    return function(*arguments)
        except BaseException:
            call.abandoned = True
            raise
        self._newest = None
        return call.outcome()

    @property
    def overtakes(self) -> bool:
        """Whether a call made here and now, on this thread, would go past one that its caller was
        torn out of and that has not ended."""
        newest = self._newest
        return newest is not None and not newest.ended and _in_interruptible_thread()

    @property
    def abandoned(self) -> bool:
        """Whether the call that runs on this thread has lost its caller to an interrupt."""
        call, now = self._current, time.monotonic()
        if call is None or self._thread is not threading.current_thread():
            return False
        if call.abandoned or now - call.looked_at <= _GONE_SECONDS:
            self._suspected_at = None
            return call.abandoned
        # If the whole process was stopped for a while, its caller will look again.
        self._suspected_at = self._suspected_at or now
        return now - self._suspected_at > _GONE_SECONDS

    def leave(self, function: Callable[[], object]) -> None:
        """Have ``function`` called after the calls under way, and end; wait for nothing."""
        if not _in_interruptible_thread() or not self._is_serving():
            function()
        else:
            self._calls.put(_Call(function, ()))
        self.end()

    def end(self) -> None:
        """End after the calls that wait; later ones run on the thread of their caller."""
        self._calls.put(None)

    def refuse(self, parent: int) -> None:
        """Raise ``Forked`` in each call from now on; see ``forking``."""
        self._parent = parent

    @property
    def refusing(self) -> bool:
        """Whether all calls are refused, in a forked child."""
        return self._parent is not None

    def _check_process(self) -> None:
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
                # What was handed over before this was seen is carried out all the same.
                self._ended = True
                continue
            self._current = call
            call.carry_out()
            # What it returned is its caller's alone.
            self._current = call = None


def _in_interruptible_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident
