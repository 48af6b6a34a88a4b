"""Latency: how long calls on each path took."""

from __future__ import annotations

from cachedesk.desk.panels.spec import VAST_WIDTH, Area, PanelSpec, PanelTitle
from cachedesk.desk.widgets.latency_table import LatencyTable

LATENCY = PanelSpec(
    title=PanelTitle(5, "Latency"),
    meaning=(
        "How long calls on each path took in the last seconds: half of them were faster than p50, "
        "all but one in a hundred faster than p99. The scale is logarithmic."
    ),
    area=Area.CHART,
    create=LatencyTable,
    share=lambda snapshot, timespan: snapshot.latencies,
    shown_from=VAST_WIDTH,
)
