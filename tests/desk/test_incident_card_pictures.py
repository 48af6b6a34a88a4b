"""What the card of an incident looks like at every size. Look at each picture before accepting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.snapshot import Percentiles, Writes

from . import scenes
from .scenes import HEALTHY
from .test_incident_card import GONE, at, lossy
from .test_incident_cards import comparing
from .test_incidents import killed, locked

pytestmark = pytest.mark.slow

SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))

KILL, LOCK = killed(6), locked(30, healed=2)
LOSS, OFF = lossy(6)
DIP = {"ticks": scenes.JUST_KILLED.ticks}
READS = replace(HEALTHY.reads, hits=180_000, misses=5_000)
WRITES = Writes(through=2_000, behind=9_000)
SLOW = replace(HEALTHY.latencies, write_through=Percentiles(40, 0.4, 3.1, 5.0))

CARDS = {
    "held": (
        at(6.2, KILL, reads=READS, writes=WRITES),
        at(0, KILL, **DIP, redis=replace(HEALTHY.redis, keys=900)),
    ),
    "lost": (
        at(6.2, LOSS, **OFF, reads=READS, writes=WRITES),
        at(0, LOSS, **OFF, **DIP, books=GONE, unaccounted=(7, 8, 9)),
    ),
    "locked": (
        at(30.2, LOCK, reads=READS, writes=WRITES),
        at(0, LOCK, writes=replace(HEALTHY.writes, unavailable=37), latencies=SLOW),
    ),
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
