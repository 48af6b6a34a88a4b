"""The headline: one sentence on the state of the stack, the worst problem first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cachedesk.core.safeguards import LABELS
from cachedesk.core.snapshot import SLOW, Books, Health, Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.views.afterglow import afterglows
from cachedesk.desk.views.backlog import backlog, refusals, stale_reads
from cachedesk.desk.views.exposure import exposure
from cachedesk.desk.views.formats import about
from cachedesk.desk.views.refill import refilling
from cachedesk.desk.views.shortening import fitted

_WITHOUT = {
    "log": "log off: fast writes are in Redis only",
    "read_repair": "read repair off: a miss trusts the row",
    "effectively_once": "effectively once off: redelivered events count twice",
    "cold_restart": "cold restart off: a restarted Redis is trusted",
}

_UNWRITTEN = "write-behind goes on"
_UNREAD = "write-behind takes no increments"

_LONG_SECONDS = 60.0

NEARLY_FULL = 0.9
"""The fraction of its limit from which the log causes a warning."""


class Tone(StrEnum):
    """How serious a sentence is; the value is the name of its style."""

    IDLE = "idle"
    WELL = "well"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Headline:
    """A sentence on the state of the stack, and how serious it is.

    ``shorter``: the same in fewer words, the longest first.
    """

    sentence: str
    tone: Tone
    shorter: tuple[str, ...] = ()

    def fitted(self, width: int) -> str:
        """Return the sentence in at most ``width`` cells; its number is the last to go."""
        return fitted((self.sentence, *self.shorter), width)


STARTING = Headline("starting Redis …", Tone.WARNING)
"""The headline before the first snapshot."""


def headline(snapshot: Snapshot) -> Headline:
    """Return the headline of ``snapshot``: that of the first rule that applies."""
    for rule in _RULES:
        found = rule(snapshot)
        if found is not None:
            return found
    return Headline("all well", Tone.WELL)


def verdict(books: Books) -> str:
    """Return ``balanced``, or DO NOT BALANCE and the number of events."""
    difference = books.accepted - books.applied - books.pending - books.dead
    if difference == 0:
        return "balanced"
    kind = "missing" if difference > 0 else "too many"
    return f"DO NOT BALANCE: {count_of(abs(difference), 'event')} {kind}"


def _books(snapshot: Snapshot) -> Headline | None:
    if snapshot.books.balanced:
        return None
    first = f" (from #{snapshot.unaccounted[0]})" if snapshot.unaccounted else ""
    said = verdict(snapshot.books)
    # The number of events is worth more than the name of what they are missing from.
    return Headline(f"the books {said}{first}", Tone.BROKEN, (said, said.partition(": ")[2]))


def is_starting(snapshot: Snapshot) -> bool:
    """Return whether every component of the stack is still starting."""
    parts = (snapshot.redis, snapshot.log, snapshot.worker, snapshot.database)
    return all(part.word == "starting" for part in parts)


def _starting(snapshot: Snapshot) -> Headline | None:
    return STARTING if is_starting(snapshot) else None


def _stores_down(snapshot: Snapshot) -> Headline | None:
    redis_down = snapshot.redis.health is Health.DOWN
    database_down = snapshot.database.health is Health.DOWN
    log_down = snapshot.log.health is Health.DOWN
    if redis_down and database_down and log_down:
        return Headline("everything is down: calls are refused", Tone.BROKEN)
    if redis_down and database_down:
        return Headline(f"Redis and database down: no reads; {_UNREAD}", Tone.BROKEN)
    if database_down:
        goes_on = "only hits are served" if log_down else _UNREAD
        return Headline(f"database {snapshot.database.word}: {goes_on}", Tone.BROKEN)
    if log_down:
        return Headline(f"log {snapshot.log.word}: write-behind is refused", Tone.BROKEN)
    if redis_down and snapshot.database.health is Health.DEGRADED:
        word = snapshot.database.word
        effect = "every read waits" if word == SLOW else _UNWRITTEN
        text = f"Redis is down, database {word}: {effect}"
        return Headline(text, Tone.BROKEN)
    if redis_down:
        return Headline("Redis is down: reads come from the database", Tone.BROKEN)
    return None


def _refilling(snapshot: Snapshot) -> Headline | None:
    text = refilling(snapshot)
    return Headline(text, Tone.WARNING) if text else None


def _safeguards(snapshot: Snapshot) -> Headline | None:
    off = snapshot.safeguards.off
    if not off:
        return None
    if len(off) > 1:
        names = ", ".join(LABELS[name] for name in off)
        text = f"safeguards off: {names}"
        return Headline(text, Tone.WARNING, (names, f"{len(off)} safeguards off"))
    return Headline(f"{_WITHOUT[off[0]]}", Tone.WARNING)


def _database_degraded(snapshot: Snapshot) -> Headline | None:
    if snapshot.database.health is not Health.DEGRADED:
        return None
    word = snapshot.database.word
    # A write-behind increment waits as well, because it reads the value that it adds to.
    if word == SLOW:
        text = f"database {word}: misses, increments and write-through wait"
        return Headline(text, Tone.WARNING)
    # The workload of the desk has names for what takes the two paths.
    shop = "article" in snapshot.workload
    through, behind = ("payments", "views go on") if shop else ("write-through", _UNWRITTEN)
    refused = refusals(snapshot)
    if not refused:
        wait = "wait" if shop else "waits"
        return Headline(f"database {word}: {through} {wait}, {behind}", Tone.WARNING)
    fail = "fail" if shop else "fails"
    text = f"database {word}: {through} {fail} ({refused:,} unavailable so far), {behind}"
    brief = f"database {word}: {through} {fail} ({refused:,})"
    return Headline(text, Tone.BROKEN, (brief, f"database {word}: {refused:,} unavailable"))


def _backlog(snapshot: Snapshot) -> Headline | None:
    found = backlog(snapshot)
    return Headline(found.sentence, Tone.WARNING, found.shorter) if found else None


def _stale(snapshot: Snapshot) -> Headline | None:
    count = stale_reads(snapshot)
    if not count:
        return None
    were = "was" if count == 1 else "were"
    text = f"{count_of(count, 'read')} {were} stale"
    lost = exposure(snapshot).gone
    if not snapshot.safeguards.log:
        # What is lost stays missing from every later read.
        why = f"log off: {count_of(lost, 'write')} lost, {text}" if lost else f"log off: {text}"
        return Headline(why, Tone.BROKEN)
    return Headline(
        text if snapshot.safeguards.read_repair else f"{text}: read repair is off", Tone.BROKEN
    )


def _worker(snapshot: Snapshot) -> Headline | None:
    worker = snapshot.worker
    place = "the log" if snapshot.safeguards.log else "Redis only"
    waiting = f"{count_of(snapshot.log.depth, 'event')} in {place}"
    if snapshot.log.oldest_seconds >= _LONG_SECONDS:
        waiting += f", database {about(snapshot.log.oldest_seconds)} behind"
    if worker.paused:
        return Headline(f"worker paused: {waiting}", Tone.WARNING)
    if worker.health is Health.DOWN:
        return Headline(f"worker {worker.word}: {waiting}", Tone.BROKEN)
    return None


def _log_nearly_full(snapshot: Snapshot) -> Headline | None:
    log = snapshot.log
    # A log that is switched off holds nothing back: that it is off is another sentence.
    if not snapshot.safeguards.log:
        return None
    if log.health is Health.DEGRADED:
        return Headline(f"log {log.word}: write-behind is held back", Tone.WARNING)
    if log.limit_events <= 0 or log.depth < NEARLY_FULL * log.limit_events:
        return None
    return Headline(f"log {100 * log.depth // log.limit_events} % full", Tone.WARNING)


def _just_lost(snapshot: Snapshot) -> Headline | None:
    glow = next((glow for glow in afterglows(snapshot) if glow.harmful), None)
    return Headline(glow.sentence, Tone.BROKEN, glow.shorter) if glow else None


def _afterglow(snapshot: Snapshot) -> Headline | None:
    glow = next(iter(afterglows(snapshot)), None)
    return Headline(glow.sentence, Tone.WARNING, glow.shorter) if glow else None


def _degraded(snapshot: Snapshot) -> Headline | None:
    parts = (
        ("Redis", snapshot.redis.health, snapshot.redis.word),
        ("worker", snapshot.worker.health, snapshot.worker.word),
    )
    text = ", ".join(f"{name} {word}" for name, health, word in parts if health is Health.DEGRADED)
    return Headline(text, Tone.WARNING) if text else None


def _dead_letters(snapshot: Snapshot) -> Headline | None:
    dead = snapshot.books.dead
    if dead == 0:
        return None
    return Headline(f"{count_of(dead, 'dead letter')}; the rest is well", Tone.WARNING)


_RULES: tuple[Callable[[Snapshot], Headline | None], ...] = (
    _books,
    _starting,
    _stores_down,
    _just_lost,
    _stale,
    _log_nearly_full,
    _database_degraded,
    _worker,
    _backlog,
    _afterglow,
    _safeguards,
    _degraded,
    _refilling,
    _dead_letters,
)
