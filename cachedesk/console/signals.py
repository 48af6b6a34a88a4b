"""Signals that end a run are noted, so that everything can be closed in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType, TracebackType

_WORDS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "SIGHUP (the terminal was closed)",
}


class Signals:
    """While its ``with`` block lasts, SIGINT, SIGTERM and SIGHUP raise nothing: they are noted,
    and ``on_signal`` is called, on a thread of its own. Used by the main thread, which must not
    sleep in C code."""

    def __init__(self, on_signal: Callable[[], None] | None = None) -> None:
        self.on_signal = on_signal
        self.received = threading.Event()
        self._number: signal.Signals | None = None
        self._before: dict[signal.Signals, object] = {}
        # A handler may interrupt the very code that it calls, a second signal the first one's
        # handler; an Event would then wait for its own lock. This queue is made for handlers.
        self._noted: SimpleQueue[bool] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, name="signals", daemon=True)

    @property
    def exit_code(self) -> int | None:
        """What a shell expects of a process that a signal ended; ``None`` when none came."""
        return None if self._number is None else 128 + self._number

    @property
    def word(self) -> str:
        """What came, in a word; empty when nothing did."""
        return "" if self._number is None else f"stopped by {_WORDS[self._number]}"

    def __enter__(self) -> Signals:
        self._listener.start()
        for number in _WORDS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._noted.put(False)
        self._listener.join()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._number is None:
            self._number = signal.Signals(number)
        self._noted.put(True)

    def _listen(self) -> None:
        while self._noted.get():
            self.received.set()
            if self.on_signal is not None:
                self.on_signal()
