"""The hit rate: the share of reads that Redis served."""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.snapshot import Snapshot, Tick
from cachedesk.core.wording import percent
from cachedesk.desk.panels.chart_panel import chart_panel
from cachedesk.desk.panels.spec import PanelTitle
from cachedesk.desk.views.charts import (
    ChartSpec,
    Notes,
    hit_share,
    no_alert,
    recent_ticks,
    scale_percent,
)
from cachedesk.desk.views.formats import data_text


def hit_rate(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return the percentage of reads that Redis served; ``None`` without reads."""
    hits = sum(tick.hits for tick in ticks)
    reads = hits + sum(tick.misses for tick in ticks)
    return 100.0 * hits / reads if reads else None


def _hit_rate_now(snapshot: Snapshot) -> str:
    return hit_share(recent_ticks(snapshot)[0])


def _hit_rate_notes(snapshot: Snapshot) -> Notes:
    reads = snapshot.reads
    minute = [tick for tick in snapshot.ticks if tick.at > snapshot.at - 60.0]
    prefixes = (
        f"{data_text(rate.prefix) if rate.prefix else 'others'} "
        f"{percent(rate.hits, rate.hits + rate.misses)}"
        for rate in snapshot.prefixes
    )
    return (
        (f"last minute {hit_share(minute)}",),
        (f"since the start {percent(reads.hits, reads.hits + reads.misses)}",),
        *((prefix,) for prefix in prefixes),
    )


CHART = ChartSpec(
    name="hit-rate",
    measure=hit_rate,
    alert=no_alert,
    least_top=100.0,
    grows=False,
    scale=scale_percent,
    figure=_hit_rate_now,
    notes=_hit_rate_notes,
)

HIT_RATE = chart_panel(
    PanelTitle(2, "Hit rate"),
    "The share of reads that Redis served; the rest went to SQLite, with the log folded in. "
    "With room, by key prefix.",
    CHART,
)
