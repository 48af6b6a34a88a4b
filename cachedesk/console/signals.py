"""Signals that end a run are recorded instead of raised, so that everything closes in order."""

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
    """Records SIGINT, SIGTERM and SIGHUP during its ``with`` block; they raise nothing.
    ``on_signal`` is called on a separate thread. Used by the main thread, which must not block
    in C code."""

    def __init__(self, on_signal: Callable[[], None] | None = None) -> None:
        self.on_signal = on_signal
        self.received = threading.Event()
        self._number: signal.Signals | None = None
        self._before: dict[signal.Signals, object] = {}
        # A handler may interrupt the code that it calls, and a second signal may interrupt the
        # handler of the first; an Event would then deadlock on its own lock. A SimpleQueue is
        # reentrant, so it is safe in handlers.
        self._noted: SimpleQueue[bool] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, name="signals", daemon=True)

    @property
    def exit_code(self) -> int | None:
        """The exit code of a process that a signal ended; ``None`` if no signal came."""
        return None if self._number is None else 128 + self._number

    @property
    def word(self) -> str:
        """The signal that came, in a few words; empty if none came."""
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
