"""A bounded ring of rare events, and the times at which faults began and ended."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EngineEvent, EventCode, Plain
from cachedesk.core.snapshot import Event, Mark
from cachedesk.observe.event_text import text_of

_MOST_EVENTS = 200
_MOST_MARKS = 100
_FOLD_SECONDS = 60.0


class EventRing:
    """Events and marks, newest last. Thread-safe."""

    def __init__(self, forward: Callable[[EngineEvent], None] | None = None) -> None:
        """Create an empty ring.

        Args:
            forward: also called with each event, on the thread and under the locks of the part
                that announced it, so it must return at once and never raise.
        """
        self._forward = forward
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._marks: deque[Mark] = deque(maxlen=_MOST_MARKS)

    def add(self, code: EventCode, **fields: Plain) -> str:
        """Add an event that happens now, and return its text.

        An event that has a topic replaces the last one of that topic, if that was less than a
        minute ago, and counts both.

        Args:
            code: what happened.
            fields: the details, as ``SPECS`` lists them.
        """
        event = EngineEvent(code, fields, wall_seconds())
        text, topic = text_of(code, fields), event.topic
        shown = Event(event.at, event.kind, text, topic=topic, code=code.value)
        with self._lock:
            self._events.append(self._folded(shown) if topic else shown)
        if self._forward is not None:
            self._forward(event)
        return text

    def begin(self, name: str, *, lasting: bool) -> None:
        """Mark that the fault ``name`` begins now; if it is not ``lasting``, it also ends now."""
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

    def _folded(self, event: Event) -> Event:
        """Merge ``event`` with the last event of its topic, so that many are one line."""
        same = (each for each in reversed(self._events) if each.topic == event.topic)
        last = next(same, None)
        if last is None or not 0 <= event.at - last.at < _FOLD_SECONDS:
            return event
        self._events.remove(last)
        first_at = last.at if last.first_at is None else last.first_at
        return replace(event, times=last.times + 1, first_at=first_at)

    def events(self) -> tuple[Event, ...]:
        """Return the events, oldest first."""
        with self._lock:
            return tuple(self._events)

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks, oldest first."""
        with self._lock:
            return tuple(self._marks)
