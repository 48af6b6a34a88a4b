"""Fixed snapshots: the scenes that the desk's tests and its demo show."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cachedesk.core.engine_event import SPECS, EventCode, Plain
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import (
    Audit,
    Books,
    DatabaseState,
    Event,
    EventKind,
    FaultState,
    Health,
    HotKey,
    Latencies,
    LogState,
    Mark,
    Percentiles,
    Reads,
    RedisState,
    Snapshot,
    Tick,
    WorkerState,
)
from cachedesk.observe.event_text import text_of

from .made_history import NOW, TICK, Half, after, as_of, played, with_history

ADMITTED = {
    "emptied": True, "dropped": 0, "verified": None, "trusted": False, "lost_is_estimate": False,
    "kept_by": "the truth is complete",
}  # fmt: skip
"""The fields of a Redis that came back empty."""

MIB = 1024 * 1024


@dataclass
class FixedSource:
    """A source that always says the same."""

    value: Snapshot

    def snapshot(self) -> Snapshot:
        return self.value


SECONDS = 90.0
"""How long the history of a scene is."""
UPTIME = 754.0
USUAL_DEPTH = 96
BEGUN = after(UPTIME - SECONDS, USUAL_DEPTH)
"""The totals before the history of a scene."""


def calm(age: float, depth: int) -> Half:
    """Return an ordinary half second, a little unlike its neighbours."""
    beat = math.sin(age / 3.1) + 0.6 * math.sin(age / 1.3)
    flushed = depth + 160 - USUAL_DEPTH - int(38 * beat)
    return Half(
        hits=774 + int(20 * beat),
        database=30 - int(8 * beat),
        flushed=flushed,
        rows=flushed * 84 // 160,
    )


def tick(age: float, **changes: float) -> Tick:
    """Return an ordinary tick ``age`` seconds before now, with these changes."""
    (usual,) = played(TICK, lambda _, depth: calm(age, depth), depth=USUAL_DEPTH)
    return replace(usual, at=NOW - age, **changes)


def ticks(seconds: float = SECONDS) -> list[Tick]:
    """Return a calm history of this length."""
    return list(played(seconds, calm, depth=USUAL_DEPTH))


def told(age: float, code: EventCode, **fields: Plain) -> Event:
    """Return the event that the engine announces with these fields ``age`` seconds before now."""
    spec = SPECS[code]
    return Event(NOW - age, spec.kind, text_of(code, fields), topic=spec.topic, code=code.value)


HOT = (
    HotKey(b"views:article:1", "write-behind", 9120, b"10483", True, 12, b"10471", True, b"10483"),
    HotKey(b"views:article:7", "write-behind", 8804, b"9920", True, 0, b"9920", True, b"9920"),
    HotKey(b"order:1029", "write-through", 2210, b"paid", True, 0, b"paid", True, b"paid"),
    HotKey(b"likes:article:3", "write-behind", 2100, None, True, 3, b"417", True, b"420"),
    HotKey(b"session:9f31c2", "write-behind", 1904, b'{"user": 17, "cart": [4, 9]}', True, 1,
           None, True, b'{"user": 17, "cart": [4, 9]}'),
    HotKey(b"article:42", "write-through", 1730, None, True, 0, b"Caching, honestly", True,
           b"Caching, honestly"),
    HotKey(b"active:users", "write-behind", 1511, b"318", True, 2, b"305", True, b"318"),
    HotKey(b"balance:31", "write-through", 1204, b"1990", True, 0, b"1990", True, b"1990"),
    HotKey(b"views:article:12", "write-behind", 1100, None, True, 4, None, True, b"4"),
    HotKey(b"analytics:clicks", "write-behind", 990, b"77120", True, 31, b"77089", True, b"77120"),
)  # fmt: skip

CATALOGUE = (
    FaultState("redis.kill", "kill Redis (SIGKILL); it is restarted"),
    FaultState("redis.down", "kill Redis and hold it down", lasting=True),
    FaultState("redis.hang", "stop Redis (SIGSTOP): it hangs", lasting=True),
    FaultState("redis.empty", "evict every key from Redis"),
    FaultState("redis.old_snapshot", "restart Redis with an old snapshot of itself",
               obstacle="there is no old snapshot yet"),
    FaultState("redis.squeeze", "squeeze maxmemory: Redis itself evicts", lasting=True),
    FaultState("worker.crash", "crash the worker in the middle of a flush",
               argument="a failpoint of the worker",
               choices=("worker.read.after", "worker.apply.mid_batch", "worker.ack.before")),
    FaultState("database.lock", "lock the database (a second writer holds it)", lasting=True),
    FaultState("database.slow", "slow the database down by 200 ms an answer, or as you say",
               lasting=True, argument="a time, like 50ms or 2s"),
    FaultState("database.gone", "take the database away: it can be neither read nor written",
               lasting=True),
    FaultState("log.full", "fill the disk under the log: write-behind is refused", lasting=True),
    FaultState("process.kill", "kill this whole process (SIGKILL); open it again to recover"),
)  # fmt: skip


def active(**ages: float) -> tuple[FaultState, ...]:
    """Return the catalogue with these faults active: ``redis_down=18`` began 18 seconds ago."""
    since = {name.replace("_", ".", 1): NOW - age for name, age in ages.items()}
    return tuple(replace(fault, since_at=since.get(fault.name)) for fault in CATALOGUE)


_IDLE = Snapshot(
    at=NOW,
    uptime_seconds=UPTIME,
    redis=RedisState(Health.UP, "up", int(12.3 * MIB), 64 * MIB, "allkeys-lru", 2_650, 0, 0, 4711),
    log=LogState(Health.UP, "up", limit_events=100_000, in_flight=64, bytes=int(1.2 * MIB)),
    worker=WorkerState(Health.UP, "idle", 500, 0.2),
    database=DatabaseState(Health.UP, "up", 2_904, int(12.4 * MIB), int(0.6 * MIB)),
    latencies=Latencies(
        hit=Percentiles(1, 130e-6, 420e-6, 2e-3),
        overlay=Percentiles(1, 210e-6, 640e-6, 3e-3),
        database=Percentiles(1, 240e-6, 1.6e-3, 4e-3),
        write_through=Percentiles(1, 520e-6, 1.9e-3, 6e-3),
        write_behind=Percentiles(1, 410e-6, 1.2e-3, 5e-3),
        flush=Percentiles(1, 2.1e-3, 8.8e-3, 12e-3),
    ),
    lag=Percentiles(1, 0.18, 0.41, 0.6),
    tick_seconds=TICK,
    catalogue=CATALOGUE,
    hot=HOT,
    events=(
        Event(NOW - UPTIME, EventKind.INFO, "The stack is up; 0 events were pending."),
        Event(
            NOW - UPTIME + 2,
            EventKind.INFO,
            "Workload article started at 2,000 operations a second.",
        ),
    ),
    audit=Audit(3_020, 0),
    workload="article",
    rate=2_000.0,
)


def scene(
    half: Callable[[float, int], Half], *, seconds: float = SECONDS, depth: int = USUAL_DEPTH,
    begun: Snapshot = BEGUN, **changes: Any,
) -> Snapshot:  # fmt: skip
    """Return a stack of which this is the history, with these changes."""
    logged = changes.get("safeguards", Safeguards()).log
    history = played(seconds, half, depth=depth, logged=logged)
    return with_history(replace(_IDLE, **changes), history, begun=begun, logged=logged)


HEALTHY = scene(calm)


def refill(since: float) -> int:
    """Return how many reads of a half second miss when Redis was empty so long ago."""
    return 36 + int(560 * math.exp(-since / 2.2))


def refilled(seconds: float) -> int:
    """Return how many keys Redis has so long after it was empty: some misses are of no key."""
    missed = sum(refill(TICK * it) for it in range(int(seconds / TICK) + 1))
    return min(2_650, int(0.42 * missed))


def after_a_kill(age: float, depth: int, killed: float, back: float) -> Half:
    """Return a half second of a stack whose Redis was killed and is back since these ages."""
    usual = calm(age, depth)
    if age >= killed:
        return usual
    if age > back:
        return replace(usual, hits=0, overlay=40, database=770)
    missed = refill(back - age)
    return replace(usual, hits=810 - missed, overlay=missed // 20, database=missed - missed // 20)


def _went_down(age: float, depth: int) -> Half:
    if age < 18:
        return replace(calm(age, depth), hits=0, overlay=40, database=770)
    return after_a_kill(age, depth, 47, 44.1)


REDIS_DOWN = scene(
    _went_down,
    redis=replace(
        HEALTHY.redis, health=Health.DOWN, word="held down", memory_bytes=0, keys=0, restarts=1
    ),
    marks=(Mark("redis.kill", NOW - 47, NOW - 47), Mark("redis.down", NOW - 18)),
    faults=("redis.down",),
    catalogue=active(redis_down=18),
    hot=tuple(replace(hot, cached=None, cached_known=False) for hot in HOT),
    events=(
        *HEALTHY.events,
        told(
            47,
            EventCode.FAULT_INJECTED,
            fault="redis.kill",
            argument="",
            seconds=None,
            result="Redis was killed (SIGKILL to pid 4711)",
        ),
        told(47, EventCode.REDIS_DIED, successor="empty"),
        told(44.1, EventCode.REDIS_BACK, seconds=2.9, lost=2_650, **ADMITTED),
        told(
            18,
            EventCode.FAULT_INJECTED,
            fault="redis.down",
            argument="",
            seconds=None,
            result="Redis was killed and is held down",
        ),
    ),
)


JUST_KILLED = scene(
    lambda age, depth: after_a_kill(age, depth, 4, 3.76),
    redis=replace(HEALTHY.redis, memory_bytes=int(4.6 * MIB), keys=refilled(3.76), restarts=1),
    worker=replace(HEALTHY.worker, restarts=1),
    marks=(Mark("redis.kill", NOW - 4, NOW - 4), Mark("worker.crash", NOW - 31, NOW - 31)),
    events=(
        *HEALTHY.events,
        told(31, EventCode.FAULT_INJECTED, fault="worker.crash", argument="", seconds=None,
             result="the worker will crash in the middle of its next batch"),
        told(30.9, EventCode.WORKER_CRASHED, point="worker.apply.mid_batch", in_flight=11),
        told(30.7, EventCode.WORKER_REDELIVERED, point="worker.apply.mid_batch", events=11,
             already_applied=0),
        told(30.7, EventCode.WORKER_FLUSHES_AGAIN),
        told(4, EventCode.FAULT_INJECTED, fault="redis.kill", argument="", seconds=None,
             result="Redis was killed (SIGKILL to pid 4711)"),
        told(4, EventCode.REDIS_DIED, successor="empty"),
        told(3.76, EventCode.REDIS_BACK, seconds=0.24, lost=2_650, **ADMITTED),
    ),
)  # fmt: skip


def _everything_went_down(age: float, depth: int) -> Half:
    if age >= 30:
        return calm(age, depth)
    if age >= 29:
        return replace(calm(age, depth), hits=0, overlay=40, database=770)
    # The callers wait for the refusals, so there are fewer calls.
    half = Half(hits=0, overlay=10, database=0, unread=400, through=0, behind=24, unwritten=50,
                flushed=0)  # fmt: skip
    return half if age >= 12 else replace(half, behind=0, unwritten=74)


ALL_DOWN = scene(
    _everything_went_down,
    redis=replace(
        HEALTHY.redis, health=Health.DOWN, word="held down", memory_bytes=0, keys=0, restarts=1
    ),
    log=replace(HEALTHY.log, health=Health.DOWN, word="disk full", in_flight=500),
    worker=replace(
        HEALTHY.worker,
        health=Health.DEGRADED,
        word="retrying",
        last_error="the database does not answer: unable to open database file",
    ),
    database=DatabaseState(Health.DOWN, "not readable"),
    marks=(
        Mark("redis.down", NOW - 30),
        Mark("database.gone", NOW - 29),
        Mark("log.full", NOW - 12),
    ),
    faults=("redis.down", "database.gone", "log.full"),
    catalogue=active(redis_down=30, database_gone=29, log_full=12),
    hot=tuple(
        replace(hot, cached=None, cached_known=False, row=None, row_known=False,
                truth=None, truth_known=False)
        for hot in HOT
    ),
    events=(
        *HEALTHY.events,
        told(30, EventCode.FAULT_INJECTED, fault="redis.down", argument="", seconds=None,
             result="Redis was killed and is held down"),
        told(29, EventCode.FAULT_INJECTED, fault="database.gone", argument="", seconds=None,
             result="the database is gone; SQLite cannot open it"),
        told(28.9, EventCode.WORKER_CANNOT_FLUSH,
             error="the database does not answer: unable to open database file"),
        told(12, EventCode.FAULT_INJECTED, fault="log.full", argument="", seconds=None,
             result="SQLite refuses appends to the log: the disk is full"),
    ),
)  # fmt: skip


def locked(age: float) -> Half:
    """Return a half second of a locked database: hits and misses are served."""
    return Half(through=0, flushed=0, unwritten=1 if age % 1.5 == 0 else 0)


_LOCKED_AT, _UNLOCKED_AT = 240.0, 4.0


def _locked_then_drained(age: float, depth: int) -> Half:
    if age >= _LOCKED_AT:
        return calm(age, depth)
    return locked(age) if age >= _UNLOCKED_AT else Half(flushed=3_000, rows=410)


_DRAINED = played(270.0, _locked_then_drained, depth=USUAL_DEPTH)
_REFUSED = sum(tick.unavailable for tick in _DRAINED)
_DEEPEST = max(tick.depth for tick in _DRAINED)
DRAINING = scene(
    _locked_then_drained,
    seconds=270.0,
    begun=after(UPTIME - 270, USUAL_DEPTH),
    log=replace(HEALTHY.log, in_flight=500, bytes=int(9.1 * MIB)),
    lag=Percentiles(1, 180.0, 234.0, 236.0),
    marks=(Mark("database.lock", NOW - _LOCKED_AT, NOW - _UNLOCKED_AT),),
    events=(
        *HEALTHY.events,
        told(_LOCKED_AT, EventCode.FAULT_INJECTED, fault="database.lock", argument="", seconds=None,
             result="the database is locked by a second connection"),
        *(told(_LOCKED_AT - 1 - 7 * index, EventCode.WORKER_CANNOT_FLUSH,
               error="the database is locked by another connection")
          for index in range(33)),
        told(4, EventCode.FAULT_HEALED, faults=("database.lock",)),
        told(4, EventCode.WORKER_FLUSHES_AGAIN),
        told(4, EventCode.FAULT_IMPACT, fault="database.lock", seconds=_LOCKED_AT - _UNLOCKED_AT,
             unavailable=_REFUSED, refused=0, evicted=0, depth_before=USUAL_DEPTH,
             depth_after=_DEEPEST),
    ),
)  # fmt: skip


def unlogged(hot: HotKey) -> HotKey:
    """Return the same key without a log: what is pending there is in Redis only here."""
    if not hot.pending:
        return hot
    return replace(hot, unlogged=hot.pending, pending=0, truth=hot.row, cached=hot.truth)


_COPIED_EVERY, _COPIED_AT = 2.0, 0.3
_STALE = (2, 2, 2, 2, 2, 3, 3, 3)


def without_the_log(age: float, depth: int, copied_at: float = _COPIED_AT) -> Half:
    """Return a half second in which the dirty keys are copied from Redis each other second."""
    usual = calm(age, depth)
    since = (age + TICK - copied_at) % _COPIED_EVERY
    flushed = depth + round(320 * since) if since < TICK else 0
    return replace(
        usual, overlay=0, database=usual.database + usual.overlay, flushed=flushed,
        rows=flushed * 6 // 10,
    )  # fmt: skip


def _lost(age: float, depth: int) -> Half:
    """Return a half second of a stack without the log, whose Redis died just after a copy."""
    if age >= 40:
        return calm(age, depth)
    half = without_the_log(age, depth)
    if age > 4:
        return half
    missed = refill(4 - age)
    half = replace(half, hits=810 - missed, database=missed, stale=_STALE[min(7, int(2 * age))])
    # A fast write is refused while Redis is away.
    return replace(half, lost=8, behind=148, unwritten=12) if age == 4 else half


_KILLED_AT = 4.275
_ALIVE = scene(
    _lost,
    safeguards=Safeguards(log=False),
    worker=as_of(HEALTHY, 40).worker,
    lag=Percentiles(1, 1.02, 1.98, 2.01),
)
_FIRST_LOST = as_of(_ALIVE, 4).books.accepted - 104
LOST_SEQS = tuple(_FIRST_LOST + it for it in (0, 1, 2, 4, 5, 6, 7, 9))
LOST = replace(
    _ALIVE,
    redis=JUST_KILLED.redis,
    log=replace(_ALIVE.log, health=Health.DEGRADED, word="off", in_flight=0, bytes=32_920),
    unaccounted=LOST_SEQS,
    marks=(Mark("redis.kill", NOW - _KILLED_AT, NOW - _KILLED_AT),),
    hot=tuple(map(unlogged, HOT)),
    events=(
        *HEALTHY.events,
        told(40, EventCode.SAFEGUARD_SWITCHED, name="log", on=False),
        told(_KILLED_AT, EventCode.FAULT_INJECTED, fault="redis.kill", argument="", seconds=None,
             result="Redis was killed (SIGKILL to pid 4711)"),
        told(_KILLED_AT, EventCode.REDIS_DIED, successor="empty"),
        told(4.1, EventCode.UNLOGGED_WRITES_LOST, count=len(LOST_SEQS), seqs=LOST_SEQS),
        told(4.035, EventCode.REDIS_BACK, seconds=0.24, lost=2_650,
             **ADMITTED | {"kept_by": f"{len(LOST_SEQS)} acknowledged writes are in no log"}),
    ),
)  # fmt: skip
"""Redis died while the log was off: writes that were in Redis only are gone."""

UNBALANCED = replace(
    HEALTHY,
    books=replace(HEALTHY.books, pending=HEALTHY.books.pending - 3),
    log=replace(HEALTHY.log, depth=HEALTHY.log.depth - 3),
    ticks=(*HEALTHY.ticks[:-1], replace(HEALTHY.ticks[-1], depth=HEALTHY.log.depth - 3)),
)

LOCKED = scene(
    lambda age, depth: locked(age) if age < 12 else calm(age, depth),
    log=replace(HEALTHY.log, in_flight=500),
    worker=replace(
        HEALTHY.worker,
        health=Health.DEGRADED,
        word="retrying",
        last_error="the database is locked by another connection",
    ),
    database=replace(HEALTHY.database, health=Health.DEGRADED, word="locked"),
    faults=("database.lock",),
    marks=(Mark("database.lock", NOW - 12),),
    catalogue=active(database_lock=12),
    events=(
        *HEALTHY.events,
        told(12, EventCode.FAULT_INJECTED, fault="database.lock", argument="", seconds=None,
             result="the database is locked by a second connection"),
        told(11, EventCode.WORKER_CANNOT_FLUSH,
             error="the database is locked by another connection"),
    ),
)  # fmt: skip
"""The database has been locked for twelve seconds."""

EMPTY = Snapshot(at=NOW)

HUGE = replace(
    HEALTHY,
    uptime_seconds=400 * 86_400.0,
    redis=replace(
        HEALTHY.redis, memory_bytes=900 * 1024**3, maxmemory_bytes=1024**4, keys=10**12,
        evicted=10**15, restarts=123_456,
    ),
    log=replace(HEALTHY.log, depth=10**9, limit_events=10**9, in_flight=10**7,
                oldest_seconds=9e6, bytes=10**14),
    worker=replace(HEALTHY.worker, batch_events=10**6, batch_age_seconds=3600.0,
                   events=10**15, rows=10**14, restarts=10**6),
    database=replace(HEALTHY.database, rows=10**13, bytes=10**16, wal_bytes=10**12),
    books=Books(10**15, 10**15 - 10**9 - 10**6, 10**9, 10**6),
    reads=Reads(hits=10**15, misses=10**6, database=10**6),
    ticks=tuple(replace(one, depth=one.depth * 10**9 // USUAL_DEPTH, lag_seconds=one.depth * 9e6
                        / USUAL_DEPTH, hits=10**9, misses=1, overlay=0, database=1)
                for one in ticks()),
    prefixes=(),
    lag=Percentiles(10**15, 86_400.0, 9e6, 9e6),
)  # fmt: skip

ODD_KEYS = replace(
    HEALTHY,
    hot=(
        HotKey("ключ:статья:7".encode(), "write-behind", 9, "значение".encode(), True, 0,
               "значение".encode(), True, "значение".encode()),
        HotKey("記事:閲覧数:一二三四五六七八九十".encode(), "write-behind", 8, "値".encode() * 80,
               True, 1, b"", True, "値".encode() * 80),
        HotKey(b"\x00\xff\x13nul\x00", "write-through", 7, b"\x00" * 256, True, 0, b"\x00" * 256,
               True, b"\x00" * 256),
        HotKey(b"k" * 1024, "write-behind", 6, b"v" * 256, True, 2, None, True, b"v" * 256),
        HotKey(b"[red]x[/]", "write-behind", 5, b"[b]bold[/b]", True, 1, b"[@click=app.quit]q[/]",
               True, b"[b]bold[/b]"),
        HotKey(b"line\nbreak\ttab\x1b[31m", "write-through", 4, None, True, 0, b"[/]", True,
               b"[/]"),
        HotKey("e\u0301\u202eevil".encode(), "write-through", 3, b"\\x00", True, 0, b"\\x00", True,
               b"\\x00"),
    ),
    events=(
        Event(NOW - 2, EventKind.ERROR, "[red]markup[/] and\nsecond line \x1b[31m in an event"),
    ),
)  # fmt: skip


def paused(snapshot: Snapshot) -> Snapshot:
    """Return the same scene with the worker paused."""
    return replace(snapshot, worker=replace(snapshot.worker, word="paused", paused=True))
