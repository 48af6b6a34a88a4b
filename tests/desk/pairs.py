"""Fixed pairs: the scenes of two stacks side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Books, Health, HotKey, Mark, Snapshot, Tick
from cachedesk.lab.versus.pair import PairSnapshot
from cachedesk.lab.versus.side import SideView

from .scenes import CATALOGUE, HEALTHY, HOT, NOW


@dataclass
class FixedPair:
    """A source that always says the same."""

    value: PairSnapshot

    def snapshot(self) -> PairSnapshot:
        return self.value


def _unlogged(hot: HotKey) -> HotKey:
    """The same key without a log: what is pending there is in Redis only here."""
    return replace(hot, unlogged=hot.pending, pending=0, truth=hot.row, cached=hot.truth)


def _slower(ticks: tuple[Tick, ...]) -> tuple[Tick, ...]:
    return tuple(replace(tick, depth=tick.depth * 3 // 2, lag_seconds=0.0) for tick in ticks)


RIGHT = replace(HEALTHY, workload="workload article, seed 1 · log=on")
LEFT = replace(
    HEALTHY,
    workload="workload article, seed 1 · log=off",
    safeguards=Safeguards(log=False),
    log=replace(HEALTHY.log, depth=516, oldest_seconds=0.0),
    books=Books(12_345, 11_829, 516, 0),
    ticks=_slower(HEALTHY.ticks),
    hot=tuple(map(_unlogged, HOT)),
)


def _lost(hot: HotKey) -> HotKey:
    """The same key after Redis died: what was in Redis only is gone."""
    if not hot.unlogged:
        return hot
    return replace(hot, cached=hot.row, unlogged=0)


def _after_a_kill(ticks: tuple[Tick, ...]) -> tuple[Tick, ...]:
    return tuple(
        replace(tick, hits=400, misses=578) if NOW - tick.at < 4 else tick for tick in ticks
    )


_KILLED = (Mark("redis.kill", NOW - 5, NOW - 4.2),)
LEFT_LOST = replace(
    LEFT,
    books=Books(12_345, 11_829, 345, 0),
    unaccounted=(912, 913, 914, 917, 918, 920, 921, 926),
    marks=_KILLED,
    hot=tuple(map(_lost, LEFT.hot)),
    ticks=_after_a_kill(LEFT.ticks),
)
RIGHT_KILLED = replace(RIGHT, marks=_KILLED, ticks=_after_a_kill(RIGHT.ticks))


def _locked(snapshot: Snapshot) -> Snapshot:
    states = tuple(
        replace(state, since_at=NOW - 12) if state.name == "database.lock" else state
        for state in CATALOGUE
    )
    database = replace(snapshot.database, health=Health.DEGRADED, word="locked")
    return replace(snapshot, database=database, faults=("database.lock",), catalogue=states)


def pair(left: Snapshot | None, right: Snapshot | None, **more: object) -> PairSnapshot:
    """Return a pair of these snapshots, after the same operations."""
    views = (SideView("log=off", left), SideView("log=on", right))
    return replace(PairSnapshot(*views, aligned=True), **more)


def ended(scene: PairSnapshot, why: str) -> PairSnapshot:
    """Return the same scene after the left process has ended."""
    return replace(scene, left=replace(scene.left, ended=why), aligned=False)


EXPOSED = pair(LEFT, RIGHT)
LOST = pair(LEFT_LOST, RIGHT_KILLED)
STARTING = PairSnapshot(SideView("log=off", None, open=False), SideView("log=on", None, open=False))
LOCKED = pair(
    _locked(LEFT),
    _locked(RIGHT),
    aligned=False,
    busy=tuple(hot.key for hot in HOT if hot.policy == "write-through"),
    dropped=1_204,
)
ENDED = ended(EXPOSED, "killed by SIGKILL")
SILENT = replace(EXPOSED, left=replace(EXPOSED.left, silent=True), aligned=False)
ODD = pair(
    replace(
        LEFT, hot=(HotKey(b"[red]x[/]\x1b", "write-behind", 3, b"[b]\n", True, 0, b"1", True),)
    ),
    replace(RIGHT, hot=(HotKey(b"[red]x[/]\x1b", "write-behind", 3, b"", True, 0, b"1", True),)),
)

SCENES = {
    "exposed": EXPOSED,
    "lost": LOST,
    "starting": STARTING,
    "locked": LOCKED,
    "ended": ENDED,
}
