"""The traces of the steering screen fit what is visible of their history."""

from __future__ import annotations

from dataclasses import replace

from cachedesk.core.snapshot import Tick
from cachedesk.desk.widgets.control_effect import _line, traces

from .scenes import HEALTHY, NOW


def lines(ticks, width):
    return [_line(trace, width).plain for trace in traces(replace(HEALTHY, ticks=tuple(ticks)))]


def test_a_peak_that_has_left_no_longer_flattens_the_trace():
    ticks = [Tick(NOW - 0.5 * age, depth=5_000 if age > 60 else 5) for age in range(100, -1, -1)]
    assert lines(ticks, 140)[0].endswith(" 6,000"), "the peak is visible"
    calm = lines(ticks, 76)[0]
    assert calm.endswith("    10")
    assert set(calm[40:60]) == {"▄"}


def test_a_trace_without_a_history_keeps_its_scale():
    assert [line.split()[-1] for line in lines([], 76)] == ["10", "s", "10/s", "%"]
