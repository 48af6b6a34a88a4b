"""Fixed snapshots: the scenes that the desk's tests and its demo show."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

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
    PrefixRate,
    Reads,
    RedisState,
    Snapshot,
    Tick,
    WorkerState,
    Writes,
)
from cachedesk.observe.event_text import text_of

ADMITTED = {
    "emptied": True, "dropped": 0, "verified": None, "trusted": False, "lost_is_estimate": False,
    "kept_by": "the truth is complete",
}  # fmt: skip
"""The fields of a Redis that came back empty."""

NOW = 1_754_049_600.0 + 3.5 * 3600  # 2025-08-01 15:30:00 UTC
TICK = 0.5
MIB = 1024 * 1024


@dataclass
class FixedSource:
    """A source that always says the same."""

    value: Snapshot

    def snapshot(self) -> Snapshot:
        return self.value


def tick(age: float, **changes: float) -> Tick:
    """Return an ordinary tick ``age`` seconds before now, a little unlike its neighbours."""
    beat = math.sin(age / 3.1) + 0.6 * math.sin(age / 1.3)
    plain = Tick(
        at=NOW - age,
        hits=940 + int(25 * beat),
        misses=38 - int(12 * beat),
        writes=300,
        applied=298,
        depth=340 + int(130 * beat),
        lag_seconds=0.32 + 0.12 * beat,
        overlay=8,
        database=30 - int(12 * beat),
        through=60,
        behind=240,
        rows=84,
    )
    return replace(plain, **changes)


def ticks(seconds: float = 90.0) -> list[Tick]:
    """Return a calm history of this length."""
    return [tick(TICK * index) for index in reversed(range(int(seconds / TICK)))]


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
    FaultState("log.full", "fill the disk under the log: write-behind is refused", lasting=True),
    FaultState("process.kill", "kill this whole process (SIGKILL); open it again to recover"),
)  # fmt: skip


def active(**ages: float) -> tuple[FaultState, ...]:
    """Return the catalogue with these faults active: ``redis_down=18`` began 18 seconds ago."""
    since = {name.replace("_", ".", 1): NOW - age for name, age in ages.items()}
    return tuple(replace(fault, since_at=since.get(fault.name)) for fault in CATALOGUE)


HEALTHY = Snapshot(
    at=NOW,
    uptime_seconds=754.0,
    redis=RedisState(Health.UP, "up", int(12.3 * MIB), 64 * MIB, "allkeys-lru", 1_204, 0, 0, 4711),
    log=LogState(Health.UP, "up", 344, 100_000, 120, 0.3, int(1.2 * MIB)),
    worker=WorkerState(Health.UP, "idle", 500, 0.2, 241, 12_001, 3_120),
    database=DatabaseState(Health.UP, "up", 1_310, int(3.4 * MIB), int(0.6 * MIB)),
    reads=Reads(hits=188_204, misses=7_310, overlay=1_204, database=6_106),
    writes=Writes(through=2_210, behind=10_135),
    books=Books(12_345, 12_001, 344, 0),
    latencies=Latencies(
        hit=Percentiles(188_204, 130e-6, 420e-6, 2e-3),
        overlay=Percentiles(1_204, 210e-6, 640e-6, 3e-3),
        database=Percentiles(6_106, 24e-6, 160e-6, 1e-3),
        write_through=Percentiles(2_210, 520e-6, 1.9e-3, 6e-3),
        write_behind=Percentiles(10_135, 410e-6, 1.2e-3, 5e-3),
        flush=Percentiles(241, 2.1e-3, 8.8e-3, 12e-3),
    ),
    lag=Percentiles(12_001, 0.18, 0.41, 0.6),
    tick_seconds=TICK,
    ticks=tuple(ticks()),
    catalogue=CATALOGUE,
    hot=HOT,
    events=(
        Event(NOW - 754, EventKind.INFO, "The stack is up; 0 events were pending."),
        Event(NOW - 752, EventKind.INFO, "Workload article started at 2,000 operations a second."),
    ),
    prefixes=(
        PrefixRate(b"views:", 11_020, 210),
        PrefixRate(b"article:", 6_240, 310),
        PrefixRate(b"session:", 1_180, 96),
        PrefixRate(b"likes:", 610, 44),
        PrefixRate(b"order:", 240, 61),
    ),
    audit=Audit(3_020, 0),
    workload="article",
    rate=2_000.0,
)


def _redis_went_down() -> tuple[Tick, ...]:
    return tuple(replace(one, hits=0, misses=960) if NOW - one.at < 18 else one for one in ticks())


REDIS_DOWN = replace(
    HEALTHY,
    redis=replace(HEALTHY.redis, health=Health.DOWN, word="held down", keys=0, restarts=1),
    ticks=_redis_went_down(),
    marks=(Mark("redis.kill", NOW - 47, NOW - 47), Mark("redis.down", NOW - 18)),
    faults=("redis.down",),
    catalogue=active(redis_down=18),
    reads=Reads(hits=188_204, misses=40_310, overlay=9_204, database=31_106),
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


JUST_KILLED = replace(
    HEALTHY,
    redis=replace(HEALTHY.redis, memory_bytes=int(1.9 * MIB), keys=318, restarts=1),
    ticks=tuple(
        replace(one, hits=240 + int(90 * (4 - (NOW - one.at))), misses=720) if NOW - one.at < 4
        else one
        for one in ticks()
    ),
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


def _everything_went_down() -> tuple[Tick, ...]:
    history = []
    for one in ticks():
        age = NOW - one.at
        if age < 30:
            grown = int((30 - age) * 90)
            one = replace(  # noqa: PLW2901
                one, hits=0, misses=210, applied=0, depth=340 + grown, lag_seconds=30.2 - age
            )
        if age < 12:
            one = replace(one, misses=0, writes=0, unavailable=200)  # noqa: PLW2901
        history.append(one)
    return tuple(history)


ALL_DOWN = replace(
    HEALTHY,
    redis=replace(HEALTHY.redis, health=Health.DOWN, word="down", memory_bytes=0, keys=0),
    log=replace(
        HEALTHY.log, health=Health.DOWN, word="disk full", depth=3_040, oldest_seconds=30.2
    ),
    worker=replace(
        HEALTHY.worker,
        health=Health.DOWN,
        word="crashed",
        restarts=3,
        last_error="database is locked (5 attempts), the batch of 500 events goes back to the log",
    ),
    database=replace(HEALTHY.database, health=Health.DOWN, word="locked"),
    books=Books(15_041, 12_001, 3_038, 2),
    reads=replace(HEALTHY.reads, stale=4, unavailable=4_812),
    lag=Percentiles(12_001, 0.22, 28.1, 30.2),
    ticks=_everything_went_down(),
    marks=(
        Mark("database.lock", NOW - 30),
        Mark("redis.down", NOW - 30),
        Mark("log.full", NOW - 12),
    ),
    faults=("database.lock", "redis.down", "log.full"),
    catalogue=active(database_lock=30, redis_down=29, log_full=12),
    hot=tuple(
        replace(hot, cached=None, cached_known=False, row=None, row_known=False,
                truth=None, truth_known=False)
        for hot in HOT
    ),
    events=(
        *HEALTHY.events,
        told(30, EventCode.FAULT_INJECTED, fault="database.lock", argument="", seconds=None,
             result="the database is locked by a second connection"),
        told(30, EventCode.FAULT_INJECTED, fault="redis.down", argument="", seconds=None,
             result="Redis was killed and is held down"),
        told(21, EventCode.WORKER_CANNOT_FLUSH, error="the database is locked"),
        told(14, EventCode.WORKER_CANNOT_FLUSH, error="the database is locked"),
        told(12, EventCode.FAULT_INJECTED, fault="log.full", argument="", seconds=None,
             result="SQLite refuses appends to the log: the disk is full"),
    ),
)  # fmt: skip


def _locked_then_drained() -> tuple[Tick, ...]:
    history = []
    for one in ticks():
        age = NOW - one.at
        if age < 4:
            depth, lag_seconds = 32_894 + int(5_520 * age), 874.0 + 30 * age
            one = replace(  # noqa: PLW2901
                one, applied=3_060, rows=410, depth=depth, lag_seconds=lag_seconds
            )
        else:
            depth = 54_974 - int(480 * (age - 4))
            one = replace(  # noqa: PLW2901
                one,
                applied=0,
                through=0,
                rows=0,
                writes=240,
                depth=depth,
                unavailable=2,
                lag_seconds=994.0 - (age - 4),
            )
        history.append(one)
    return tuple(history)


DRAINING = replace(
    HEALTHY,
    log=replace(HEALTHY.log, depth=32_894, in_flight=1_000, oldest_seconds=874.0,
                bytes=int(9.1 * MIB)),
    books=Books(45_905, 13_011, 32_894, 0),
    writes=Writes(through=2_210, behind=43_695, unavailable=671),
    ticks=_locked_then_drained(),
    marks=(Mark("database.lock", NOW - 1_004, NOW - 4),),
    uptime_seconds=1_854.0,
    events=(
        *(replace(event, at=event.at - 1_100) for event in HEALTHY.events),
        told(1_004, EventCode.FAULT_INJECTED, fault="database.lock", argument="", seconds=None,
             result="the database is locked by a second connection"),
        *(told(1_003 - 7 * index, EventCode.WORKER_CANNOT_FLUSH, error="the database is locked")
          for index in range(140)),
        told(4, EventCode.FAULT_HEALED, faults=("database.lock",)),
        told(4, EventCode.WORKER_FLUSHES_AGAIN),
        told(4, EventCode.FAULT_IMPACT, fault="database.lock", seconds=1_000.0, unavailable=671,
             refused=0, evicted=0, depth_before=31, depth_after=54_974),
    ),
)  # fmt: skip

LOST_SEQS = (12_298, 12_300, 12_301, 12_304, 12_307, 12_311, 12_312, 12_315)
LOST = replace(
    JUST_KILLED,
    safeguards=Safeguards(log=False),
    log=replace(HEALTHY.log, health=Health.DEGRADED, word="off", depth=96, in_flight=0,
                oldest_seconds=0.9, bytes=32_920),
    books=Books(12_345, 12_241, 96, 0),
    unaccounted=LOST_SEQS,
    reads=replace(JUST_KILLED.reads, stale=19),
    marks=(Mark("redis.kill", NOW - 4, NOW - 4),),
    hot=tuple(
        replace(key, cached=key.row, unlogged=0, pending=0, truth=key.row) if key.pending else key
        for key in HOT
    ),
    events=(
        *HEALTHY.events,
        told(40, EventCode.SAFEGUARD_SWITCHED, name="log", on=False),
        told(4, EventCode.FAULT_INJECTED, fault="redis.kill", argument="", seconds=None,
             result="Redis was killed (SIGKILL to pid 4711)"),
        told(4, EventCode.REDIS_DIED, successor="empty"),
        told(3.9, EventCode.UNLOGGED_WRITES_LOST, count=len(LOST_SEQS), seqs=LOST_SEQS),
        told(3.76, EventCode.REDIS_BACK, seconds=0.24, lost=2_650,
             **ADMITTED | {"kept_by": "104 acknowledged writes are in no log"}),
    ),
)  # fmt: skip
"""Redis died while the log was off: writes that were in Redis only are gone."""

UNBALANCED = replace(HEALTHY, books=Books(12_345, 12_001, 341, 0))

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
    ticks=tuple(replace(one, depth=one.depth * 2_000_000, lag_seconds=one.lag_seconds * 1e6,
                        hits=10**9, misses=1) for one in ticks()),
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
        HotKey(b"[red]x[/]", "write-behind", 5, b"[b]bold[/b]", True, 0, b"[@click=app.quit]q[/]",
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


def as_of(snapshot: Snapshot, age: float) -> Snapshot:
    """Return what was known of ``snapshot`` ``age`` seconds before it."""
    at = snapshot.at - age
    return replace(
        snapshot,
        at=at,
        uptime_seconds=snapshot.uptime_seconds - age,
        ticks=tuple(one for one in snapshot.ticks if one.at <= at),
        events=tuple(event for event in snapshot.events if event.at <= at),
        marks=tuple(mark for mark in snapshot.marks if mark.start_at <= at),
    )
