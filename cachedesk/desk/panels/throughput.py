"""The throughput: how many calls were answered per second."""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.snapshot import Snapshot, Tick
from cachedesk.desk.panels.chart_panel import chart_panel
from cachedesk.desk.panels.spec import VAST_WIDTH, PanelTitle
from cachedesk.desk.views.charts import ChartSpec, Notes, no_alert, recent_ticks, scale_count
from cachedesk.desk.views.formats import ABSENT, compact


def throughput(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return how many reads and writes were answered per second."""
    if not ticks or seconds <= 0:
        return None
    return sum(tick.hits + tick.misses + tick.writes for tick in ticks) / seconds


def _rate_now(snapshot: Snapshot) -> str:
    rate = throughput(*recent_ticks(snapshot))
    return ABSENT if rate is None else f"{compact(round(rate))}/s"


def _rate_notes(snapshot: Snapshot) -> Notes:
    ticks, seconds = recent_ticks(snapshot)
    reads = sum(tick.hits + tick.misses for tick in ticks) / seconds
    through = sum(tick.through for tick in ticks) / seconds
    behind = sum(tick.behind for tick in ticks) / seconds
    return (
        (f"reads {compact(round(reads))}/s",),
        (f"through {compact(round(through))}/s", f"behind {compact(round(behind))}/s"),
    )


CHART = ChartSpec(
    name="throughput",
    measure=throughput,
    alert=no_alert,
    least_top=10.0,
    grows=True,
    scale=scale_count,
    figure=_rate_now,
    notes=_rate_notes,
)

THROUGHPUT = chart_panel(
    PanelTitle(6, "Throughput"),
    "Reads and writes answered per second, write-through and write-behind together.",
    CHART,
    shown_from=VAST_WIDTH,
)
