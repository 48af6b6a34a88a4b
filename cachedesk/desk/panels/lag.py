"""Lag and staleness: how far the pipeline is behind, and whether reads were."""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.snapshot import Percentiles, Snapshot, Tick
from cachedesk.desk.panels.chart_panel import chart_panel
from cachedesk.desk.panels.spec import PanelTitle
from cachedesk.desk.views.backlog import oldest_age
from cachedesk.desk.views.charts import ChartSpec, Notes, scale_seconds
from cachedesk.desk.views.formats import ABSENT, compact, data_text, span
from cachedesk.desk.views.scales import step_up_seconds


def lag(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return the largest age of the oldest pending event, in seconds."""
    return max((tick.lag_seconds for tick in ticks), default=None)


def harmed(ticks: Sequence[Tick]) -> bool:
    """Return whether a read was stale or a call was unavailable in these ticks."""
    return any(tick.stale or tick.unavailable for tick in ticks)


def _lag_now(snapshot: Snapshot) -> str:
    return f"lag {oldest_age(snapshot)}"


def _lag_percentiles(lag: Percentiles) -> tuple[str, ...]:
    # Without a measurement the figure is unknown, not zero.
    if not lag.count:
        return (f"p50 {ABSENT}", f"p99 {ABSENT}")
    return (f"p50 {span(lag.p50)}", f"p99 {span(lag.p99)}")


def _call_notes(snapshot: Snapshot) -> Notes:
    reads = snapshot.reads
    # Reads and writes, as in the ticks: the figure must account for every mark on the chart.
    unavailable = reads.unavailable + snapshot.writes.unavailable
    return ((f"stale {compact(reads.stale)}", f"unavailable {compact(unavailable)}"),)


def _lag_notes(snapshot: Snapshot) -> Notes:
    audit = snapshot.audit
    usual = (_lag_percentiles(snapshot.lag), *_call_notes(snapshot))
    if harmed([tick for tick in snapshot.ticks if tick.at > snapshot.at - 60.0]):
        usual = usual[::-1]
    audited = (f"{compact(audit.divergent)} divergent", f"of {compact(audit.checked)} audited")
    if not audit.divergent:
        return (*usual, audited)
    return (audited, *usual, *((f"✗ {data_text(key)}",) for key in audit.keys))


CHART = ChartSpec(
    name="lag",
    measure=lag,
    alert=harmed,
    least_top=0.1,
    grows=True,
    scale=scale_seconds,
    figure=_lag_now,
    notes=_lag_notes,
    step=step_up_seconds,
)

LAG = chart_panel(
    PanelTitle(4, "Lag · staleness"),
    "Lag: the age of the oldest pending event; p50 and p99: the age of events when they were "
    "applied, in the last seconds. Stale: reads behind the last write. "
    "A column with a stale read or an unavailable call is marked with “!”. Divergent: keys "
    "whose value in Redis differs from the truth, found by the auditor.",
    CHART,
)
