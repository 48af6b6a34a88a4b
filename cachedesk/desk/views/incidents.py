"""Incidents: the events of one fault, from its cause to the recovery, as one value.

Everything is derived from the events and marks of a snapshot, so a recording shows the same. An
event without a code (from a recording that has none) is an incident of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cachedesk.core.engine_event import EventCode
from cachedesk.core.snapshot import Event, Mark

_LATE_SECONDS = 6.0
"""How long after the end of an incident an event may still belong to it: without the log, losses
are found when dirty keys are copied."""

_RACE_SECONDS = 1.0
"""How much later than its first effect the injection of a fault may be announced."""

_REPEAT_SECONDS = 60.0

_HEAL, _BACK, _FLUSH = "heal", "Redis", "flush"
_PAIRED: Mapping[EventCode | None, str] = {
    EventCode.WORKER_PAUSED: "resume",
    EventCode.FILES_CHANGED: "files",
    EventCode.REDIS_DIED: _BACK,
    EventCode.REDIS_HUNG: _BACK,
    EventCode.WORKER_CRASHED: _FLUSH,
    EventCode.WORKER_CANNOT_FLUSH: _FLUSH,
}
"""Maps the code of an event that opens an incident to what ends it."""

_ENDS: Mapping[EventCode | None, str] = {
    EventCode.FAULT_HEALED: _HEAL,
    EventCode.FAULT_EXPIRED: _HEAL,
    EventCode.FAULT_ENDED: _HEAL,
    EventCode.FAULT_DISARMED: _FLUSH,
    EventCode.REDIS_BACK: _BACK,
    EventCode.REDIS_STARTED: _BACK,
    EventCode.WORKER_REDELIVERED: _FLUSH,
    EventCode.WORKER_FLUSHES_AGAIN: _FLUSH,
    EventCode.WORKER_RESUMED: "resume",
    EventCode.FILES_BACK: "files",
}

_PARTS: Mapping[EventCode | None, tuple[str, ...]] = {
    EventCode.REDIS_DIED: ("redis",),
    EventCode.REDIS_HUNG: ("redis",),
    EventCode.REDIS_KEEPS_DYING: ("redis",),
    EventCode.REDIS_BACK: ("redis",),
    EventCode.REDIS_BYPASSED: ("redis",),
    EventCode.UNLOGGED_WRITES_LOST: ("redis",),
    EventCode.WORKER_CRASHED: ("worker",),
    EventCode.WORKER_RESTARTED: ("worker",),
    EventCode.WORKER_REDELIVERED: ("worker",),
    EventCode.WORKER_CANNOT_FLUSH: ("database", "log", "worker"),
    EventCode.WORKER_FLUSHES_AGAIN: ("database", "log", "worker"),
    EventCode.WORKER_PAUSED: ("pause",),
    EventCode.WORKER_RESUMED: ("pause",),
    EventCode.FILES_CHANGED: ("files",),
    EventCode.FILES_BACK: ("files",),
    EventCode.DATABASE_REFUSED: ("log",),
    EventCode.DEAD_LETTER_ADDED: ("log",),
    EventCode.DEAD_LETTER_MORE_ADDED: ("log",),
}
"""Maps a code to the parts that an event of this code may belong to, the likeliest first."""

_RETURNS = frozenset(("redis.kill", "redis.down", "redis.old_snapshot"))
"""The faults that are over only when Redis is back."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What happened: one event, or all events of one fault.

    Args:
        events: the events, oldest first; at least one.
        started_at: when it began, in seconds since 1970.
        ended_at: when everything worked again; ``None``: not yet.
        fault: the name of the fault that was injected; empty: none was.
        part: the component that it is about; empty: a single event.
        times: how often it happened, for a single event that was repeated.
    """

    events: tuple[Event, ...]
    started_at: float
    ended_at: float | None
    fault: str = ""
    part: str = ""
    times: int = 1

    @property
    def shown_at(self) -> float:
        """The time that it is listed under: of its cause, or of the last repetition of an event."""
        return self.started_at if self.part else self.events[-1].at

    @property
    def healed_at(self) -> float | None:
        """When the fault ended, which may be before everything worked again; ``None``: not yet."""
        healed = [event.at for event in self.events if _ENDS.get(_code(event)) == _HEAL]
        return healed[-1] if healed else self.ended_at

    @property
    def disarmed(self) -> bool:
        """Whether its fault was healed before it had an effect."""
        return bool(self.of(EventCode.FAULT_DISARMED)) and not self.of(EventCode.WORKER_CRASHED)

    def continues(self, other: Incident) -> bool:
        """Return whether both are the same incident at different times: it gets more events, its
        cause may be announced after its first effect, and its oldest events are forgotten."""
        return self.events[0] in other.events or other.events[0] in self.events

    def of(self, *codes: EventCode) -> tuple[Event, ...]:
        """Return its events of these codes."""
        return tuple(event for event in self.events if event.code in codes)


@lru_cache(maxsize=4)
def incidents(events: tuple[Event, ...], marks: tuple[Mark, ...]) -> tuple[Incident, ...]:
    """Return the incidents of a snapshot's ``events``, in the order of ``shown_at``.

    ``marks`` name the faults, which the events of their injection do not.
    """
    folding = _Folding(marks)
    for event in events:
        folding.add(event)
    return tuple(sorted(map(_Open.closed, folding.found), key=lambda found: found.shown_at))


@dataclass
class _Open:
    """An incident to which events are still added."""

    events: list[Event]
    part: str = ""
    fault: str = ""
    waits_for: set[str] = field(default_factory=set)
    ended_at: float | None = None
    times: int = 1

    def add(self, event: Event) -> None:
        self.events.append(event)
        self.note(event)

    def note(self, event: Event) -> None:
        """Update what has to happen before this incident is over."""
        if (wanted := _PAIRED.get(_code(event))) is not None:
            self.waits_for.add(wanted)
            self.ended_at = None
        if (end := _ENDS.get(_code(event))) is not None:
            self.waits_for.discard(end)
        if not self.waits_for and self.ended_at is None:
            self.ended_at = event.at

    def takes(self, event: Event) -> bool:
        """Return whether ``event``, which is about its part, belongs to it."""
        if self.ended_at is None:
            return True
        if _code(event) in _PAIRED and not self.fault.startswith(("database.", "log.")):
            return False
        return event.at - self.ended_at < _LATE_SECONDS

    def closed(self) -> Incident:
        began = self.events[0]
        started_at = began.at if began.first_at is None else began.first_at
        return Incident(
            tuple(self.events), started_at, self.ended_at, self.fault, self.part, self.times
        )


class _Folding:
    """Assigns events to incidents, one after another."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        self.found: list[_Open] = []
        self._marks = [mark for mark in marks if not mark.is_bookmark]

    def add(self, event: Event) -> None:
        code = _code(event)
        if code is EventCode.FAULT_INJECTED and (mark := self._mark(event)) is not None:
            self._inject(event, mark)
        elif (names := tuple(_named(event))) and (its := self._of_faults(names)):
            for incident in its:
                incident.add(event)
        elif (home := self._home(event)) is not None:
            home.add(event)
        elif code in _PAIRED:
            self._open(event, _PARTS[code][-1])
        elif not self._repeats(event):
            self._open(event, "")

    def _open(self, event: Event, part: str) -> None:
        opened = _Open([event], part)
        opened.note(event)
        self.found.append(opened)

    def _inject(self, event: Event, mark: Mark) -> None:
        part = mark.name.partition(".")[0]
        last = self._last((part,))
        if last is None or last.fault or not 0 <= event.at - last.events[0].at < _RACE_SECONDS:
            last = _Open([], part)
            self.found.append(last)
        # The effect may be announced before the fault: the cause comes first all the same.
        last.events.insert(0, event)
        last.fault = mark.name
        back = any(_ENDS.get(_code(each)) == _BACK for each in last.events)
        if mark.name in _RETURNS and not back:
            last.waits_for.add(_BACK)
        if mark.end_at != mark.start_at:
            last.waits_for.add(_HEAL)
        if mark.name == "worker.crash" and len(last.events) == 1:
            last.waits_for.add(_FLUSH)
        last.ended_at = None if last.waits_for else last.events[-1].at

    def _mark(self, event: Event) -> Mark | None:
        """Return the mark of the fault that ``event`` has injected, once: the last one before it,
        because a pause of the worker has a mark too."""
        near = [mark for mark in self._marks if 0 <= event.at - mark.start_at < _RACE_SECONDS]
        if not near:
            return None
        mark = max(near, key=lambda mark: mark.start_at)
        self._marks.remove(mark)
        return mark

    def _of_faults(self, names: Iterable[str]) -> list[_Open]:
        newest = {incident.fault: incident for incident in self.found if incident.fault}
        # Of two crashes that are armed, the one that is disarmed is still waited for.
        newest |= {it.fault: it for it in self.found if it.fault and it.ended_at is None}
        return [newest[name] for name in names if name in newest]

    def _home(self, event: Event) -> _Open | None:
        parts = _PARTS.get(_code(event), ())
        candidates = [its for part in parts if (its := self._last((part,))) is not None]
        # What waits for this event comes before what merely ended a moment ago.
        ends = _ENDS.get(_code(event))
        candidates.sort(key=lambda its: (ends not in its.waits_for, its.ended_at is not None))
        return next((its for its in candidates if its.takes(event)), None)

    def _last(self, parts: Sequence[str]) -> _Open | None:
        return next((its for its in reversed(self.found) if its.part in parts), None)

    def _repeats(self, event: Event) -> bool:
        """Return whether ``event`` says the same as the last one, which then counts both."""
        last = self.found[-1] if self.found else None
        if last is None or last.part or last.events[-1].text != event.text:
            return False
        if last.events[-1].code != event.code or event.at - last.events[-1].at >= _REPEAT_SECONDS:
            return False
        last.events.append(event)
        last.times += event.times
        last.ended_at = event.at
        return True


def _code(event: Event) -> EventCode | None:
    return _CODES.get(event.code)


_CODES = {code.value: code for code in EventCode}


def _named(event: Event) -> Iterator[str]:
    """Yield the names of the faults that ``event``, the end of some, has in its text."""
    text = event.text
    match _code(event):
        case EventCode.FAULT_HEALED:
            yield from text.split(", ")
        case EventCode.FAULT_EXPIRED:
            yield text.partition(",")[0]
        case EventCode.FAULT_DISARMED:
            yield text.partition(" was disarmed")[0]
        case EventCode.FAULT_ENDED:
            yield text.partition(" is over")[0]
        case EventCode.FAULT_IMPACT:
            yield text.partition(" lasted ")[0]
