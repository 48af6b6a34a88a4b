"""Every engine event as a record of the ``logging`` module.

A handler may block, raise, or call cachedesk itself. Events are announced by the worker, the
supervisor and callers, some of which hold a lock. So none of them runs a handler: an event goes
into a bounded queue, and a separate thread, which holds no lock, logs it. (This is like
``logging.handlers.QueueListener``, which has no bound and ends when a handler raises.)
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from queue import SimpleQueue

from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EngineEvent, EventCode, Plain
from cachedesk.core.snapshot import EventKind
from cachedesk.observe.event_text import text_of

ROOT_LOGGER = "cachedesk"
PREFIX = "cachedesk_"
"""The prefix of each attribute of a record, so that it cannot clash with those of ``logging``."""

LEVELS: Mapping[EventKind, int] = {
    EventKind.INFO: logging.INFO,
    EventKind.HEALED: logging.INFO,
    EventKind.RECOVERY: logging.INFO,
    EventKind.FAULT: logging.WARNING,
    EventKind.ERROR: logging.ERROR,
}
MOST_WAITING = 1_000
_CLOSE_SECONDS = 2.0

# Without it, the root logger's handler of last resort would print to standard error.
logging.getLogger(ROOT_LOGGER).addHandler(logging.NullHandler())


class EventLogger:
    """Logs the events of one stack, on a thread that starts with the first of them."""

    def __init__(self, directory: str) -> None:
        """Prepare the logger; its thread starts with the first event.

        Args:
            directory: the data directory of the stack; an attribute of each record.
        """
        self._directory = directory
        self._waiting: SimpleQueue[EngineEvent | None] = SimpleQueue()
        self._dropped = 0
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def forward(self, event: EngineEvent) -> None:
        """Queue ``event`` for logging. Returns at once, takes no lock that a handler could hold,
        and never raises; while 1,000 events wait for slow handlers, it is dropped and counted."""
        if self._waiting.qsize() >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.put(event)
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """Wait until all queued events are logged, for at most two seconds, and end the thread."""
        thread = self._thread
        if thread is None:
            return
        self._waiting.put(None)
        # A handler may close the stack.
        if thread is not threading.current_thread():
            thread.join(_CLOSE_SECONDS)

    def _start(self) -> None:
        if self._starting.acquire(blocking=False):
            thread = threading.Thread(target=self._run, name="event-log", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # No thread can be started now; the next event retries.
                self._starting.release()
            else:
                self._thread = thread

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            self._log(event)
            if dropped := self._dropped:
                self._dropped -= dropped
                self._log(EngineEvent(EventCode.EVENTS_DROPPED, {"count": dropped}, wall_seconds()))

    def _log(self, event: EngineEvent) -> None:
        try:
            logger_of(event.code).log(
                LEVELS[event.kind],
                text_of(event.code, event.fields),
                extra=attributes(event, self._directory),
            )
        except BaseException:  # noqa: BLE001 - an error in a handler, even SystemExit, is printed
            if logging.raiseExceptions and sys.stderr is not None:
                traceback.print_exc()


def logger_of(code: EventCode) -> logging.Logger:
    """Return the logger of a code: ``cachedesk.redis`` for ``redis.died``."""
    return logging.getLogger(f"{ROOT_LOGGER}.{code.value.partition('.')[0]}")


def attributes(event: EngineEvent, directory: str) -> dict[str, Plain]:
    """Return the extra attributes of a record: the code, kind, time and fields of ``event``, and
    the data directory of its stack."""
    known: dict[str, Plain] = {
        "code": event.code.value,
        "kind": event.kind.value,
        "at": event.at,
        "directory": directory,
    }
    return {f"{PREFIX}{name}": value for name, value in {**event.fields, **known}.items()}
