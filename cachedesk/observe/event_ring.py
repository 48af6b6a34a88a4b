"""The chronicle: rare facts in a bounded ring, and when faults began and ended."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

from cachedesk.core.clock import wall_seconds
from cachedesk.core.snapshot import Event, EventKind, Mark

_MOST_EVENTS = 200
_MOST_MARKS = 100
_FOLD_SECONDS = 60.0


class EventRing:
    """Events and marks, newest last. Thread-safe; nothing in it knows a screen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._marks: deque[Mark] = deque(maxlen=_MOST_MARKS)

    def say(self, kind: EventKind, text: str, *, topic: str = "") -> None:
        """Add an event that happens now.

        Args:
            kind: what it is about.
            text: what happened, in one sentence.
            topic: what repeats itself: the event takes the place of the last one of this topic, if
                that was less than a minute ago, and counts both.
        """
        event = Event(wall_seconds(), kind, text, topic=topic)
        with self._lock:
            self._events.append(self._folded(event) if topic else event)

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

    def _folded(self, event: Event) -> Event:
        """Let ``event`` take the place of the last one of its topic: many are one line."""
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
