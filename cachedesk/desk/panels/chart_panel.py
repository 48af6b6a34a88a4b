"""The common form of the panels that show a chart over time."""

from __future__ import annotations

from functools import partial

from cachedesk.desk.panels.spec import Area, PanelSpec, PanelTitle
from cachedesk.desk.views.chart_view import ChartView
from cachedesk.desk.views.charts import ChartSpec
from cachedesk.desk.widgets.chart import Chart


def chart_panel(
    title: PanelTitle, meaning: str, chart: ChartSpec, shown_from: int = 0
) -> PanelSpec[ChartView]:
    """Return the panel of ``chart``; the other arguments are those of ``PanelSpec``."""
    return PanelSpec(
        title=title,
        meaning=meaning,
        area=Area.CHART,
        create=partial(Chart, chart=chart, meaning=meaning),
        share=partial(ChartView.of, chart),
        shown_from=shown_from,
        over_time=True,
    )
