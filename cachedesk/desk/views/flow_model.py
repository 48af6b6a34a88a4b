"""The flow: the calls between the components, their rates and their obstacles, as a frozen value.

The paths are user → app → cache layer → Redis; a miss and a write-through continue to SQLite; a
write-behind goes to the log, from which the worker applies it to SQLite. What a miss found there is
filled into Redis, and a write is set in Redis once it is durable. The small figures of the labels
are the steps of a write: ¹ the durable place, ² Redis, ³ the flush of what is only in the log. The
caller has its answer, ``ok``, after ², or after ¹ while Redis is down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rich.cells import cell_len

from cachedesk.core.snapshot import (
    SLOW,
    DatabaseState,
    Health,
    LogState,
    RedisState,
    Snapshot,
    WorkerState,
)
from cachedesk.desk.views.components import (
    STARTING,
    ComponentView,
    database_view,
    log_view,
    redis_view,
    worker_view,
)
from cachedesk.desk.views.formats import compact
from cachedesk.desk.views.history import recent


class ArrowState(Enum):
    """The state of an arrow: ``IDLE`` without traffic, ``WELL`` with traffic, ``LIT`` with traffic
    that another arrow cannot carry, ``BLOCKED`` by a fault, ``HELD`` by a paused worker."""

    IDLE = "idle"
    WELL = "well"
    LIT = "lit"
    BLOCKED = "blocked"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow: its label, its state, and the failpoints that are armed on it."""

    label: str = ""
    state: ArrowState = ArrowState.IDLE
    armed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowModel:
    """The whole diagram: the four components and the arrows between them."""

    redis: ComponentView
    log: ComponentView
    worker: ComponentView
    database: ComponentView
    reads: str
    writes: str
    calls: Arrow
    hit: Arrow
    set: Arrow
    fill: Arrow
    miss: Arrow
    through: Arrow
    behind: Arrow
    take: Arrow
    flush: Arrow

    def legend(self, width: int) -> str:
        """Return the steps of a write, and where among them the caller is answered, in at most
        ``width`` cells; empty if that is too little.

        Without the log a fast write has no durable step: it is answered once it is in Redis.
        """
        redis_down = self.set.state is ArrowState.BLOCKED
        if self.through.label.startswith(STEPS):
            steps = "→".join(STEPS[:1] if redis_down else STEPS[:2])
            after = STEPS[2]
            forms: tuple[str, ...] = (
                f"write {steps}→ok, {after} later",
                f"write {steps}→ok→{after}",
                f"{steps}→ok→{after}",
            )
        else:
            end = "refused" if redis_down else "set→ok"
            forms = (f"fast write: {end}", f"fast: {end}")
        return next((form for form in forms if cell_len(form) <= width), "")


def flow_model(snapshot: Snapshot) -> FlowModel:
    """Return the flow of ``snapshot``."""
    rates = _Rates.of(snapshot)
    placed = {
        name: tuple(short_name(p) for p in snapshot.armed if arrow_of(p) == name) for name in ARROWS
    }
    states = _arrow_states(snapshot, rates)
    arrows = {name: Arrow(label, state, placed[name]) for name, (label, state) in states.items()}
    return FlowModel(
        redis=redis_view(snapshot),
        log=log_view(snapshot),
        worker=worker_view(snapshot),
        database=database_view(snapshot),
        reads=_rate(rates.reads),
        writes=_rate(rates.writes),
        **arrows,
    )


STEPS = ("¹", "²", "³")
"""The marks of the steps of a write, in their order."""

ARROWS = ("calls", "hit", "set", "fill", "miss", "through", "behind", "take", "flush")

_PLACES = (
    ("worker.read", "take"),
    ("worker.ack", "take"),
    ("worker.trim", "take"),
    ("worker", "flush"),
    ("repair.fill", "fill"),
    ("repair", "miss"),
    ("redis", "hit"),
    ("through.cache", "set"),
    ("through", "through"),
    ("behind.cache", "set"),
    ("behind", "behind"),
    ("log", "behind"),
    ("", "calls"),
)


def arrow_of(failpoint: str) -> str:
    """Return the name of the arrow that ``failpoint`` interrupts."""
    return next(arrow for start, arrow in _PLACES if failpoint.startswith(start))


def short_name(failpoint: str) -> str:
    """Return a failpoint's name without its component, which the arrow implies."""
    return failpoint.partition(".")[2]


@dataclass(frozen=True, slots=True)
class _Rates:
    """The traffic on each arrow in the last ticks, per second.

    ``repaired``: the misses that were answered. Each value is put back into Redis, except one that
    is absent or was written meanwhile, and one for all readers that missed the key together.
    """

    reads: float
    writes: float
    hits: float
    misses: float
    repaired: float
    through: float
    behind: float
    applied: float
    rows: float

    @classmethod
    def of(cls, snapshot: Snapshot) -> _Rates:
        ticks = recent(snapshot)
        seconds = max(0.001, len(ticks) * snapshot.tick_seconds)

        def rate(counts: Iterable[int]) -> float:
            return sum(counts) / seconds

        # A tick in which Redis went down still has hits, and the arrow says that there are none.
        hits = 0.0 if _is_down(snapshot.redis) else rate(tick.hits for tick in ticks)
        misses = rate(tick.misses for tick in ticks)
        through = rate(tick.through for tick in ticks)
        return cls(
            reads=hits + misses,
            writes=rate(tick.writes for tick in ticks),
            hits=hits,
            misses=misses,
            repaired=rate(tick.overlay + tick.database for tick in ticks),
            through=through,
            behind=rate(tick.behind for tick in ticks),
            applied=max(0.0, rate(tick.applied for tick in ticks) - through),
            rows=rate(tick.rows for tick in ticks),
        )


_NO_WRITES = ("locked", "disk full", "read-only", "not readable")


def _arrow_states(snapshot: Snapshot, rates: _Rates) -> dict[str, tuple[str, ArrowState]]:
    redis, log, worker, database = (
        snapshot.redis,
        snapshot.log,
        snapshot.worker,
        snapshot.database,
    )
    redis_down = _is_down(redis)
    no_rows = _is_down(database)
    no_commits = no_rows or database.word in _NO_WRITES
    slow = database.word == SLOW
    logged = snapshot.safeguards.log
    first, second, third = STEPS if logged else ("", "", "")
    return {
        "calls": ("", _arrow_state(rates.reads + rates.writes)),
        "hit": (
            f"hit {_rate(rates.hits)}",
            _arrow_state(rates.hits, blocked=redis_down),
        ),
        # Without the log it carries the writes that the log does not take.
        "set": (
            f"{second}set {_rate(0 if redis_down else rates.writes)}",
            _arrow_state(rates.writes, blocked=redis_down, lit=not logged),
        ),
        "fill": (
            f"fill {_rate(0 if redis_down else rates.repaired)}",
            _arrow_state(rates.repaired, blocked=redis_down),
        ),
        "miss": (
            f"miss {_rate(0 if no_rows else rates.misses)}",
            _arrow_state(rates.misses, blocked=no_rows, lit=redis_down or slow),
        ),
        "through": (
            f"{first}through {_rate(rates.through)}",
            _arrow_state(rates.through, blocked=no_commits, lit=slow),
        ),
        "behind": (
            f"{first}behind {_rate(rates.behind)}" if logged else "no log",
            _arrow_state(
                rates.behind,
                blocked=_is_down(log) or not logged,
                lit=log.health is Health.DEGRADED,
            ),
        ),
        "take": (
            _rate(rates.applied) if logged else "nothing",
            # Without the log the worker copies from Redis.
            _arrow_state(
                rates.applied if logged else 0.0,
                blocked=logged and _is_down(worker),
                held=logged and worker.paused,
            ),
        ),
        "flush": (
            f"{third}{_figure(rates.rows)} rows/s",
            _arrow_state(
                rates.rows,
                blocked=no_commits or _is_down(worker),
                held=worker.paused,
                lit=slow,
            ),
        ),
    }


def _is_down(part: RedisState | LogState | WorkerState | DatabaseState) -> bool:
    """Return whether a component is down; one that is still starting does not count."""
    return part.health is Health.DOWN and part.word != STARTING


def _arrow_state(
    rate: float, *, blocked: bool = False, held: bool = False, lit: bool = False
) -> ArrowState:
    if held:
        return ArrowState.HELD
    if blocked:
        return ArrowState.BLOCKED
    if lit:
        return ArrowState.LIT
    return ArrowState.WELL if rate > 0 else ArrowState.IDLE


def _rate(per_second: float) -> str:
    return f"{_figure(per_second)}/s"


def _figure(per_second: float) -> str:
    """Format with two significant digits, so that the figure does not flicker."""
    whole = round(per_second)
    step = 10 ** max(0, len(str(whole)) - 2)
    rounded = round(whole / step) * step
    return "<1" if 0 < per_second < 0.5 else compact(rounded)
