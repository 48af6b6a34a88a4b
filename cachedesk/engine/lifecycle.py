"""The life of a cache layer: ``with``, closing, and the refusal of calls in a forked child."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NoReturn, Self, TypeVar, cast

from cachedesk.core import forking
from cachedesk.engine.call_gate import CallGate
from cachedesk.engine.call_thread import CallThread

T = TypeVar("T")


class Lifecycle:
    """The part of ``CacheLayer`` that admits calls from its creation until it is closed."""

    def __init__(self, *, calls: CallThread, close: Callable[[], None], name: str) -> None:
        """Admit calls from now on.

        Args:
            calls: carries out the calls of the main thread.
            close: closes the stack.
            name: of the location, for messages.
        """
        self._calls = calls
        self._close = close
        self._name = name
        self._gate = CallGate()
        self._closing = threading.Lock()
        forking.refuses(self)

    def __repr__(self) -> str:
        state = "closed" if self._gate.closed else "open"
        if self._calls.refusing:
            state = "of a parent process"
        return f"<{type(self).__name__} {self._name!r}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"the cache {self._name} cannot be sent to another process; open it in the one that"
            " uses it, or send that one the operations"
        )

    def __enter__(self) -> Self:
        """Return this layer; the end of the block closes it.

        Raises:
            Closed: it is closed.
            Forked: this is a forked child process.
        """
        self._must_be_open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # In a forked child, ``Forked`` must not replace what ends the block, such as ``sys.exit``.
        if kind is None or not self._calls.refusing:
            self.close()

    def close(self) -> None:
        """Close the stack once the calls under way have ended. Pending events stay in the log and
        are flushed after the next open. A second call does nothing.

        Raises:
            Forked: this is a forked child process; nothing was closed, here or in the parent.
        """
        self._calls.check_process()
        # At once, so that calls that wait for a drain or for room in the log give up.
        self._gate.close_without_waiting()
        try:
            self._calls.run(self._close_all)
        except BaseException:
            # An exception of a signal handler may have come before the call was submitted.
            self._calls.end_with(self._close_all)
            raise

    @property
    def closing(self) -> bool:
        """Whether the stack is closing or closed."""
        return self._gate.closed

    def refuse(self, parent: int) -> None:
        """Refuse every call, in a forked child of the process ``parent``; see ``forking``."""
        self._gate.close_without_waiting()

    def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        return cast("T", self._calls.run(self._enter, function, *arguments))

    def _enter(self, function: Callable[..., T], *arguments: Any) -> T:
        with self._gate:
            return function(*arguments)

    def _close_all(self) -> None:
        with self._closing:
            self._gate.close()
            # After an interrupted close, this closes the parts that are still open.
            self._close()

    def _must_be_open(self) -> None:
        if self._gate.closed:
            # The call is refused; it raises the right error, ``Closed`` or ``Forked``.
            self._call(lambda: None)
