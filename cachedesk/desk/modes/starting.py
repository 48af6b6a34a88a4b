"""A session that opens in the background, so that the desk can be shown at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from cachedesk.core.clock import wall_seconds
from cachedesk.core.commands import Command
from cachedesk.core.errors import Unavailable
from cachedesk.core.key_report import KeyReport
from cachedesk.core.snapshot import Books, Reads, Snapshot
from cachedesk.lab.load.operations import Operation
from cachedesk.lab.run.session import Session
from cachedesk.lab.run.warm_start import warm_up

_RESTING_RATE = 1.0
"""Operations per second while the desk shows something else."""
_STILL_STARTING = "the stack is still starting; try again in a moment"


class StartingSession:
    """Opens a session on its own thread; is a ``Source``, ``Control`` and ``Inspector`` for it.

    The thread lives until ``close`` and closes the session itself, because the kernel ends the
    Redis server together with the thread that started it.

    Args:
        open_session: opens the session; may take several seconds, may raise.
        contents: what the stack is filled and warmed with before the load starts.
    """

    def __init__(
        self, open_session: Callable[[], Session], contents: Iterable[Operation] = ()
    ) -> None:
        self._open_session = open_session
        self._contents = contents
        self._warming = ""
        self._rate: float | None = None
        self._hot_values = True
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
        """Return the session's snapshot; while it opens, one in which everything is starting.

        While the stack is being warmed up, the workload says so and there is no history yet.
        """
        warming = self._warming
        if self._session is None:
            return Snapshot(at=wall_seconds())
        if warming:
            return replace(
                self._session.snapshot(), workload=warming, rate=None, ticks=(), reads=Reads()
            )
        return self._session.snapshot()

    def read_hot_values(self, *, wanted: bool) -> None:
        """Have the next snapshots contain the values of the hot keys in Redis, or not."""
        self._hot_values = wanted
        if self._session is not None:
            self._session.read_hot_values(wanted=wanted)

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

    def rest(self, *, rests: bool) -> None:
        """Slow the workload down to nearly nothing, or back to its rate, without an event."""
        if self._session is None or self._session.driver.ended:
            return
        driver = self._session.driver
        if rests:
            self._rate = driver.rate
        driver.set_rate(_RESTING_RATE if rests else self._rate)

    def books(self) -> Books | None:
        """Return the books, even after the session was closed; ``None`` if it never opened."""
        return None if self._session is None else self._session.stack.pending.books()

    def _ready(self) -> Session:
        if self._session is None:
            raise Unavailable(_STILL_STARTING)
        return self._session

    def _show_progress(self, done: int, total: int) -> None:
        self._warming = f"warming up: {done:,} of {total:,} keys"

    def _live(self, on_error: Callable[[], None]) -> None:
        try:
            with self._open_session() as session:
                self._warming = "warming up"
                self._session = session
                session.read_hot_values(wanted=self._hot_values)
                warm_up(session, self._contents, self._closing, self._show_progress)
                session.start()
                self._warming = ""
                self._closing.wait()
        except Exception as error:  # noqa: BLE001 - raised again by close, on the caller's thread
            self.error = error
            if not self._closing.is_set():
                on_error()
