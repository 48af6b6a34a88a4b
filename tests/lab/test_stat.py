"""The line a second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.snapshot import Books, Health, LogState, RedisState, Snapshot
from cachedesk.core.wording import NOTHING
from cachedesk.lab.load.tally import Tally, total
from cachedesk.lab.run.stat import header, line, memory

SNAPSHOT = Snapshot(
    at=0.0,
    redis=RedisState(Health.UP, keys=506, memory_bytes=1_039_360),
    log=LogState(depth=7, oldest_seconds=0.25),
    books=Books(accepted=50, applied=43, pending=7),
)


def test_the_figures_stand_below_their_names() -> None:
    names = header().splitlines()[1]
    figures = line(SNAPSHOT, Tally(gets=30, hits=25, database=5), Tally(gets=20, hits=20), 2.0)
    expected = {
        "keys": "506",
        "mem": "1015.00K",
        "hit%": "50.0",
        "ops/s": "5",
        "ops": "30 (+10)",
        "depth": "7",
        "lag": "0.25s",
        "applied": "43",
    }
    columns = [(name, names.index(f"{name} ") if name != "applied" else names.index(name))
               for name in expected]  # fmt: skip
    starts = [start for _, start in columns]
    found = [
        figures[start:end].strip() for start, end in zip(starts, [*starts[1:], 200], strict=True)
    ]
    assert found == list(expected.values())


def test_no_reads_have_no_hit_rate() -> None:
    assert f" {NOTHING} " in line(SNAPSHOT, Tally(), Tally(), 1.0)


def test_what_a_silent_redis_holds_is_not_known() -> None:
    silent = replace(SNAPSHOT, redis=RedisState(Health.DOWN, "not answering"))
    assert line(silent, Tally(), Tally(), 1.0).split()[:3] == [NOTHING] * 3


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1023, "1023B"), (2048, "2.00K"), (5 << 20, "5.00M"),
                       (3 << 30, "3.00G")]
)  # fmt: skip
def test_sizes_are_short(size: int, text: str) -> None:
    assert memory(size) == text


def test_tallies_add_up() -> None:
    both = total([Tally(gets=1, sets=2, depth_max=9), Tally(gets=3, skipped=1, depth_max=4)])
    assert both == Tally(gets=4, sets=2, skipped=1, depth_max=9)
