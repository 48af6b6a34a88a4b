"""The card of an incident: what broke, what callers felt, what each store lost, and what held it.

A pure function from the figures of an incident to lines of text, each in full and in brief.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cachedesk.core.engine_event import EventCode
from cachedesk.core.snapshot import Latencies, Percentiles
from cachedesk.core.wording import count_of
from cachedesk.desk.views.afterglow import what_happened
from cachedesk.desk.views.formats import clock, span
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.views.incident_curve import Curve, curve_of
from cachedesk.desk.views.incident_figures import LOSS_SECONDS, IncidentFigures, Reading
from cachedesk.desk.views.incident_words import found_number, keys_lost, lost_ids
from cachedesk.desk.views.incidents import Incident
from cachedesk.desk.views.safeguard_verdict import (
    Comparison,
    applied_twice,
    safeguard_verdict,
    stale_in,
)

_MOST_IDS = 8
_SLOWER = 2.0
_LEAST_SECONDS = 0.001
_NOTABLE_SHARE, _LEAST_CALLS = 0.1, 20
"""What part of the calls, and how many at least, must be missing to be said."""

_WHAT = {
    "redis.kill": "killed with SIGKILL, down for {}",
    "redis.down": "killed and held down for {}",
    "redis.hang": "stopped with SIGSTOP, no answer for {}",
    "redis.old_snapshot": "restarted with an old snapshot of itself, {} in all",
    "redis.empty": "every key was evicted while it ran",
    "redis.squeeze": "its memory limit was lowered for {}",
    "worker.crash": "crashed{}, flushed again after {}",
    "log.poison": "one event that no value can take",
    "log.full": "no room on the disk under the log for {}",
    "database.lock": "its write lock was held by a second connection for {}",
    "database.full": "no room on the disk under the database for {}",
    "database.readonly": "it could only be read for {}",
    "database.slow": "each of its calls took longer for {}",
    "database.gone": "it could be neither read nor written for {}",
}
"""What a fault did and for how long."""

_BY_ITSELF = {
    EventCode.REDIS_HUNG: "hung by itself, down for {}",
    EventCode.REDIS_DIED: "died by itself, down for {}",
    EventCode.WORKER_CRASHED: _WHAT["worker.crash"],
    EventCode.WORKER_CANNOT_FLUSH: "could not flush for {}",
}
"""The same without a fault, by the event; the earlier in this order explains more."""

_UNFINISHED = " so far"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the card.

    Args:
        label: what it is about.
        text: the line.
        brief: a shorter form.
        rank: 0 is the most important; a low card leaves out the highest.
        tone: how serious it is.
    """

    label: str
    text: str
    brief: str
    rank: int
    tone: Tone = Tone.IDLE


CURVE_RANK = 4
"""The rank of the curve among the facts."""


@dataclass(frozen=True, slots=True)
class IncidentCard:
    """The card of one incident.

    Args:
        title: what happened, with the time.
        lasted: how long it lasted.
        facts: its lines, in the order in which they are shown.
        curve: stands under the line that it explains; ``None``: there is no history.
        side: the fault to repeat with and without a safeguard; ``None``: there is none.
        tone: how serious the incident was.
    """

    title: str
    lasted: str
    facts: tuple[Fact, ...]
    curve: Curve | None
    side: Comparison | None
    tone: Tone

    def lines(self, most: int) -> tuple[Fact | Curve, ...]:
        """Return the ``most`` important lines, in the order in which they are shown."""
        ranks = sorted([fact.rank for fact in self.facts] + [CURVE_RANK] * (self.curve is not None))
        kept = set(ranks[: max(0, most)])
        found: list[Fact | Curve] = []
        for fact in self.facts:
            if fact.rank in kept:
                found.append(fact)
            if self.curve is not None and CURVE_RANK in kept and fact.label == self.curve.under:
                found.append(self.curve)
        return tuple(found)


def incident_card(figures: IncidentFigures, workload: str = "") -> IncidentCard:
    """Return the card of an incident.

    Args:
        figures: its figures.
        workload: the workload, which gives the writes their name.
    """
    verdict = safeguard_verdict(figures)
    lines = (
        _fault(figures),
        _callers(figures, workload),
        _p99(figures),
        _redis(figures),
        _database(figures),
        Fact(verdict.label, verdict.text, verdict.brief, 1, verdict.tone),
    )
    facts = tuple(fact for fact in lines if fact is not None)
    harmful = Tone.BROKEN in (fact.tone for fact in facts)
    return IncidentCard(
        _title(figures.incident),
        _lasted(figures.incident, figures.latest.at),
        facts,
        curve_of(figures),
        verdict.side,
        Tone.BROKEN if harmful else Tone.WELL,
    )


def _title(incident: Incident) -> str:
    words = what_happened(incident)
    what = " ".join(words) if words else incident.events[0].text
    return f"{what[:1].upper()}{what[1:]} at {clock(incident.started_at)}"


def _lasted(incident: Incident, now: float) -> str:
    """Return how long the fault lasted, or that it still does."""
    if incident.healed_at is None:
        return f"{span(max(0.0, now - incident.started_at))}{_UNFINISHED}"
    return span(max(0.0, incident.healed_at - incident.started_at))


def _fault(figures: IncidentFigures) -> Fact:
    incident = figures.incident
    lasted = _lasted(incident, figures.latest.at)
    known = _WHAT.get(incident.fault) or next(
        (text for code, text in _BY_ITSELF.items() if incident.of(code)), "for {}"
    )
    if known.count("{}") == 2:
        point = re.search(r"crashed at worker\.(\S+)", " ".join(it.text for it in incident.events))
        text = known.format(f" at {point[1]}" if point else "", lasted)
    else:
        text = known.format(lasted)
    return Fact("Fault", text, lasted if "{}" in known else text, 6)


def _callers(figures: IncidentFigures, workload: str) -> Fact:
    before, felt, incident = figures.before, figures.felt, figures.incident
    if before is None:
        impact = incident.of(EventCode.FAULT_IMPACT)
        failed = found_number(r"([\d,]+) calls? unavailable", impact)
        if failed is None and not impact:
            unknown = "not known: the desk was opened later"
            return Fact("Callers", unknown, "not known", 2)
        text = f"{count_of(failed, 'call')} unavailable" if failed else "no call was unavailable"
        return Fact("Callers", text, text, 2, Tone.WARNING if failed else Tone.IDLE)
    reads = felt.reads_unavailable - before.reads_unavailable
    writes = felt.writes_unavailable - before.writes_unavailable
    refused, stale = felt.refused - before.refused, stale_in(figures)
    calls = max(0, felt.calls - before.calls)
    # What the desk's workload writes through, which is all that such a database refuses.
    paid = "article" in workload and incident.fault in _PAYMENTS and before.safeguards.log
    noun = "payment" if paid else "write"
    kinds = [count_of(reads, "read")] if reads else []
    kinds += [count_of(writes, noun)] if writes else []
    said = f"{reads + writes:,} of {count_of(calls, 'call')} unavailable"
    said += f": {', '.join(kinds)}" if kinds else ""
    rest = [count_of(stale, "stale read")]
    if unsent := _not_sent(before, felt):
        rest.insert(0, f"about {unsent:,} not sent")
    rest += [f"{refused:,} refused"] if refused else []
    shown = [f"{', '.join(kinds)} unavailable"] if kinds else []
    shown += [text for text in rest if stale or "stale" not in text]
    brief = " · ".join(shown or ["0 unavailable", *rest])
    tone = Tone.BROKEN if stale else Tone.WARNING if reads + writes + refused else Tone.IDLE
    return Fact("Callers", " · ".join([said, *rest]), brief, 2, tone)


def _not_sent(before: Reading, felt: Reading) -> int:
    """Return about how many calls the workload did not make although its rate asks for them: its
    clients wait for an answer before the next call. 0 if there are too few to tell."""
    if before.rate is None or felt.rate != before.rate:
        return 0
    due = before.rate * max(0.0, felt.at - before.at)
    missing = due - max(0, felt.calls - before.calls)
    return round(missing) if missing >= _NOTABLE_SHARE * due and missing >= _LEAST_CALLS else 0


_PAYMENTS = ("database.lock", "database.full", "database.readonly")


def _p99(figures: IncidentFigures) -> Fact | None:
    """Return what became slower: the p99 before, and the highest while it lasted."""
    if figures.before is None:
        return None
    changes, same = [], []
    for name, before, worst in _paths(figures.before.latencies, figures.worst):
        slower = worst.p99 >= _SLOWER * before.p99 and worst.p99 - before.p99 >= _LEAST_SECONDS
        if worst.count and before.count and slower:
            changes.append((worst.p99 / before.p99, name, before.p99, worst.p99))
        elif before.count:
            same.append(f"{name} {span(before.p99)}")
    if not changes:
        return Fact("p99", f"as before: {', '.join(same)}", "as before", 5) if same else None
    changes.sort(reverse=True)
    pieces = [f"{name} {span(was)} → {span(now)}" for _, name, was, now in changes]
    return Fact("p99", ", ".join(pieces), pieces[0], 5)


def _paths(before: Latencies, worst: Latencies) -> tuple[tuple[str, Percentiles, Percentiles], ...]:
    names = (("hit", "hit"), ("overlay", "overlay"), ("database", "database"),
             ("write_through", "write-through"), ("write_behind", "write-behind"))  # fmt: skip
    return tuple((name, getattr(before, path), getattr(worst, path)) for path, name in names)


def _redis(figures: IncidentFigures) -> Fact:
    incident, latest = figures.incident, figures.latest
    if incident.part != "redis":
        return Fact("Redis", "not affected", "not affected", 7)
    lost, back = keys_lost(incident), incident.of(EventCode.REDIS_BACK)
    if not lost:
        dropped = found_number(r"([\d,]+) keys? dropped", back)
        text = "lost no key"
        if dropped:
            text = f"dropped {count_of(dropped, 'doubtful key')}, kept the others"
        elif incident.ended_at is None:
            text = "not known until the fault ends"
        return Fact("Redis", text, text, 3)
    about = "about " if any(f"about {lost:,} key" in event.text for event in back) else ""
    keys = f"lost {about}{count_of(lost, 'key')}"
    if figures.refilled_seconds is not None:
        again = f"has 80 % as many after {span(figures.refilled_seconds)}"
    elif incident.ended_at is None or latest.keys is None:
        return Fact("Redis", keys, keys, 3)
    else:
        share = min(100, 100 * latest.keys // max(1, figures.refill_target))
        again = f"has {share} % as many after {span(max(0.0, latest.at - incident.ended_at))}"
    return Fact("Redis", f"{keys}; {again}", f"{keys}; {again}", 3)


def _database(figures: IncidentFigures) -> Fact:
    incident = figures.incident
    twice, lost = applied_twice(figures), figures.lost
    letters = len(incident.of(EventCode.DEAD_LETTER_ADDED))
    extra = f"; {count_of(letters, 'dead letter')} to replay or drop" if letters else ""
    if lost:
        ids = lost_ids(incident)
        named = ids[:_MOST_IDS]
        listed = " ".join(f"#{seq}" for seq in named)
        more = f" and {lost - len(named):,} more" if lost > len(named) else ""
        text = f"lost {count_of(lost, 'acknowledged write')}"
        which = f": {listed}{more}" if named else ", which the event balance misses"
        first = f": {' '.join(f'#{seq}' for seq in named[:2])}" if named else ""
        brief = f"{text}{first}{' …' if lost > 2 else ''}"
        return Fact("Database", f"{text}{which}{extra}", brief, 0, Tone.BROKEN)
    if twice:
        text = f"{count_of(twice, 'event')} applied twice: increments count twice"
        return Fact("Database", text, f"{count_of(twice, 'event')} applied twice", 0, Tone.BROKEN)
    at_stake = not figures.latest.safeguards.log and _may_still_lose(figures)
    so_far = _UNFINISHED if at_stake else ""
    text = f"lost no acknowledged write{so_far}{extra}"
    return Fact("Database", text, f"lost none{so_far}", 0, Tone.WELL)


def _may_still_lose(figures: IncidentFigures) -> bool:
    ended_at = figures.incident.ended_at
    return ended_at is None or figures.latest.at < ended_at + LOSS_SECONDS
