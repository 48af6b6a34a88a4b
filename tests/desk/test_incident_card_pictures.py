"""What the card of an incident looks like at every size. Look at each picture before accepting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.engine_event import EventCode
from cachedesk.core.snapshot import Mark, Percentiles

from .made_history import NOW, Half, as_of
from .scenes import (
    HEALTHY,
    LOST,
    USUAL_DEPTH,
    after_a_kill,
    calm,
    locked,
    refilled,
    scene,
    told,
)
from .test_incident_cards import comparing
from .test_incidents import killed

pytestmark = pytest.mark.slow

SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))

KILLED_AT = 6.0
KEYS = refilled(KILLED_AT - 0.24)
HELD = scene(
    lambda age, depth: after_a_kill(age, depth, KILLED_AT, KILLED_AT - 0.24),
    redis=replace(HEALTHY.redis, memory_bytes=4_700 * KEYS, keys=KEYS, restarts=1),
    events=(*HEALTHY.events, *killed(KILLED_AT)[0]),
    marks=(killed(KILLED_AT)[1],),
)

LOCKED_AT, HEALED_AT = 30.0, 2.0


def _locked(age: float, depth: int) -> Half:
    if HEALED_AT <= age < LOCKED_AT:
        return locked(age)
    return calm(age, min(depth, 3_000 + USUAL_DEPTH))


LOCK = scene(
    _locked,
    latencies=replace(scene(calm).latencies, write_through=Percentiles(40, 0.4, 3.1, 5.0)),
    marks=(Mark("database.lock", NOW - LOCKED_AT, NOW - HEALED_AT),),
)
LOCK = replace(
    LOCK,
    events=(
        *HEALTHY.events,
        told(LOCKED_AT, EventCode.FAULT_INJECTED, fault="database.lock", argument="", seconds=None,
             result="the database is locked by a second connection"),
        *(told(LOCKED_AT - 1 - 7 * it, EventCode.WORKER_CANNOT_FLUSH,
               error="the database is locked by another connection") for it in range(4)),
        told(HEALED_AT, EventCode.FAULT_HEALED, faults=("database.lock",)),
        told(HEALED_AT, EventCode.WORKER_FLUSHES_AGAIN),
        told(HEALED_AT, EventCode.FAULT_IMPACT, fault="database.lock",
             seconds=LOCKED_AT - HEALED_AT, unavailable=LOCK.writes.unavailable, refused=0,
             evicted=0, depth_before=as_of(LOCK, LOCKED_AT).log.depth,
             depth_after=as_of(LOCK, HEALED_AT).log.depth),
    ),
)  # fmt: skip


def before(after, age, **changes):
    """Return what the desk showed before the fault of this scene began."""
    return replace(as_of(after, age), redis=HEALTHY.redis, latencies=HEALTHY.latencies, **changes)


CARDS = {
    "held": (before(HELD, KILLED_AT + 0.2), HELD),
    "lost": (before(LOST, 4.5, hot=HEALTHY.hot), LOST),
    "locked": (before(LOCK, LOCKED_AT + 0.2), LOCK),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", CARDS)
def test_card(snap_compare, name, size):
    app, _ = comparing()
    before, after = CARDS[name]

    async def show(pilot):
        app._show(before)
        app.time_machine._source.value = after
        app._show(after)
        await pilot.pause()

    assert snap_compare(app, run_before=show, terminal_size=size)
