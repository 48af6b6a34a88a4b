"""Fixed pairs: the scenes of two stacks side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cachedesk.core.engine_event import EventCode
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Health, HotKey, Mark, Percentiles, Snapshot
from cachedesk.lab.versus.pair import PairSnapshot
from cachedesk.lab.versus.side import SideView

from .made_history import NOW, TICK, Half, as_of
from .scenes import (
    ADMITTED,
    HEALTHY,
    HOT,
    SECONDS,
    calm,
    locked,
    refill,
    refilled,
    scene,
    told,
    unlogged,
    without_the_log,
)
from .scenes import LOCKED as LOCKED_SCENE


@dataclass
class FixedPair:
    """A source that always says the same."""

    value: PairSnapshot

    def snapshot(self) -> PairSnapshot:
        return self.value


_COPIED_AT = 1.6
"""How long ago the left side copied its dirty keys."""


def _side(half: Callable[[float, int], Half], *, logged: bool, **changes: Any) -> Snapshot:
    """Return one of two stacks that got the same operations, with the log or without it."""
    title = f"workload article, seed 1 · log={'on' if logged else 'off'}"
    if logged:
        return scene(half, workload=title, **changes)
    usual = {
        "lag": Percentiles(1, 1.02, 1.98, 2.01),
        "safeguards": Safeguards(log=False),
        "worker": as_of(HEALTHY, SECONDS - TICK).worker,
        "hot": tuple(map(unlogged, HOT)),
    }
    found = scene(half, workload=title, **usual | changes)
    log = replace(found.log, health=Health.DEGRADED, word="off", in_flight=0, bytes=32_920)
    return replace(found, log=log)


def _unlogged(age: float, depth: int) -> Half:
    return without_the_log(age, depth, copied_at=_COPIED_AT)


RIGHT = _side(calm, logged=True)
LEFT = _side(_unlogged, logged=False)


def _killed(age: float, depth: int, killed: float, *, logged: bool) -> Half:
    """Return a half second of a side whose Redis was killed so long ago."""
    half = calm(age, depth) if logged else _unlogged(age, depth)
    if age >= killed:
        return half
    missed = refill(killed - age)
    overlay = missed // 20 if logged else 0
    half = replace(half, hits=810 - missed, overlay=overlay, database=missed - overlay)
    if logged or age != killed - TICK:
        return half
    # All that waited for the next copy is gone, and a fast write is refused while Redis is away.
    return replace(half, lost=depth, behind=148, unwritten=12)


def _lost(hot: HotKey) -> HotKey:
    """The same key after Redis died: what was in Redis only is gone."""
    return replace(hot, cached=hot.row, unlogged=0) if hot.unlogged else hot


def after_a_kill(killed: float) -> tuple[Snapshot, Snapshot]:
    """Return both sides after Redis was killed so long ago."""
    left = as_of(LEFT, killed)
    gone = left.log.depth
    first = left.books.accepted - gone * 190 // 160
    seqs = tuple(first + it + it // 5 for it in range(20))
    hot = tuple(map(_lost, LEFT.hot))
    return (
        _side(_history(killed, logged=False), logged=False, hot=hot, unaccounted=seqs,
              **_killed_parts(killed, gone, seqs)),
        _side(_history(killed, logged=True), logged=True, **_killed_parts(killed)),
    )  # fmt: skip


def _history(killed: float, *, logged: bool) -> Callable[[float, int], Half]:
    return lambda age, depth: _killed(age, depth, killed, logged=logged)


def _killed_parts(killed: float, gone: int = 0, seqs: tuple[int, ...] = ()) -> dict[str, Any]:
    no_log = {"kept_by": f"{gone} acknowledged writes are in no log"} if gone else {}
    events = [
        *HEALTHY.events,
        told(killed, EventCode.FAULT_INJECTED, fault="redis.kill", argument="", seconds=None,
             result="Redis was killed (SIGKILL to pid 4711)"),
        told(killed, EventCode.REDIS_DIED, successor="empty"),
        told(killed - 0.24, EventCode.REDIS_BACK, seconds=0.24, lost=2_650, **ADMITTED | no_log),
    ]  # fmt: skip
    if gone:
        events.append(told(killed - 0.3, EventCode.UNLOGGED_WRITES_LOST, count=gone, seqs=seqs[:5]))
    keys = refilled(killed - 0.24)
    return {
        "redis": replace(HEALTHY.redis, memory_bytes=4_700 * keys, keys=keys, restarts=1),
        "marks": (Mark("redis.kill", NOW - killed, NOW - killed),),
        "events": tuple(events),
    }


LEFT_LOST, RIGHT_KILLED = after_a_kill(5.0)


def _locked_side(*, logged: bool) -> Snapshot:
    before = calm if logged else _unlogged
    found = _side(
        lambda age, depth: locked(age) if age < 12 else before(age, depth),
        logged=logged,
        **{
            name: getattr(LOCKED_SCENE, name)
            for name in ("worker", "database", "faults", "marks", "catalogue", "events")
        },
    )
    return replace(found, log=replace(found.log, in_flight=500)) if logged else found


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
    _locked_side(logged=False),
    _locked_side(logged=True),
    aligned=False,
    busy=tuple(hot.key for hot in HOT if hot.policy == "write-through"),
    dropped=1_204,
)
ENDED = ended(pair(as_of(LEFT, 8), RIGHT), "killed by SIGKILL")
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
