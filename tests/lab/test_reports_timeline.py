"""The timeline of a run: bounded, and nothing in it is lost when it is made coarser."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.snapshot import Tick
from cachedesk.lab.run.timeline import Sampler, Timeline, halved
from cachedesk.reports.timeline_section import hit_rates, in_columns, timeline_charts
from cachedesk.stack.stack import Stack

COUNTS = st.integers(0, 1000)
TICKS = st.lists(
    st.builds(Tick, at=st.just(0.0), hits=COUNTS, misses=COUNTS, writes=COUNTS, depth=COUNTS),
    min_size=1,
    max_size=400,
).map(
    lambda ticks: [
        Tick(float(n), t.hits, t.misses, t.writes, 0, t.depth) for n, t in enumerate(ticks, 1)
    ]
)


@given(TICKS)
def test_halving_keeps_the_sums_and_the_peaks(ticks: list[Tick]) -> None:
    half = halved(ticks)
    assert len(half) == (len(ticks) + 1) // 2
    assert sum(tick.hits for tick in half) == sum(tick.hits for tick in ticks)
    assert max(tick.depth for tick in half) == max(tick.depth for tick in ticks)
    assert half[-1].at == ticks[-1].at


@given(TICKS)
def test_columns_keep_the_sums_and_the_peaks(ticks: list[Tick]) -> None:
    timeline = Timeline(0.0, 1.0, tuple(ticks))
    columns = in_columns(timeline, 20)
    assert len(columns) <= 20
    assert sum(tick.writes for tick in columns) == sum(tick.writes for tick in ticks)
    assert max(tick.depth for tick in columns) == max(tick.depth for tick in ticks)
    for chart in timeline_charts(timeline):
        assert all(0 <= x <= chart.x_end for line in chart.series for x, _ in line.points)
        highest = max(y or 0.0 for line in chart.series for _, y in line.points)
        assert highest <= chart.y_end
        assert chart.y_ticks[-1][0] == chart.y_end


def test_a_hit_rate_is_of_enough_reads_to_mean_something() -> None:
    """Of two reads in 25 ms a share is 0, 50 or 100 %, whatever the cache does."""
    ticks = tuple(Tick(at=n * 0.025, hits=n % 3 != 0, misses=n % 3 == 0) for n in range(1, 401))
    rates = [rate for _, rate in hit_rates(Timeline(0.0, 0.025, ticks))]
    assert len(rates) >= 5
    assert all(rate is not None and 60 < rate < 72 for rate in rates)
    (said,) = (
        chart.description
        for chart in timeline_charts(Timeline(0.0, 0.025, ticks))
        if chart.title == "Hit rate"
    )
    assert "100 %" not in said
    busy = tuple(replace(tick, hits=1_000, misses=10) for tick in ticks)
    assert len(hit_rates(Timeline(0.0, 0.025, busy))) > 100, "many reads need no long window"


@given(TICKS)
def test_a_report_gives_the_maxima_that_were_counted(ticks: list[Tick]) -> None:
    charts = timeline_charts(Timeline(0.0, 1.0, tuple(ticks)), depth_max=123_456, lag_max=4.456)
    said = {chart.title: chart.description for chart in charts}
    if charts:
        assert said["Queue depth"].startswith("At most 123,456 events waited")
        assert said["Lag"].startswith("At most 4.456 s")


def test_a_sampler_holds_few_ticks_and_loses_no_operation(stack: Stack) -> None:
    sampler = Sampler(stack, first_step_seconds=0.002, most_ticks=8)
    sampler.start()
    stack.perform(Inject("redis.down"))
    done, deadline = 0, time.monotonic() + 60
    while sampler.step_seconds < 0.008 and time.monotonic() < deadline:
        stack.layer.incr("views:a")
        done += 1
    stack.perform(Heal("redis.down"))
    timeline = sampler.stop()
    assert len(timeline.ticks) <= 8
    assert timeline.step_seconds >= 0.008
    assert sum(tick.behind for tick in timeline.ticks) == done
    assert [mark.name for mark in timeline.marks] == ["redis.down"]
    assert timeline.marks[0].end_at is not None
    assert sampler.stop() == timeline
