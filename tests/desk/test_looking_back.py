"""Looking back: the charts show an earlier time, say so, and make up no figure of it."""

from __future__ import annotations

import pytest

from cachedesk.desk.screens.desk import frozen_words
from cachedesk.desk.views.charts import PANELS
from cachedesk.desk.views.timespan import Timespan
from cachedesk.desk.widgets.chart import ChartView

from . import scenes

AGO = Timespan(back_seconds=30.0)


def notes(name, scene, timespan):
    panel = next(panel for panel in PANELS if panel.name == name)
    return [piece for line in ChartView.of(panel, scene, timespan).notes for piece in line]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_no_figure_is_told_of_a_time_that_holds_none(panel):
    told = notes(panel.name, scenes.HEALTHY, AGO)
    for unknown in ("p50", "p99", "in flight", "audited", "divergent", "views:"):
        assert not any(unknown in piece for piece in told)
    assert told, "what the ticks hold is told"


def test_of_now_everything_is_told():
    assert "120 in flight" in notes("queue-depth", scenes.HEALTHY, Timespan())
    assert "p50 180 ms" in notes("staleness", scenes.HEALTHY, Timespan())


def test_the_badge_says_that_only_the_charts_are_further_back():
    assert frozen_words(scenes.NOW, Timespan()) == "FROZEN 15:30:00"
    assert frozen_words(scenes.NOW, AGO) == "FROZEN 15:30:00 · charts 30 s back"
