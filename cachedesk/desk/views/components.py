"""The four components of the stack as views: a state and a few figures for each."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.snapshot import Health, Percentiles, Snapshot
from cachedesk.core.wording import TIMES, percent
from cachedesk.desk.views.afterglow import state_of
from cachedesk.desk.views.backlog import backlog, flow_of_events
from cachedesk.desk.views.formats import ABSENT, compact, size, size_of, span
from cachedesk.desk.views.headline import Tone

STARTING = "starting"

_MARKS = {
    Health.UP: ("●", Tone.WELL),
    Health.DEGRADED: ("◐", Tone.WARNING),
    Health.DOWN: ("✗", Tone.BROKEN),
}


def state_mark(health: Health, word: str) -> tuple[str, Tone]:
    """Return the glyph and the tone of a state.

    With the word, the glyph shows the state without colour. A component that is starting is down,
    but not broken.
    """
    return ("◌", Tone.IDLE) if word == STARTING else _MARKS[health]


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with its label; ``brief`` is both in one, where there is no room for a label."""

    label: str
    value: str
    brief: str = ""


@dataclass(frozen=True, slots=True)
class ComponentView:
    """The view of one component.

    Args:
        name: the name on the screen.
        health: the health.
        word: the state in a word.
        lead: the most important figure.
        fill: the leading figure as a fraction of its limit, 0 to 1; ``None``: there is no limit.
        facts: further figures, the most important first; a narrow screen shows the first ones.
        note: an error text, which takes the place of the last facts; empty: no error.
        glow: what happened to it a moment ago; empty: nothing.
        roles: what it is for, in a few words and in fewer, where there is room for one of them.
    """

    name: str
    health: Health = Health.DOWN
    word: str = STARTING
    lead: Fact = Fact("", "")
    fill: float | None = None
    facts: tuple[Fact, ...] = ()
    note: str = ""
    glow: str = ""
    roles: tuple[str, ...] = ()

    @property
    def tone(self) -> Tone:
        """The tone of its frame: that of its state, but never well while it glows."""
        tone = state_mark(self.health, self.word)[1]
        return Tone.WARNING if self.glow and tone is Tone.WELL else tone

    @property
    def state(self) -> str:
        """The state in words, with what happened a moment ago."""
        return f"{self.word} · {self.glow}" if self.glow else self.word


def redis_view(snapshot: Snapshot) -> ComponentView:
    """Return the view of the cache."""
    redis = snapshot.redis
    if redis.word == STARTING:
        return ComponentView("Redis")
    known = redis.known
    return ComponentView(
        "Redis",
        redis.health,
        redis.word,
        Fact("memory", size_of(redis.memory_bytes if known else None, redis.maxmemory_bytes)),
        _share(redis.memory_bytes, redis.maxmemory_bytes) if known else None,
        (
            Fact("keys", compact(redis.keys) if known else ABSENT),
            Fact("evicted", compact(redis.evicted)),
            Fact("restarts", compact(redis.restarts)),
            *((Fact("bypassed", f"{compact(redis.bypasses)}{TIMES}"),) if redis.bypasses else ()),
        ),
        glow=state_of(snapshot, "redis"),
        roles=("copies, may be lost", "copies")
        if snapshot.safeguards.log
        else ("not only copies",),
    )


def log_view(snapshot: Snapshot) -> ComponentView:
    """Return the view of the write-behind log."""
    log = snapshot.log
    if log.word == STARTING:
        return ComponentView("Log")
    if not snapshot.safeguards.log:
        depth = compact(log.depth)
        dirty = Fact("dirty", f"{depth} writes in Redis only", f"{depth} in Redis")
        return ComponentView("Log", log.health, log.word, dirty)
    limit = f"/{compact(log.limit_events)}" if log.limit_events else ""
    return ComponentView(
        "Log",
        log.health,
        log.word,
        Fact("depth", f"{compact(log.depth)}{limit}"),
        _share(log.depth, log.limit_events),
        (
            Fact("oldest", span(log.oldest_seconds)),
            Fact("in flight", compact(log.in_flight)),
            Fact("file", size(log.bytes)),
        ),
        glow=state_of(snapshot, "log"),
        roles=("accepted, on disk", "on disk"),
    )


def worker_view(snapshot: Snapshot) -> ComponentView:
    """Return the view of the flush worker."""
    worker = snapshot.worker
    if worker.word == STARTING:
        return ComponentView("Worker")
    return ComponentView(
        "Worker",
        worker.health,
        _worker_word(snapshot),
        Fact(
            "batch",
            f"{compact(worker.batch_events)} or {span(worker.batch_age_seconds)}",
            f"batch {compact(worker.batch_events)}",
        ),
        None,
        (
            Fact("rows", compact(worker.rows)),
            Fact("saved", saved(worker.events, worker.rows)),
            Fact("restarts", compact(worker.restarts)),
            Fact("events", compact(worker.events)),
        ),
        worker.last_error if worker.health is not Health.UP else "",
        state_of(snapshot, "worker"),
        ("log to database",) if snapshot.safeguards.log else ("Redis to database",),
    )


def _worker_word(snapshot: Snapshot) -> str:
    """Return what the worker does. A batch takes milliseconds, so at the moment of a snapshot it
    is nearly always idle; what it did in the last ticks is what it does."""
    worker = snapshot.worker
    if worker.health is Health.DOWN or worker.paused:
        return worker.word
    if (found := backlog(snapshot)) is not None:
        return found.word
    if flow_of_events(snapshot)[0] > 0:
        return "flushing"
    # It tries again and again, which must not look like work that is done.
    trying = snapshot.log.depth and snapshot.database.health is not Health.UP
    return "retrying" if trying else worker.word


def database_view(snapshot: Snapshot) -> ComponentView:
    """Return the view of the system of record."""
    database = snapshot.database
    if database.word == STARTING:
        return ComponentView("SQLite")
    known = database.health is not Health.DOWN
    return ComponentView(
        "SQLite",
        database.health,
        database.word,
        Fact("holds", f"{compact(database.rows) if known else ABSENT} rows"),
        None,
        (
            # Until a checkpoint, the newest rows are in the write-ahead log beside the file.
            Fact("disk", size(database.bytes + database.wal_bytes) if known else ABSENT),
            Fact("flush", _median(snapshot.latencies.flush)),
            Fact("read", _median(snapshot.latencies.database)),
        ),
        glow=state_of(snapshot, "database"),
        roles=("database, the truth", "the truth", "truth"),
    )


def saved(events: int, rows: int) -> str:
    """Return the percentage of row writes that coalescing saved; an en dash before the first."""
    return percent(events - rows, events)


def _median(measured: Percentiles) -> str:
    """Return the median; an en dash if nothing was measured lately."""
    return span(measured.p50) if measured.count else ABSENT


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None
