"""What the figures of one snapshot must agree in, as in a snapshot of a real stack."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from cachedesk.core.engine_event import EventCode
from cachedesk.core.snapshot import Health, Snapshot, Tick
from cachedesk.desk.views.backlog import flow_of_events
from cachedesk.desk.views.components import STARTING, worker_view
from cachedesk.desk.views.exposure import at_stake, exposure
from cachedesk.desk.views.flow_model import ArrowState, flow_model
from cachedesk.desk.views.formats import number

from .made_history import PREFIX_TICKS

MOST_IDS = 20
NO_COMMITS = ("locked", "disk full", "read-only")
PART = {"redis": "redis", "database": "database", "log": "log"}


def contradictions(snapshot: Snapshot) -> list[str]:
    """Return what contradicts itself in ``snapshot``; nothing in one of a real stack."""
    return [found for rule in RULES for found in rule(snapshot)]


def gone(snapshot: Snapshot) -> int:
    """Return how many acknowledged writes are nowhere."""
    books = snapshot.books
    return books.accepted - books.applied - books.pending - books.dead


def books_rule(it: Snapshot) -> Iterator[str]:
    named, lost = len(it.unaccounted), gone(it)
    if named and named != min(lost, MOST_IDS):
        yield f"{lost} events are missing, {named} are named"
    if lost < 0:
        yield f"{-lost} events too many"
    if it.unaccounted and max(it.unaccounted) > it.books.accepted:
        yield "an id that no write has had"


def queue_rule(it: Snapshot) -> Iterator[str]:
    depths = {it.books.pending, it.log.depth, *(tick.depth for tick in it.ticks[-1:])}
    if len(depths) > 1:
        yield f"the queue is {sorted(depths)}"
    if it.log.in_flight > it.log.depth:
        yield "more is in flight than waits"
    if it.ticks and it.log.oldest_seconds != it.ticks[-1].lag_seconds:
        yield "two ages of the oldest event"
    if it.safeguards.log and (it.log.depth > 0) != (it.log.oldest_seconds > 0):
        yield "what waits has an age"
    if it.log.word != STARTING and (it.log.word == "off") == it.safeguards.log:
        yield f"the log is {it.log.word}, its safeguard is {it.safeguards.log}"


def ticks_rule(it: Snapshot) -> Iterator[str]:
    for one in it.ticks:
        if one.misses < one.overlay + one.database:
            yield "more misses are answered than there are"
        if one.writes != one.through + one.behind:
            yield "a write is on no path"
        if one.unavailable < one.misses - one.overlay - one.database:
            yield "a miss without an answer that is not unavailable"
    lost = 0
    for before, after in pairwise(it.ticks):
        flushed = after.applied - after.through
        lost += before.depth + after.behind - flushed - after.depth
    if lost not in (0, gone(it)):
        yield f"the history of the queue loses {lost} events"
    if it.rate and it.ticks:
        calls = sum(map(_calls, it.ticks)) / len(it.ticks) / it.tick_seconds
        if calls > 1.05 * it.rate:
            yield f"{calls:.0f} calls a second where {it.rate:.0f} are wanted"


def _calls(tick: Tick) -> int:
    unanswered = tick.unavailable - (tick.misses - tick.overlay - tick.database)
    return tick.hits + tick.misses + tick.writes + unanswered


def totals_rule(it: Snapshot) -> Iterator[str]:
    reads, writes = it.reads, it.writes
    if reads.misses != reads.overlay + reads.database + reads.unavailable:
        yield "the misses since the start are not those answered and those unavailable"
    if it.workload and it.books.accepted != writes.through + writes.behind:
        yield f"{it.books.accepted} accepted, {writes.through + writes.behind} written"
    for name, total in (("hits", reads.hits), ("misses", reads.misses), ("stale", reads.stale)):
        if total < sum(getattr(tick, name) for tick in it.ticks):
            yield f"more {name} in the history than since the start"
    unavailable = sum(tick.unavailable for tick in it.ticks)
    if reads.unavailable + writes.unavailable < unavailable:
        yield "more is unavailable in the history than since the start"
    newest = it.ticks[-PREFIX_TICKS:]
    for name in ("hits", "misses"):
        by_prefix = sum(getattr(rate, name) for rate in it.prefixes)
        if it.prefixes and by_prefix != sum(getattr(tick, name) for tick in newest):
            yield f"the {name} by prefix are not all {name}"


def faults_rule(it: Snapshot) -> Iterator[str]:
    active = {mark.name: mark for mark in it.marks if mark.end_at is None and not mark.is_bookmark}
    active.pop("worker.pause", None)
    since = {fault.name: fault.since_at for fault in it.catalogue if fault.since_at is not None}
    if set(it.faults) != set(active):
        yield f"active are {sorted(it.faults)}, marked are {sorted(active)}"
    if set(it.faults) != set(since):
        yield f"active are {sorted(it.faults)}, in the catalogue are {sorted(since)}"
    injected = {event.at for event in it.events if event.code == EventCode.FAULT_INJECTED.value}
    for name, mark in active.items():
        if since.get(name) not in (None, mark.start_at):
            yield f"{name} began at two times"
        if mark.start_at not in injected:
            yield f"no event says that {name} was injected"
        part = PART.get(name.partition(".")[0])
        if part and getattr(it, part).health is Health.UP:
            yield f"{name} is active and the {part} is up"
    for part in ("redis", "database"):
        state = getattr(it, part)
        broken = any(name.startswith(part) for name in it.faults)
        if state.health is not Health.UP and state.word != STARTING and not broken:
            yield f"the {part} is {state.word} by no fault"


def stopped_rule(it: Snapshot) -> Iterator[str]:
    """Nothing goes through a part that is down or locked."""
    began = [mark.start_at for mark in it.marks if mark.end_at is None]
    ticks = [tick for tick in it.ticks if began and tick.at - it.tick_seconds >= max(began)]
    for tick in ticks:
        if it.redis.health is Health.DOWN and tick.hits:
            yield f"{tick.hits} hits of a Redis that is down"
        if it.database.health is Health.DOWN and tick.database:
            yield "reads of a database that is down"
        locked = it.database.health is Health.DOWN or it.database.word in NO_COMMITS
        if locked and (tick.through or tick.rows or tick.applied):
            yield f"rows of a database that is {it.database.word}"
        if it.log.health is Health.DOWN and tick.behind:
            yield "writes to a log that is down"
    if it.redis.health is Health.DOWN and (it.redis.keys or it.redis.memory_bytes):
        yield "keys in a Redis that is down"
    model = flow_model(it)
    for way in ("hit", "set", "fill", "miss", "through", "behind", "take", "flush"):
        arrow = getattr(model, way)
        figure = "".join(glyph for glyph in arrow.label if glyph.isdecimal()).lstrip("0")
        if arrow.state is ArrowState.BLOCKED and figure and not _just_stopped(it):
            yield f"{arrow.label} on a way that is blocked"


def _just_stopped(it: Snapshot) -> bool:
    began = [mark.start_at for mark in it.marks if mark.end_at is None]
    return bool(began) and it.at - max(began) < 4 * it.tick_seconds


def worker_rule(it: Snapshot) -> Iterator[str]:
    applied, arriving = flow_of_events(it)
    if it.log.depth and arriving > applied == 0 and worker_view(it).word == "idle":
        yield "the worker is idle beside a growing queue"
    if it.worker.rows > it.worker.events:
        yield "more rows than events"


def keys_rule(it: Snapshot) -> Iterator[str]:
    if sum(key.pending + key.unlogged for key in it.hot) > it.books.pending:
        yield "more is pending of the hot keys than of all"
    for key in it.hot:
        if key.unlogged and it.safeguards.log:
            yield "a write in no log while the log is on"
        if key.cached_known and not it.redis.known:
            yield "a value in a Redis that does not answer"
        if key.row_known and key.truth_known and not key.pending and key.truth != key.row:
            yield f"the truth of {key.key[:20]!r} is not its row, and nothing is pending"


def promise_rule(it: Snapshot) -> Iterator[str]:
    seen = exposure(it)
    if seen.log + seen.redis != it.books.pending or seen.gone != max(0, gone(it)):
        yield "the exposure is not what the books say"
    if seen.database > it.books.applied:
        yield "more was applied in the last minute than ever"
    if it.books.pending and number(it.books.pending) not in at_stake(seen):
        yield f"the promise does not say {it.books.pending}"


EXACT = (books_rule, stopped_rule, worker_rule, promise_rule)
"""What holds at each moment of a real stack."""
RULES = (*EXACT, queue_rule, ticks_rule, totals_rule, faults_rule, keys_rule)
"""The others hold there but for what happens while the parts are read, one after the other."""
