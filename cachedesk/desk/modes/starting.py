"""A session that opens in the background, so that the desk can be shown at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cachedesk.core.clock import wall_seconds
from cachedesk.core.commands import Command
from cachedesk.core.errors import Unavailable
from cachedesk.core.key_report import KeyReport
from cachedesk.core.snapshot import Books, Snapshot
from cachedesk.lab.run.session import Session

_STILL_STARTING = "the stack is still starting; try again in a moment"


class StartingSession:
    """Opens a session on its own thread; is a ``Source``, ``Control`` and ``Inspector`` for it.

    The thread lives until ``close`` and closes the session itself, because the kernel ends the
    Redis server together with the thread that started it.

    Args:
        open_session: opens the session; may take several seconds, may raise.
    """

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open_session = open_session
        self._session: Session | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None

    def start(self, on_error: Callable[[], None]) -> None:
        """Start to open the session; ``on_error`` is called on that thread if opening fails."""
        self._thread = threading.Thread(
            target=self._live, args=(on_error,), name="session", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Close the session, or abandon opening it. Closing twice is harmless.

        Raises:
            Exception: the error of opening or closing the session.
        """
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        if self.error is not None:
            raise self.error

    def snapshot(self) -> Snapshot:
        """Return the session's snapshot; while it opens, one in which everything is starting."""
        return self._session.snapshot() if self._session else Snapshot(at=wall_seconds())

    def perform(self, command: Command) -> str:
        """Carry out ``command``, as ``Session.perform`` does.

        Raises:
            Unavailable: the session is still opening.
        """
        return self._ready().perform(command)

    def inspect(self, key: bytes) -> KeyReport:
        """Return the report on ``key``.

        Raises:
            Unavailable: the session is still opening.
        """
        return self._ready().inspect(key)

    def books(self) -> Books | None:
        """Return the books, even after the session was closed; ``None`` if it never opened."""
        return None if self._session is None else self._session.stack.pending.books()

    def _ready(self) -> Session:
        if self._session is None:
            raise Unavailable(_STILL_STARTING)
        return self._session

    def _live(self, on_error: Callable[[], None]) -> None:
        try:
            with self._open_session() as session:
                session.start()
                self._session = session
                self._closing.wait()
        except Exception as error:  # noqa: BLE001 - raised again by close, on the caller's thread
            self.error = error
            if not self._closing.is_set():
                on_error()
