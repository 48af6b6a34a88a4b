"""Snapshot: one frozen value that says how everything is.

A screen, a recording and a test see the stack only through this value. It is built in a time
that grows with the number of panels, never with the number of keys, and it holds no reference
to anything that still changes. (The idea is memray's live screen: one value, pulled by a timer.)

Times ending in ``_at`` are wall-clock seconds since 1970; those ending in ``_seconds`` are spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.wording import TIMES

SLOW = "slow"
"""The word of a database that answers, and takes its time."""


class Health(StrEnum):
    """How a part is: ``up`` serves, ``degraded`` serves with a loss, ``down`` does not serve."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class EventKind(StrEnum):
    """What an entry of the event ring is about."""

    INFO = "info"
    FAULT = "fault"
    HEALED = "healed"
    RECOVERY = "recovery"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RedisState:
    """The cache. ``word`` is its state in one or two words, for a screen.

    ``bypasses``: how often it was bypassed for a moment because it did not answer in time. The
    memory and the keys mean something only while it is ``known``.
    """

    health: Health = Health.DOWN
    word: str = "starting"
    memory_bytes: int = 0
    maxmemory_bytes: int = 0
    eviction_policy: str = ""
    keys: int = 0
    evicted: int = 0
    restarts: int = 0
    pid: int | None = None
    bypasses: int = 0

    @property
    def known(self) -> bool:
        """Whether Redis could be asked what it holds."""
        return self.health is not Health.DOWN


@dataclass(frozen=True, slots=True)
class LogState:
    """The write-behind log: ``depth`` events wait, ``in_flight`` of them in a batch just now.

    What waits was not acked: everything pending, and what a write-through has absorbed since.
    ``word`` and ``health`` are about writes: ``full`` (degraded) when its limits hold them back,
    and why it takes none when it is down.
    """

    health: Health = Health.DOWN
    word: str = "starting"
    depth: int = 0
    limit_events: int = 0
    in_flight: int = 0
    oldest_seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The flush worker. ``events`` applied in ``rows`` row writes by ``batches`` batches;
    ``redelivered`` events were part of their rows already when they came (delivered again after
    a crash, or absorbed by a write-through)."""

    health: Health = Health.DOWN
    word: str = "starting"
    batch_events: int = 0
    batch_age_seconds: float = 0.0
    batches: int = 0
    events: int = 0
    rows: int = 0
    redelivered: int = 0
    restarts: int = 0
    last_error: str = ""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The system of record."""

    health: Health = Health.DOWN
    word: str = "starting"
    rows: int = 0
    bytes: int = 0
    wal_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads since the stack was opened. ``misses`` = ``overlay`` + ``database`` + unavailable.
    ``loads``: how often the database was asked; of readers that miss together, one asks."""

    hits: int = 0
    misses: int = 0
    overlay: int = 0
    database: int = 0
    stale: int = 0
    unavailable: int = 0
    loads: int = 0


@dataclass(frozen=True, slots=True)
class Writes:
    """Writes acknowledged since the stack was opened, and those that raised."""

    through: int = 0
    behind: int = 0
    refused: int = 0
    unavailable: int = 0


@dataclass(frozen=True, slots=True)
class Books:
    """The books of all accepted events; they balance when nothing is lost."""

    accepted: int = 0
    applied: int = 0
    pending: int = 0
    dead: int = 0

    @property
    def balanced(self) -> bool:
        """True when accepted = applied + pending + dead."""
        return self.accepted == self.applied + self.pending + self.dead


@dataclass(frozen=True, slots=True)
class Percentiles:
    """A distribution of seconds; all zero while ``count`` is zero."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long each path took for its caller (``flush``: one batch of the worker)."""

    hit: Percentiles = Percentiles()
    overlay: Percentiles = Percentiles()
    database: Percentiles = Percentiles()
    write_through: Percentiles = Percentiles()
    write_behind: Percentiles = Percentiles()
    flush: Percentiles = Percentiles()


@dataclass(frozen=True, slots=True)
class Tick:
    """What happened in one interval of the history, and the gauges at its end.

    ``lag_seconds`` is the age of the oldest event that was still waiting (0 when none was).
    ``misses`` = ``overlay`` + ``database`` + unavailable reads; ``writes`` = ``through`` +
    ``behind``; ``applied`` are the events that became part of a row, ``through`` among them;
    ``rows`` are the row writes of the worker; ``unavailable`` are reads and writes.
    """

    at: float
    hits: int = 0
    misses: int = 0
    writes: int = 0
    applied: int = 0
    depth: int = 0
    lag_seconds: float = 0.0
    stale: int = 0
    unavailable: int = 0
    overlay: int = 0
    database: int = 0
    through: int = 0
    behind: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class PrefixRate:
    """The reads of the last ten seconds or so of all keys that begin alike, up to the colon."""

    prefix: bytes
    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """What the auditor found, which compares keys in Redis with the truth: of ``checked`` so far
    ``divergent`` were not what they should be, the newest of them in ``keys`` (at most 8)."""

    checked: int = 0
    divergent: int = 0
    keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A fault on the time axis: from ``start_at`` until ``end_at`` (``None``: still active)."""

    name: str
    start_at: float
    end_at: float | None = None


@dataclass(frozen=True, slots=True)
class FaultState:
    """A fault of the catalogue.

    ``title`` says what it will do. ``lasting``: it stays until it is healed. ``argument``: what
    may be named behind a colon (``worker.crash:worker.ack.before``), empty when nothing may;
    ``choices``: everything that may, where that is a list.
    ``obstacle``: why it cannot be injected now, empty when it can. ``since_at``: since when it is
    active, ``None`` when it is not. ``until_at``: when it will be healed by itself, ``None`` when
    only a command heals it.
    """

    name: str
    title: str
    lasting: bool = False
    argument: str = ""
    choices: tuple[str, ...] = ()
    obstacle: str = ""
    since_at: float | None = None
    until_at: float | None = None

    @property
    def available(self) -> bool:
        """Whether it can be injected now."""
        return not self.obstacle


@dataclass(frozen=True, slots=True)
class HotKey:
    """One of the most used keys, with its value in each place.

    ``cached`` and ``row`` are ``None`` when the key is absent there; whether the place could be
    asked at all is said by ``cached_known`` and ``row_known``. ``truth`` is the row with the
    pending events folded in. Long values are cut to their first 256 bytes. ``dead`` is the number
    of its dead letters; ``unlogged`` that of its writes that are in Redis and in no log.
    """

    key: bytes
    policy: str
    uses: int
    cached: bytes | None = None
    cached_known: bool = True
    pending: int = 0
    row: bytes | None = None
    row_known: bool = True
    truth: bytes | None = None
    truth_known: bool = True
    dead: int = 0
    unlogged: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A rare fact: Redis died, a fault was injected, recovery is done.

    What happened ``times`` in short order is one event, ``at`` the last of these times; the
    first was at ``first_at`` (``None``: it happened once). ``topic`` names what may repeat itself.
    ``code`` is an ``EventCode``; empty in a recording from before there were codes.
    """

    at: float
    kind: EventKind
    text: str
    times: int = 1
    first_at: float | None = None
    topic: str = ""
    code: str = ""

    @property
    def told(self) -> str:
        """What happened, and how often."""
        if self.first_at is None:
            return self.text
        return f"{TIMES}{self.times:,} in {max(0.0, self.at - self.first_at):.0f} s: {self.text}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How everything is, at one instant.

    ``ticks`` are the history, oldest first, one per ``tick_seconds``, at most 600.
    ``faults`` are the names of the faults active now, ``catalogue`` are all there are, and
    ``armed`` are the failpoints that were armed and not reached since.
    ``events`` are oldest first, at most 200.
    ``prefixes`` are the hit rates by key prefix, most read first, at most 12.
    ``unaccounted`` are ids of events that keep the books from balancing, at most 20.
    ``workload`` says in a few words what drives the stack, empty when nothing does; ``rate`` is
    how many operations a second it means to do (``None``: as many as it can, or no workload).
    ``recording`` is the file that is being recorded to, empty when none is. ``safeguards`` are
    those that are on. ``observed``: whether calls are counted and timed; if not, ``reads``,
    ``writes``, ``latencies``, ``lag``, ``ticks``, ``prefixes`` and ``hot`` say nothing.
    """

    at: float
    uptime_seconds: float = 0.0
    redis: RedisState = RedisState()
    log: LogState = LogState()
    worker: WorkerState = WorkerState()
    database: DatabaseState = DatabaseState()
    reads: Reads = Reads()
    writes: Writes = Writes()
    books: Books = Books()
    latencies: Latencies = Latencies()
    lag: Percentiles = Percentiles()
    tick_seconds: float = 0.5
    ticks: tuple[Tick, ...] = ()
    marks: tuple[Mark, ...] = ()
    faults: tuple[str, ...] = ()
    catalogue: tuple[FaultState, ...] = ()
    armed: tuple[str, ...] = ()
    hot: tuple[HotKey, ...] = ()
    events: tuple[Event, ...] = ()
    prefixes: tuple[PrefixRate, ...] = ()
    audit: Audit = Audit()
    unaccounted: tuple[int, ...] = ()
    workload: str = ""
    rate: float | None = None
    recording: str = ""
    safeguards: Safeguards = ALL_ON
    observed: bool = True


class Source(Protocol):
    """Anything that can say how everything is: the live stack, a recording, a fixed value."""

    def snapshot(self) -> Snapshot:
        """Return the state now. May take milliseconds: never call it on a screen's own thread."""
        ...
