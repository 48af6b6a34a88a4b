"""Which safeguard limited the damage of an incident, or which one was missing."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.engine_event import EventCode
from cachedesk.core.safeguards import LABELS
from cachedesk.core.wording import count_of
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.views.incident_figures import IncidentFigures
from cachedesk.desk.views.incident_words import found_number
from cachedesk.desk.views.incidents import Incident

AFTER_COMMIT = "worker.crash:worker.ack.before"
"""A crash that delivers a batch again whose events are part of their rows already."""


_COMMITTED = ("worker.apply.after_commit", "worker.settle.after", "worker.ack.before")
"""The points of the worker at which a batch is committed and not acked."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A fault to inject into two stacks at once, one with ``safeguard`` and one without it."""

    safeguard: str
    fault: str

    @property
    def words(self) -> str:
        """What is compared, in a few words."""
        what = "a crash after the commit" if self.fault == AFTER_COMMIT else "the same"
        return f"{what} with and without {_named(self.safeguard)}"


@dataclass(frozen=True, slots=True)
class SafeguardVerdict:
    """The safeguard that held, or that was missing.

    Args:
        label: ``Held by`` or ``Missing``.
        text: the safeguard, and what it did.
        brief: the same in a few words.
        tone: how serious it is.
        side: shows the same fault with and without it; ``None``: it cannot be switched off.
    """

    label: str
    text: str
    brief: str
    tone: Tone
    side: Comparison | None = None


_MAIN = {
    "redis.kill": "log",
    "redis.down": "log",
    "redis.hang": "log",
    "redis.empty": "read_repair",
    "redis.squeeze": "read_repair",
    "redis.old_snapshot": "cold_restart",
    "worker.crash": "effectively_once",
    "database.lock": "log",
    "database.full": "log",
    "database.readonly": "log",
    "database.slow": "log",
    "database.gone": "log",
}
"""The safeguard against each fault."""

_BY_PART = {"redis": ("redis.kill", "log"), "worker": (AFTER_COMMIT, "effectively_once")}
"""The fault to repeat, and the safeguard, for what broke without a fault being injected."""

_HARM = {
    "log": "fast writes were in Redis only until they were copied",
    "read_repair": "misses believed the row alone",
    "cold_restart": "the old values were believed",
}
"""What comes of it that a safeguard is off."""

_NOTHING_LOST = {
    "log": "nothing was lost: every fast write had been copied to the database in time",
    "database": "nothing was lost: Redis kept the fast writes until the database took them",
    "read_repair": "no read was stale this time",
    "effectively_once": "no event was applied twice this time",
    "cold_restart": "no read was stale this time",
}


def safeguard_verdict(figures: IncidentFigures) -> SafeguardVerdict:
    """Return which safeguard held in this incident, or which was missing."""
    incident = figures.incident
    guards = (figures.before or figures.latest).safeguards
    if figures.lost and guards.log:
        text = 'none: every safeguard against it was on; run "cachedesk verify"'
        return SafeguardVerdict("Missing", text, "none: this is a defect", Tone.BROKEN)
    main = _MAIN.get(incident.fault) or _BY_PART.get(incident.part, ("", ""))[1]
    # What Redis gives back may be old for more than one reason.
    stale = (main, "read_repair", "cold_restart") if incident.part == "redis" else (main,)
    if figures.lost:
        missing = "log"
    elif applied_twice(figures):
        missing = "effectively_once"
    elif stale_in(figures):
        missing = next((name for name in stale if name in guards.off), "")
    else:
        missing = ""
    if missing:
        text = f"{_named(missing)}: {_harm(figures, missing)}"
        return SafeguardVerdict(
            "Missing", text, _named(missing), Tone.BROKEN, _side(incident, missing)
        )
    if main in guards.off:
        key = "database" if main == "log" and incident.part == "database" else main
        text = f"{_named(main)}, but {_NOTHING_LOST[key]}"
        return SafeguardVerdict("Missing", text, _named(main), Tone.WARNING, _side(incident, main))
    text, brief = _held(figures, main)
    return SafeguardVerdict("Held by", text, brief, Tone.WELL, _side(incident, main))


def _harm(figures: IncidentFigures, missing: str) -> str:
    """Return what came of it that this safeguard was off."""
    if missing == "log" and not figures.lost:
        return "writes that were lost earlier are missing from what is read"
    if missing == "effectively_once":
        return f"{count_of(applied_twice(figures), 'event')} applied a second time"
    return _HARM[missing]


def _named(safeguard: str) -> str:
    """Return the name of a safeguard as it stands in a sentence."""
    return "the log" if safeguard == "log" else LABELS[safeguard]


def stale_in(figures: IncidentFigures) -> int:
    """Return how many reads were stale in this incident."""
    return figures.felt.stale - figures.before.stale if figures.before else 0


def applied_twice(figures: IncidentFigures) -> int:
    """Return how many events were applied a second time, because effectively once was off.

    Nothing checks then which events are part of their rows: it follows from where the crash was.
    """
    if (figures.before or figures.latest).safeguards.effectively_once:
        return 0
    events = figures.incident.of(EventCode.WORKER_REDELIVERED)
    committed = [it for it in events if any(f" {point}: " in it.text for point in _COMMITTED)]
    return found_number(r"([\d,]+) events? delivered again", committed) or 0


def _recognised(incident: Incident) -> int:
    """Return how many events that were delivered again were part of their rows already."""
    events = incident.of(EventCode.WORKER_REDELIVERED)
    return found_number(r"delivered again, ([\d,]+) of them", events) or 0


def _side(incident: Incident, name: str) -> Comparison | None:
    fault = incident.fault or _BY_PART.get(incident.part, ("", ""))[0]
    if not name or not fault:
        return None
    if name == "effectively_once":
        # In the middle of a batch a crash undoes all of it: only after the commit is there anything
        # to apply twice.
        fault = AFTER_COMMIT
    return Comparison(name, fault)


def _held(figures: IncidentFigures, main: str) -> tuple[str, str]:
    """Return the safeguard with what it did, and in brief."""
    incident = figures.incident
    if main == "effectively_once":
        again = _recognised(incident)
        if again:
            events = "event" if again == 1 else "events"
            text = f"effectively once: {again:,} {events} came again and changed nothing"
            return text, "effectively once"
        return "one transaction per batch: the half-written batch was undone", "one transaction"
    if main == "cold_restart":
        return "cold restart: its old values were checked or dropped before use", "cold restart"
    if main == "read_repair":
        return "read repair: misses read the row and fold in what is pending", "read repair"
    if main == "log" and incident.part == "redis":
        pending = figures.before.books.pending if figures.before else 0
        if pending:
            were = "was" if pending == 1 else "were"
            writes = count_of(pending, "fast write")
            brief = f"the log: {pending:,} not yet in the database"
            return f"the log: {writes} {were} in it and not yet in the database", brief
        return "the log: a fast write is in it before it is acknowledged", "the log"
    if main == "log":
        later = [it.depth for it in figures.points if it.at > incident.started_at]
        deepest = max(later, default=figures.latest.depth)
        events = count_of(deepest, "event")
        return f"the log: up to {events} waited in it for the database", "the log"
    return _OTHERS.get(incident.fault) or _OTHERS.get(incident.part) or _REFUSED


_REFUSED = "refusal: a write that cannot be made durable is not acknowledged", "refusal"
_OTHERS = {
    "log.poison": ("isolation: the event is a dead letter, and the other keys went on",
                   "isolation"),
    "files": ("the check of the files: calls that need them are refused", "the check of files"),
}  # fmt: skip
