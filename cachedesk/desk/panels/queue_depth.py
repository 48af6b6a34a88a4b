"""The queue depth: how many accepted events wait in the write-behind log."""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.snapshot import Snapshot, Tick
from cachedesk.desk.panels.chart_panel import chart_panel
from cachedesk.desk.panels.spec import PanelTitle
from cachedesk.desk.views.backlog import oldest_age
from cachedesk.desk.views.charts import ChartSpec, Notes, no_alert, recent_ticks, scale_count
from cachedesk.desk.views.formats import compact, number


def queue_depth(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return the largest number of events in the log."""
    return max((float(tick.depth) for tick in ticks), default=None)


def _depth_now(snapshot: Snapshot) -> str:
    depth = snapshot.log.depth
    return number(depth) if depth < 1_000_000 else compact(depth)


def _depth_notes(snapshot: Snapshot) -> Notes:
    ticks, seconds = recent_ticks(snapshot)
    # Only write-behind: a write-through is applied without passing through the log.
    written = sum(tick.behind for tick in ticks) / seconds
    applied = max(0, sum(tick.applied - tick.through for tick in ticks)) / seconds
    rows = sum(tick.rows for tick in ticks) / seconds
    log = snapshot.log
    return (
        (f"oldest {oldest_age(snapshot)}", f"{compact(log.in_flight)} in flight"),
        (f"{compact(round(written))} in/s", f"{compact(round(applied))} out/s"),
        (f"flushed as {compact(round(rows))} rows/s",),
        (f"limit {compact(log.limit_events)} events",),
    )


CHART = ChartSpec(
    name="queue-depth",
    measure=queue_depth,
    alert=no_alert,
    least_top=10.0,
    grows=True,
    scale=scale_count,
    figure=_depth_now,
    notes=_depth_notes,
)

QUEUE_DEPTH = chart_panel(
    PanelTitle(3, "Queue depth"),
    "How many accepted events wait in the log; its scale follows what is visible.",
    CHART,
)
