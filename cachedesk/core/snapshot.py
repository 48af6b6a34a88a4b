"""Snapshot: one frozen value with the state of the whole stack.

A screen, a recording and a test see the stack only through this value. The time to build it grows
with the number of panels, never with the number of keys, and it holds no reference to anything
that still changes. (The idea is memray's live screen: one value, pulled by a timer.)

Times ending in ``_at`` are wall-clock seconds since 1970; those ending in ``_seconds`` are spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.wording import TIMES

BOOKMARK = "bookmark "
"""How the names of bookmarks begin; their number follows."""

SLOW = "slow"
"""The ``word`` of a database that answers slowly."""


class Health(StrEnum):
    """The health of a part: ``up`` serves, ``degraded`` serves with restrictions, ``down`` does
    not serve."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class EventKind(StrEnum):
    """The kind of an entry in the event ring."""

    INFO = "info"
    FAULT = "fault"
    HEALED = "healed"
    RECOVERY = "recovery"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RedisState:
    """The state of the cache. ``word`` is the state in one or two words, for a screen.

    ``bypasses``: how often it was bypassed for a moment because it did not answer in time. The
    figures of memory and keys are valid only while it is ``known``.
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
        """Whether Redis could be asked for its figures."""
        return self.health is not Health.DOWN


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of the write-behind log. ``depth``: the events that are not acked: all pending
    ones, and those that a write-through has absorbed since; ``in_flight`` of them are in a batch
    now.

    ``word`` and ``health`` are about writes: ``full`` (degraded) when a limit holds them back, and
    the reason why it takes none when it is down.
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
    """The state of the flush worker: ``events`` applied in ``rows`` row writes by ``batches``
    batches. ``redelivered``: events that were part of their rows already when they were delivered
    (again after a crash, or after a write-through absorbed them). ``purged``: rows that have
    expired and were emptied."""

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
    purged: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The state of the system of record."""

    health: Health = Health.DOWN
    word: str = "starting"
    rows: int = 0
    bytes: int = 0
    wal_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads since the stack was opened. ``misses`` = ``overlay`` + ``database`` + ``unavailable`` +
    ``stale_on_error`` (the last known value was returned, as a policy allows). ``loads``: how often
    the database was read; of readers that miss a key together, one reads. ``negative``: the hits
    that found a key cached as absent."""

    hits: int = 0
    misses: int = 0
    overlay: int = 0
    database: int = 0
    stale: int = 0
    unavailable: int = 0
    loads: int = 0
    negative: int = 0
    stale_on_error: int = 0


@dataclass(frozen=True, slots=True)
class Writes:
    """Writes acknowledged since the stack was opened, and those that raised."""

    through: int = 0
    behind: int = 0
    refused: int = 0
    unavailable: int = 0


@dataclass(frozen=True, slots=True)
class Books:
    """The event balance: where all accepted events are. It is balanced if none is lost."""

    accepted: int = 0
    applied: int = 0
    pending: int = 0
    dead: int = 0

    @property
    def balanced(self) -> bool:
        """Whether accepted = applied + pending + dead."""
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
    """How long calls took on each path, in seconds (``flush``: one batch of the worker)."""

    hit: Percentiles = Percentiles()
    overlay: Percentiles = Percentiles()
    database: Percentiles = Percentiles()
    write_through: Percentiles = Percentiles()
    write_behind: Percentiles = Percentiles()
    flush: Percentiles = Percentiles()


@dataclass(frozen=True, slots=True)
class Tick:
    """The counters of one interval of the history, and the gauges at its end.

    ``lag_seconds`` is the age of the oldest event that was still waiting (0 if none was).
    ``misses`` = ``overlay`` + ``database`` + unavailable reads; ``writes`` = ``through`` +
    ``behind``; ``applied`` counts the events that became part of a row, including ``through``;
    ``rows`` counts the row writes of the worker; ``unavailable`` counts reads and writes.
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
    """The reads of the last ten seconds or so of all keys with this prefix (up to the colon)."""

    prefix: bytes
    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """The findings of the auditor, which compares keys in Redis with the truth: of ``checked`` keys
    so far ``divergent`` differed, the newest of them in ``keys`` (at most 8)."""

    checked: int = 0
    divergent: int = 0
    keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A fault on the time axis: from ``start_at`` until ``end_at`` (``None``: still active); or a
    bookmark, which starts and ends at one moment."""

    name: str
    start_at: float
    end_at: float | None = None

    @property
    def is_bookmark(self) -> bool:
        """Whether it is no fault, but a moment that a user has marked."""
        return self.name.startswith(BOOKMARK)


@dataclass(frozen=True, slots=True)
class FaultState:
    """A fault of the catalogue, and its state.

    ``title`` says what it does. ``lasting``: it stays until it is healed. ``argument``: what may
    follow the name after a colon (``worker.crash:worker.ack.before``), in words; empty: no argument
    is allowed. ``choices``: the arguments that are allowed, if there is a fixed list.
    ``obstacle``: why it cannot be injected now; empty if it can. ``since_at``: when it became
    active; ``None`` if it is not. ``until_at``: when it will be healed by itself; ``None`` if only
    a command heals it.
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

    ``cached`` and ``row`` are ``None`` if the key is absent there; ``cached_known`` and
    ``row_known`` say whether the place could be read. ``truth`` is the row with the pending events
    folded in. Long values are cut to their first 256 bytes. ``dead`` is the number of its dead
    letters; ``unlogged`` is the number of its writes that are in Redis and in no log.
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
    """A rare event: Redis died, a fault was injected, recovery is done.

    An event that is repeated within a short time is one entry: it happened ``times`` times, last
    ``at`` and first ``first_at`` (``None``: it happened once). ``topic`` identifies events that
    are merged in this way.
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
    def full_text(self) -> str:
        """What happened, and how often."""
        if self.first_at is None:
            return self.text
        return f"{TIMES}{self.times:,} in {max(0.0, self.at - self.first_at):.0f} s: {self.text}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the whole stack at one moment.

    ``ticks`` are the history, oldest first, one per ``tick_seconds``, at most 600.
    ``faults`` are the names of the active faults, ``catalogue`` has all faults, and ``armed`` are
    the failpoints that were armed and not reached since.
    ``events`` are oldest first, at most 200.
    ``prefixes`` are the hit rates by key prefix, most read first, at most 12.
    ``unaccounted`` are the ids of events that make the event balance wrong, at most 20.
    ``workload`` describes the workload in a few words, empty if there is none; ``rate`` is its
    target in operations per second (``None``: no limit, or no workload).
    ``recording`` is the file that is being recorded to, empty if none is. ``safeguards`` says
    which safeguards are on. ``observed``: whether calls are counted and timed; if not, ``reads``,
    ``writes``, ``latencies``, ``lag``, ``ticks``, ``prefixes`` and ``hot`` are empty.
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
    """A source of snapshots: the live stack, a recording, a fixed value."""

    def snapshot(self) -> Snapshot:
        """Return the state now. May take milliseconds: do not call it on a screen's own thread."""
        ...


@runtime_checkable
class SelectiveSource(Protocol):
    """A source that can leave out the values of the hot keys in the cache.

    Reading them is counted by the cache as a use of those keys, which changes its own figures.
    """

    def read_hot_values(self, *, wanted: bool) -> None:
        """Have the next snapshots contain the values, or leave them unknown."""
        ...
