"""Group commit: callers that arrive while a commit is under way share the next one.

The first caller to find nobody committing leads: it commits every request in the queue, its own
among them, with one durable step. There is no thread in between, so a lone caller pays nothing.
(The idea is the group commit of databases; DeWitt et al., 1984.)

Who does not lead waits for a bell of its own, which its leader rings when its request is decided.
Were all of them to wait for the leader's lock, they would get it one after the other, each of them
only to see that it is done; and whoever is not done would lead a commit of its own before the
others are back. A bell is only a hint: whoever hears it looks for itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from cachedesk.core.errors import OutcomeUnknown
from cachedesk.core.request import Request

R = TypeVar("R", bound=Request)


class GroupCommit(Generic[R]):
    """A queue of requests and one commit at a time."""

    def __init__(self, commit: Callable[[list[R]], None], most: int) -> None:
        """Prepare to call ``commit`` with up to ``most`` requests, oldest first.

        ``commit`` decides each request; one that it leaves undecided goes back to the front of
        the queue. If it raises, every undecided request fails with that error.
        """
        self._commit = commit
        self._most = most
        self._queue: deque[R] = deque()
        self._leading = threading.Lock()

    def submit(self, request: R) -> None:
        """Return when ``request`` was carried out; raise what it failed with."""
        self._queue.append(request)
        try:
            while not request.decided:
                if self._leading.locked():
                    self._follow(request)
                else:
                    self._lead(request)
        except BaseException:
            self._withdraw(request)
            raise
        error, request.error = request.error, None
        if error is not None:
            try:
                raise error
            finally:
                # It knows this frame: what its own frames hold open must not wait for the
                # garbage collector (a cursor keeps the file of a closed connection).
                del error

    def _follow(self, request: R) -> None:
        request.prepare_to_wait()
        # Checked again after that: the leader of now, or the one that has just ended, notifies.
        if self._leading.locked() and not request.decided:
            request.wait()

    def _lead(self, request: R) -> None:
        with self._leading:
            while not request.decided:
                self._commit_next()
        self._call_next()

    def _call_next(self) -> None:
        with suppress(IndexError):
            self._queue[0].notify()

    def _withdraw(self, request: R) -> None:
        """Make sure an interrupted caller's request is not committed after its caller has gone,
        and with it the fence that protects it."""
        try:
            self._queue.remove(request)
        except ValueError:
            # However often it is interrupted: the leader has a deadline.
            while True:
                with suppress(KeyboardInterrupt), self._leading:
                    # It may have been left undecided.
                    with suppress(ValueError):
                        self._queue.remove(request)
                    break
        self._call_next()

    def _commit_next(self) -> None:
        group = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
        try:
            self._commit(group)
        except BaseException as error:
            for request in group:
                if not request.decided:
                    request.fail(_for_others(error))
            if not isinstance(error, Exception):
                raise
        self._queue.extendleft(request for request in reversed(group) if not request.decided)


def _for_others(error: BaseException) -> BaseException:
    """A leader that was interrupted must not interrupt those who only waited for it."""
    if isinstance(error, Exception):
        return error
    return OutcomeUnknown("the write was interrupted while it was being made durable")
