"""Looking back: the charts show an earlier time, say so, and make up no figure of it."""

from __future__ import annotations

import pytest

from cachedesk.desk.panels import hit_rate, lag, queue_depth, throughput
from cachedesk.desk.screens.desk import frozen_words
from cachedesk.desk.views.chart_view import ChartView
from cachedesk.desk.views.timespan import Timespan

from . import scenes

CHARTS = tuple(panel.CHART for panel in (hit_rate, queue_depth, lag, throughput))
AGO = Timespan(back_seconds=30.0)


def notes(chart, scene, timespan):
    return [piece for line in ChartView.of(chart, scene, timespan).notes for piece in line]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_no_figure_is_told_of_a_time_that_holds_none(chart):
    told = notes(chart, scenes.HEALTHY, AGO)
    for unknown in ("p50", "p99", "in flight", "audited", "divergent", "views:"):
        assert not any(unknown in piece for piece in told)
    assert told, "what the ticks hold is told"


def test_of_now_everything_is_told():
    assert "120 in flight" in notes(queue_depth.CHART, scenes.HEALTHY, Timespan())
    assert "p50 180 ms" in notes(lag.CHART, scenes.HEALTHY, Timespan())


def test_the_badge_says_that_only_the_charts_are_further_back():
    assert frozen_words(scenes.NOW, Timespan()) == "FROZEN 15:30:00"
    assert frozen_words(scenes.NOW, AGO) == "FROZEN 15:30:00 · charts 30 s back"
