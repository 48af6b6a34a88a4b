"""An incident in one line: its cause, its effects, and its recovery, with the time it took.

The figures come from the texts of the events, because a snapshot has no others. A text that is
worded differently, such as one of an older recording, is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from rich.cells import cell_len

from cachedesk.core.engine_event import EventCode
from cachedesk.core.snapshot import Event, EventKind
from cachedesk.core.wording import TIMES, count_of
from cachedesk.desk.views.fault_words import LASTING
from cachedesk.desk.views.formats import clock, span
from cachedesk.desk.views.incidents import Incident
from cachedesk.desk.views.shortening import shortened

_ARROW = " → "


class _Stage(NamedTuple):
    """A stage of an incident, in full and in a few words."""

    full: str
    brief: str = ""

    @property
    def untimed(self) -> _Stage:
        """The return of Redis, without the time that it took."""
        return _Stage(*(re.sub(r"^back after [^:]*: ", "back: ", text) for text in self))


def kind_of(incident: Incident) -> EventKind:
    """Return how an incident stands: the loss of a write and what is still wrong come first."""
    if not incident.part:
        return incident.events[-1].kind
    if incident.of(EventCode.UNLOGGED_WRITES_LOST, EventCode.DEAD_LETTER_ADDED):
        return EventKind.ERROR
    if incident.ended_at is None and incident.healed_at is not None:
        # The fault is over, and what it has interrupted is on its way back.
        return EventKind.RECOVERY
    if incident.ended_at is None:
        return EventKind.FAULT if incident.fault else incident.events[0].kind
    kinds = {event.kind for event in incident.events}
    ended = (EventKind.HEALED, EventKind.RECOVERY)
    return next((kind for kind in ended if kind in kinds), incident.events[0].kind)


def line_of(incident: Incident, width: int) -> str:
    """Return the incident as one line of at most ``width`` cells.

    Without room for all of it, the stages are abbreviated, then those in the middle are left out.
    """
    stages = _stages(incident)
    tail = _tail(incident, stages)
    full = [stage.full for stage in stages]
    brief = [stage.brief or stage.full for stage in stages]
    choices = [full, [full[0], *brief[1:]], brief]
    choices += [[brief[0], *brief[first:]] for first in range(2, len(brief))]
    lines = [_ARROW.join(choice) + tail for choice in choices]
    return next((line for line in lines if cell_len(line) <= width), shortened(lines[-1], width))


def when_of(incident: Incident, *, briefly: bool) -> str:
    """Return when it began and, unless ``briefly``, when everything worked again: a word such as
    "healed" beside the start alone could be read as the time of the end."""
    began = clock(incident.shown_at)
    if briefly or not incident.part or incident.ended_at is None:
        return began
    ended = clock(incident.ended_at)
    return began if ended == began else f"{began}–{ended}"  # noqa: RUF001 - a range


def details_of(incident: Incident) -> tuple[Event, ...]:
    """Return the events that stand under an incident where there is room; none for a single one."""
    return incident.events if incident.part and len(incident.events) > 1 else ()


def lost_writes(incident: Incident) -> int:
    """Return how many acknowledged writes were lost with Redis in this incident."""
    return sum(
        leading_number(event.text) or 0 for event in incident.of(EventCode.UNLOGGED_WRITES_LOST)
    )


def lost_ids(incident: Incident) -> tuple[int, ...]:
    """Return the ids of these writes, as far as the events name them."""
    events = incident.of(EventCode.UNLOGGED_WRITES_LOST)
    return tuple(int(seq) for event in events for seq in re.findall(r"#(\d+)", event.text))


def keys_lost(incident: Incident) -> int:
    """Return how many keys Redis lost in this incident, as far as its events say."""
    if incident.fault == "redis.empty":
        injected = incident.of(EventCode.FAULT_INJECTED)
        return (leading_number(injected[0].text) or 0) if injected else 0
    lost = found_number(r"([\d,]+) keys? (?:was|were) lost", incident.of(EventCode.REDIS_BACK))
    evicted = found_number(r"([\d,]+) keys evicted", incident.of(EventCode.FAULT_IMPACT))
    return lost or evicted or 0


def leading_number(text: str) -> int | None:
    """Return the number at the start of ``text``; ``None`` if there is none."""
    found = re.match(r"[\d,]*\d", text)
    return int(found[0].replace(",", "")) if found else None


def found_number(pattern: str, events: Iterable[Event]) -> int | None:
    """Return the number in the first group of ``pattern``, from the newest event that has one."""
    for event in reversed(tuple(events)):
        if (found := re.search(pattern, event.text)) is not None:
            return int(found[1].replace(",", ""))
    return None


def _stages(incident: Incident) -> list[_Stage]:
    if not incident.part:
        newest = incident.events[-1]
        repeated = incident.times > 1 and newest.first_at is None
        text = f"{TIMES}{incident.times:,} {newest.text}" if repeated else newest.full_text
        return [_Stage(text)]
    codes = {event.code for event in incident.events}
    stages = []
    for code, events in _by_code(incident.events):
        # The crash itself says more than the announcement that there will be one.
        announced = code is EventCode.FAULT_INJECTED and EventCode.WORKER_CRASHED in codes
        if announced or not codes.isdisjoint(_HIDDEN_BY.get(code, ())):
            continue
        stage = _WORDS.get(code, _as_written)(events)
        # The impact says how long the fault lasted; the outage is only a little longer.
        timed = code is EventCode.REDIS_BACK and EventCode.FAULT_IMPACT in codes
        stages.append(stage.untimed if timed else stage)
    if incident.healed_at is not None and incident.fault in LASTING and stages:
        stages[0] = _Stage(" ".join(LASTING[incident.fault]))
    return stages or [_as_written(list(incident.events))]


def _by_code(events: Iterable[Event]) -> list[tuple[EventCode | None, list[Event]]]:
    """Return the events of each code, by the first of each, but the losses and the end last."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.code, []).append(event)
    last = (EventCode.WORKER_FLUSHES_AGAIN.value, EventCode.UNLOGGED_WRITES_LOST.value)
    ordered = sorted(groups, key=lambda code: last.index(code) + 1 if code in last else 0)
    return [(EventCode(code) if code else None, groups[code]) for code in ordered]


def _tail(incident: Incident, stages: list[_Stage]) -> str:
    """Return the time from cause to recovery, unless a stage says it."""
    if not incident.part or incident.ended_at is None:
        return ""
    seconds = incident.ended_at - incident.started_at
    said = incident.of(EventCode.FAULT_IMPACT, EventCode.REDIS_BACK)
    return "" if said or seconds < 0.001 or len(stages) < 2 else f", {span(seconds)}"


def _as_written(events: list[Event]) -> _Stage:
    times = sum(event.times for event in events)
    count = f" ({TIMES}{times:,})" if times > 1 else ""
    return _Stage(f"{events[-1].text}{count}")


def _injected(events: list[Event]) -> _Stage:
    text = re.sub(r" \(SIGKILL.*?\)", "", events[-1].text).partition("; the truth")[0]
    return _Stage(text, re.split(r"[;:] | by a second", text)[0])


def _dead_letter(events: list[Event]) -> _Stage:
    stage = _as_written(events)
    return _Stage(stage.full, stage.full.partition(":")[0])


def _redis_died(events: list[Event]) -> _Stage:
    return _Stage(events[-1].text.partition(";")[0])


def _redis_hung(events: list[Event]) -> _Stage:
    return _Stage("it was killed, because it hung", "killed")


def _redis_back(events: list[Event]) -> _Stage:
    text = events[-1].text.removeprefix("Redis is ").removeprefix("Redis ")
    lost = re.search(r"; ((?:about )?[\d,]+) (keys?) (?:was|were) lost from it, (.*)", text)
    if lost is None:
        return _Stage(text)
    brief = f"{text[: lost.start()]}, {lost[1]} cached {lost[2]} lost"
    if lost[3] == "the truth is complete":
        return _Stage(f"{brief}, no write", f"{brief}, no write")
    return _Stage(f"{brief}; {lost[3]}", brief)


def _writes_lost(events: list[Event]) -> _Stage:
    count = sum(leading_number(event.text) or 0 for event in events)
    if not count:
        return _as_written(events)
    verb = "is" if count == 1 else "are"
    return _Stage(
        f"{count_of(count, 'acknowledged write')} {verb} lost", f"{count_of(count, 'write')} lost"
    )


def _bypassed(events: list[Event]) -> _Stage:
    return _Stage(events[-1].text.rpartition("; it was ")[2] or events[-1].text)


def _crashed(events: list[Event]) -> _Stage:
    text = events[-1].text.partition(" with ")[0].removeprefix("the ")
    text = text.replace(" at worker.", " at ")
    return _Stage(f"{text} ({TIMES}{len(events)})" if len(events) > 1 else text)


def _redelivered(events: list[Event]) -> _Stage:
    text = events[-1].text
    again = re.search(r"([\d,]+ events? delivered again), ([\d,]+) of them", text)
    if again is None:
        return _Stage(text)
    return _Stage(f"{again[1]}, {again[2]} of them applied before", again[1])


def _cannot_flush(events: list[Event]) -> _Stage:
    count = f" ({TIMES}{len(events)})" if len(events) > 1 else ""
    reason = events[-1].text.partition(": ")[2]
    brief = f"the worker cannot flush{count}"
    return _Stage(f"{brief}: {reason}" if reason else brief, brief)


def _flushes_again(events: list[Event]) -> _Stage:
    return _Stage("flushes again", "flushes")


def _impact(events: list[Event]) -> _Stage:
    text = f"lasted {events[-1].text.partition(' lasted ')[2]}"
    brief = text.partition(", the log grew")[0].replace(": no calls unavailable", "")
    return _Stage(text, re.sub(r": ([\d,]+) calls? unavailable", r", \1 unavailable", brief))


def _expired(events: list[Event]) -> _Stage:
    return _Stage("its time was up")


def _healed(events: list[Event]) -> _Stage:
    return _Stage("healed")


def _disarmed(events: list[Event]) -> _Stage:
    return _Stage("disarmed before it did", "disarmed")


def _ended(events: list[Event]) -> _Stage:
    return _Stage(events[-1].text.partition(" is over: ")[2] or events[-1].text)


_HIDDEN_BY: dict[EventCode | None, tuple[EventCode, ...]] = {
    EventCode.REDIS_DIED: (EventCode.FAULT_INJECTED,),
    EventCode.WORKER_RESTARTED: (EventCode.WORKER_REDELIVERED, EventCode.WORKER_FLUSHES_AGAIN),
    EventCode.WORKER_FLUSHES_AGAIN: (EventCode.FAULT_IMPACT,),
    EventCode.FAULT_HEALED: (EventCode.FAULT_IMPACT,),
    EventCode.FAULT_EXPIRED: (EventCode.FAULT_IMPACT,),
}
"""Maps a code to those that make its stage superfluous."""

_WORDS: dict[EventCode | None, Callable[[list[Event]], _Stage]] = {
    EventCode.FAULT_INJECTED: _injected,
    EventCode.FAULT_HEALED: _healed,
    EventCode.FAULT_EXPIRED: _expired,
    EventCode.FAULT_ENDED: _ended,
    EventCode.FAULT_DISARMED: _disarmed,
    EventCode.FAULT_IMPACT: _impact,
    EventCode.DEAD_LETTER_ADDED: _dead_letter,
    EventCode.REDIS_DIED: _redis_died,
    EventCode.REDIS_HUNG: _redis_hung,
    EventCode.REDIS_BACK: _redis_back,
    EventCode.REDIS_BYPASSED: _bypassed,
    EventCode.UNLOGGED_WRITES_LOST: _writes_lost,
    EventCode.WORKER_CRASHED: _crashed,
    EventCode.WORKER_REDELIVERED: _redelivered,
    EventCode.WORKER_CANNOT_FLUSH: _cannot_flush,
    EventCode.WORKER_FLUSHES_AGAIN: _flushes_again,
}
