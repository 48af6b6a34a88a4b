"""The afterglow of a fault: for some seconds after the recovery the desk still shows what it was.

Without it, a Redis that is back after a quarter of a second would be broken for no frame at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.engine_event import EventCode
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.views.fault_words import LASTING, ONCE
from cachedesk.desk.views.formats import span
from cachedesk.desk.views.incident_words import found_number, keys_lost, lost_writes
from cachedesk.desk.views.incidents import Incident, incidents
from cachedesk.desk.views.refill import hit_rates

AFTERGLOW_SECONDS = 10.0
"""How long a recovery stays visible."""

_BY_THEMSELVES = {
    EventCode.REDIS_HUNG: ("Redis", "hung"),
    EventCode.REDIS_DIED: ("Redis", "died"),
    EventCode.WORKER_CRASHED: ("the worker", "crashed"),
    EventCode.WORKER_CANNOT_FLUSH: ("the worker", "could not flush"),
}
"""What a component did without a fault, by the event; the earlier in this order explains more."""


@dataclass(frozen=True, slots=True)
class Afterglow:
    """What a component shows of an incident that has just ended.

    Args:
        part: the component: ``redis``, ``log``, ``worker`` or ``database``.
        state: what happened to it and when, such as ``killed 4 s ago``.
        sentence: the same with the subject and the result, for the headline.
        harmful: whether acknowledged writes were lost.
        shorter: the sentence without the time, in fewer and fewer words.
    """

    part: str
    state: str
    sentence: str
    harmful: bool = False
    shorter: tuple[str, ...] = ()


def afterglows(snapshot: Snapshot) -> tuple[Afterglow, ...]:
    """Return the afterglows of ``snapshot``, the newest first; at most one for each component."""
    found: dict[str, Afterglow] = {}
    ended = [
        (incident.ended_at, incident)
        for incident in incidents(snapshot.events, snapshot.marks)
        if incident.ended_at is not None
    ]
    for ended_at, incident in sorted(ended, key=lambda pair: pair[0], reverse=True):
        if not 0 <= snapshot.at - ended_at < AFTERGLOW_SECONDS:
            continue
        if incident.part not in found and (glow := _afterglow(incident, snapshot)) is not None:
            found[incident.part] = glow
    return tuple(found.values())


def state_of(snapshot: Snapshot, part: str) -> str:
    """Return the state of the afterglow of ``part``; empty if it has none."""
    return next((glow.state for glow in afterglows(snapshot) if glow.part == part), "")


def what_happened(incident: Incident) -> tuple[str, str] | None:
    """Return what a fault did as subject and verb, such as ``Redis`` and ``was killed``; ``None``
    for an incident that is not known, or a crash that has not happened."""
    if incident.of(EventCode.FAULT_INJECTED) and incident.fault == "worker.crash":
        # It is armed, and may be disarmed again.
        return ONCE[incident.fault] if incident.of(EventCode.WORKER_CRASHED) else None
    if (known := LASTING.get(incident.fault) or ONCE.get(incident.fault)) is not None:
        return known
    return next((words for code, words in _BY_THEMSELVES.items() if incident.of(code)), None)


def _afterglow(incident: Incident, snapshot: Snapshot) -> Afterglow | None:
    assert incident.ended_at is not None
    if (words := what_happened(incident)) is None:
        return None
    subject, verb = words
    when = _ago(snapshot.at - incident.started_at)
    if incident.fault in LASTING:
        when = f"until {_ago(snapshot.at - (incident.healed_at or incident.ended_at))}"
    results = _results(incident, snapshot)
    sentence = f"{subject} {verb} {when}"
    return Afterglow(
        incident.part,
        f"{verb.removeprefix('was ').removeprefix('held ')} {when}",
        f"{sentence}: {', '.join(results)}" if results else sentence,
        harmful=lost_writes(incident) > 0,
        shorter=_shorter(f"{subject} {verb}", sentence, results),
    )


def _shorter(event: str, dated: str, results: list[str]) -> tuple[str, ...]:
    """Return shorter sentences: the result matters more than the time."""
    if not results:
        return (event,)
    brief = [text.replace("acknowledged ", "").removesuffix(" the fault") for text in results]
    said = ", ".join(brief)
    return f"{dated}: {said}", f"{event}: {said}", f"{event}: {brief[0]}", brief[0]


def _ago(seconds: float) -> str:
    return f"{max(0.0, seconds):.0f} s ago" if seconds < 100 else f"{span(seconds)} ago"


def _results(incident: Incident, snapshot: Snapshot) -> list[str]:
    lost = lost_writes(incident)
    parts = [f"{count_of(lost, 'acknowledged write')} lost"] if lost else []
    match incident.part:
        case "redis":
            parts += _redis(incident, snapshot)
        case "worker":
            again = found_number(r"([\d,]+) events? delivered again", incident.events)
            parts += [] if again is None else [f"{count_of(again, 'event')} delivered again"]
        case _:
            parts += _unavailable(incident)
    return parts


def _redis(incident: Incident, snapshot: Snapshot) -> list[str]:
    """Return what the loss of keys does to the hit rate, the figure of the chart beside it."""
    emptied = any("empty" in event.text for event in incident.of(EventCode.REDIS_BACK))
    if not (emptied or keys_lost(incident)):
        return _unavailable(incident)
    rates = hit_rates(snapshot, incident)
    if rates:
        return rates.split(", ")
    return ["it came back empty"] if emptied else []


def _unavailable(incident: Incident) -> list[str]:
    count = found_number(r"([\d,]+) calls? unavailable", incident.of(EventCode.FAULT_IMPACT))
    if count is None:
        impact = incident.of(EventCode.FAULT_IMPACT)
        return ["no calls unavailable"] if impact else []
    return [f"{count_of(count, 'call')} unavailable"]
