"""The chronicle: rare facts in a bounded ring, and when faults began and ended."""

from __future__ import annotations

import threading
from collections import deque

from cachedesk.engine.clock import wall_seconds
from cachedesk.engine.snapshot import Event, EventKind, Mark

_MOST_EVENTS = 200
_MOST_MARKS = 100


class Chronicle:
    """Events and marks, newest last. Thread-safe; nothing in it knows a screen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._marks: deque[Mark] = deque(maxlen=_MOST_MARKS)

    def say(self, kind: EventKind, text: str) -> None:
        """Add an event that happens now."""
        with self._lock:
            self._events.append(Event(wall_seconds(), kind, text))

    def begin(self, name: str, *, lasting: bool) -> None:
        """Mark that the fault ``name`` begins now; one that is not ``lasting`` ends at once."""
        now = wall_seconds()
        with self._lock:
            self._marks.append(Mark(name, now, None if lasting else now))

    def end(self, name: str) -> None:
        """Mark that the fault ``name`` ends now."""
        now = wall_seconds()
        with self._lock:
            for place, mark in enumerate(self._marks):
                if mark.name == name and mark.end_at is None:
                    self._marks[place] = Mark(name, mark.start_at, now)

    def events(self) -> tuple[Event, ...]:
        """Return the events, oldest first."""
        with self._lock:
            return tuple(self._events)

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks, oldest first."""
        with self._lock:
            return tuple(self._marks)
