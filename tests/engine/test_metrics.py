"""Metrics: exact counts between threads, percentiles, a moving window, bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.recorder import CallPath
from cachedesk.core.snapshot import Percentiles
from cachedesk.observe.metrics import (
    _HIGHEST_MICROSECONDS,
    HISTORY_TICKS,
    Distribution,
    HotKeys,
    Metrics,
    _histogram,
)
from cachedesk.observe.stack_recorder import _runs as runs

from .until import together


def test_counts_are_exact_between_threads() -> None:
    metrics = Metrics()

    def work() -> None:
        for number in range(500):
            metrics.took(CallPath.HIT, 0.001, (b"key",))
            metrics.took(CallPath.OVERLAY, 0.001)
            metrics.took(CallPath.WRITE_BEHIND, 0.001, (), 3)
            metrics.count("unavailable", 2)
            if number % 100 == 0:
                metrics.tick(number, 0, 0.0)

    together([work] * 6)
    reads, writes = metrics.reads(), metrics.writes()
    assert (reads.hits, reads.overlay, reads.unavailable) == (3_000, 3_000, 6_000)
    assert reads.misses == reads.overlay + reads.database + reads.unavailable
    assert writes.behind == 9_000
    assert metrics.hottest(1) == [(b"key", 3_000)]
    assert sum(tick.hits for tick in metrics.ticks()) <= 3_000
    metrics.tick(0, 0, 0.0)
    assert sum(tick.hits for tick in metrics.ticks()) == 3_000
    assert sum(tick.writes for tick in metrics.ticks()) == 9_000


def test_percentiles_are_within_a_hundredth() -> None:
    times = Distribution()
    for milliseconds in range(1, 1_001):
        times.record(milliseconds / 1_000)
    found = times.recent()
    assert found.count == 1_000
    assert found.p50 == pytest.approx(0.5, rel=0.01)
    assert found.p99 == pytest.approx(0.99, rel=0.01)
    assert found.max == pytest.approx(1.0, rel=0.01)


@given(st.lists(st.tuples(st.floats(0, 5_000), st.integers(1, 9)), min_size=1, max_size=30))
@settings(max_examples=60)
def test_percentiles_are_those_of_the_library(times: list[tuple[float, int]]) -> None:
    found, histogram = Distribution(), _histogram()
    for seconds, count in times:
        found.record(seconds, count)
        histogram.record_value(min(max(1, int(seconds * 1e6)), _HIGHEST_MICROSECONDS), count)
    p50, p99 = (histogram.get_value_at_percentile(percent) / 1e6 for percent in (50, 99))
    assert (found.recent().p50, found.recent().p99) == (p50, p99)


def test_nothing_recorded_is_all_zero() -> None:
    assert Distribution().recent() == Distribution().total() == Percentiles()
    assert Metrics().lag() == Percentiles()


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, 1e6], ids=str)
def test_times_at_and_past_the_edges_are_taken(seconds: float) -> None:
    times = Distribution()
    times.record(seconds)
    times.record(seconds, 3)
    assert times.recent().count in (0, 4)
    times.record(0.5)
    assert times.recent().count in (1, 5)


def test_the_window_forgets_and_the_total_does_not() -> None:
    times = Distribution()
    times.record(10.0)
    times.rotate()
    times.record(0.001)
    assert times.recent().count == 2, "the last half is still in the window"
    times.rotate()
    assert times.recent().max == pytest.approx(0.001, rel=0.02)
    times.rotate()
    assert times.recent().count == 0
    assert times.total().count == 2
    assert times.total().max == pytest.approx(10.0, rel=0.01)
    for _ in range(5):
        times.rotate()
    assert times.total().count == 2


def test_ticks_rotate_the_window() -> None:
    metrics = Metrics()
    metrics.took(CallPath.HIT, 5.0)
    for number in range(25):
        metrics.tick(number, 0, 0.0)
    assert metrics.latencies().hit.count == 0
    assert metrics.reads().hits == 1


def test_a_tick_holds_what_happened_since_the_last_one() -> None:
    metrics = Metrics()
    metrics.took(CallPath.HIT, 0.1, (), 4)
    metrics.tick(1.0, 7, 0.5)
    metrics.took(CallPath.DATABASE, 0.1)
    metrics.took(CallPath.WRITE_THROUGH, 0.1, (), 2)
    metrics.flushed(0.1, applied=6, rows=3, lags=[(0.2, 5), (0.1, 1)])
    metrics.count("unavailable")
    metrics.count("writes_unavailable", 2)
    metrics.tick(2.0, 0, 0.0)
    metrics.tick(3.0, 0, 0.0)
    first, second, third = metrics.ticks()
    assert (first.hits, first.depth, first.lag_seconds) == (4, 7, 0.5)
    assert (second.hits, second.misses, second.writes, second.applied) == (0, 2, 2, 8)
    assert second.unavailable == 3
    assert (third.misses, third.writes, third.applied, third.unavailable) == (0, 0, 0, 0)
    assert (metrics.counted("rows"), metrics.counted("applied")) == (3, 6)
    assert metrics.lag().count == 6
    assert metrics.lag(total=True).max == pytest.approx(0.2, rel=0.02)


def test_the_history_is_a_ring() -> None:
    metrics = Metrics()
    for number in range(HISTORY_TICKS + 50):
        metrics.tick(float(number), 0, 0.0)
    ticks = metrics.ticks()
    assert len(ticks) == HISTORY_TICKS
    assert (ticks[0].at, ticks[-1].at) == (50.0, HISTORY_TICKS + 49.0)


def test_hot_keys_are_bounded_and_the_hottest_stay() -> None:
    hot = HotKeys()
    for number in range(20_000):
        hot.use([b"cold:%d" % number])
        hot.use([b"hot:%d" % (number % 3)])
    assert len(hot._uses) <= 4_097
    top = hot.top(3)
    assert {key for key, _ in top} == {b"hot:0", b"hot:1", b"hot:2"}
    assert all(uses > 100 for _, uses in top)


def test_runs_of_equal_times() -> None:
    assert runs([]) == []
    assert runs([1.0, 1.0, 2.0, 1.0]) == [(1.0, 2), (2.0, 1), (1.0, 1)]
