"""Group commit: callers that arrive while a commit is under way share the next one.

A caller that arrives while no commit is under way becomes the leader: it commits every request in
the queue, its own included, in one durable step. No other thread is involved, so a lone caller pays
nothing. (The idea is the group commit of databases; DeWitt et al., 1984.)

The other callers are followers. Each waits on a lock of its own, and the leader notifies it when
its request is decided. If all followers waited on the leader's lock, they would acquire it one
after the other, most of them only to find their request decided; and a follower whose request is
not decided would lead a small commit before the others have submitted their next requests. A
notification is only a hint: the follower then checks its request itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from cachedesk.core.errors import OutcomeUnknown
from cachedesk.core.request import Request

R = TypeVar("R", bound=Request)


class GroupCommit(Generic[R]):
    """A queue of requests that are committed in groups, one commit at a time."""

    def __init__(self, commit: Callable[[list[R]], None], most: int) -> None:
        """Prepare.

        Args:
            commit: called with a group of requests, oldest first. It decides each of them; a
                request that it leaves undecided goes back to the front of the queue. If it raises,
                every undecided request fails with that error.
            most: the maximum number of requests in a group.
        """
        self._commit = commit
        self._most = most
        self._queue: deque[R] = deque()
        self._leading = threading.Lock()

    def submit(self, request: R) -> None:
        """Return when ``request`` has been committed; raise the error it failed with."""
        self._queue.append(request)
        try:
            self._decide(request)
        except BaseException:
            self._withdraw(request)
            raise
        error, request.error = request.error, None
        if error is not None:
            try:
                raise error
            finally:
                # The error refers to this frame, and this frame to the error: a cycle. Resources
                # that its frames hold must not wait for the garbage collector (a cursor keeps the
                # file of a closed connection open).
                del error

    def submit_all(self, requests: Sequence[R]) -> None:
        """Return when each of ``requests`` has been decided, in their order; raise none of their
        errors. They share commits with each other and with the requests of other callers."""
        self._queue.extend(requests)
        try:
            for request in requests:
                self._decide(request)
        except BaseException:
            for request in requests:
                if not request.decided:
                    self._withdraw(request)
            raise

    def _decide(self, request: R) -> None:
        while not request.decided:
            if self._leading.locked():
                self._follow(request)
            else:
                self._lead(request)

    def _follow(self, request: R) -> None:
        request.prepare_to_wait()
        # Checked again after that: the current leader, or the one that has just ended, notifies.
        if self._leading.locked() and not request.decided:
            request.wait()

    def _lead(self, request: R) -> None:
        with self._leading:
            while not request.decided:
                self._commit_next()
        self._notify_next()

    def _notify_next(self) -> None:
        with suppress(IndexError):
            self._queue[0].notify()

    def _withdraw(self, request: R) -> None:
        """Make sure that the request of an interrupted caller is not committed after its caller
        has released the key locks that protect it."""
        try:
            self._queue.remove(request)
        except ValueError:
            # Repeated however often it is interrupted; it ends, because the leader has a deadline.
            while True:
                with suppress(KeyboardInterrupt), self._leading:
                    # The leader may have left it undecided, and put it back into the queue.
                    with suppress(ValueError):
                        self._queue.remove(request)
                    break
        self._notify_next()

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
    """Return the error for the followers of a leader that failed with ``error``: an interrupt of
    the leader must not interrupt them."""
    if isinstance(error, Exception):
        return error
    return OutcomeUnknown("the write was interrupted while it was being made durable")
