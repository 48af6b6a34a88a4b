"""The charts: what each one measures, on which scale, and which figures stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachedesk.core.snapshot import Percentiles, Snapshot, Tick
from cachedesk.core.wording import percent
from cachedesk.desk.views.formats import ABSENT, compact, data_text, number, span
from cachedesk.desk.views.history import recent
from cachedesk.desk.views.titles import (
    EVENTS,
    FLOW,
    HIT_RATE,
    KEYS,
    LATENCY,
    QUEUE_DEPTH,
    STALENESS,
    THROUGHPUT,
    TITLES,
)

Notes = tuple[tuple[str, ...], ...]
"""Lines of notes, the most important first, each of pieces that are joined as widely as there is
room for. A chart shows as many lines as it has room for."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart over time.

    ``number`` shows and hides it. ``measure`` folds the ticks of one column, which last so many
    seconds together, into its height (``None``: nothing to measure), and ``alert`` says whether to
    mark that column. ``least_top`` is the smallest top of the scale, ``grows`` says whether it may
    step up, and ``scale`` prints a value of it. ``figure`` is the headline figure, ``notes`` are
    the lines under it, ``past_notes`` those of a time that is only in the ticks: what no tick holds
    is left out, for an unknown figure is not zero.
    """

    name: str
    number: int
    meaning: str
    measure: Callable[[Sequence[Tick], float], float | None]
    alert: Callable[[Sequence[Tick]], bool]
    least_top: float
    grows: bool
    scale: Callable[[float], str]
    figure: Callable[[Snapshot], str]
    notes: Callable[[Snapshot], Notes]
    past_notes: Callable[[Snapshot], Notes]

    @property
    def title(self) -> str:
        """Its title, without the number."""
        return TITLES[self.number]


def hit_rate(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return the percentage of reads that Redis served; ``None`` when nobody read."""
    hits = sum(tick.hits for tick in ticks)
    reads = hits + sum(tick.misses for tick in ticks)
    return 100.0 * hits / reads if reads else None


def queue_depth(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return the deepest the log was."""
    return max((float(tick.depth) for tick in ticks), default=None)


def lag(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return the longest that the oldest waiting event had waited, in seconds."""
    return max((tick.lag_seconds for tick in ticks), default=None)


def throughput(ticks: Sequence[Tick], seconds: float) -> float | None:
    """Return how many reads and writes were answered a second."""
    if not ticks or seconds <= 0:
        return None
    return sum(tick.hits + tick.misses + tick.writes for tick in ticks) / seconds


def harmed(ticks: Sequence[Tick]) -> bool:
    """Return whether a read was stale or a call was unavailable in these ticks."""
    return any(tick.stale or tick.unavailable for tick in ticks)


def never(ticks: Sequence[Tick]) -> bool:
    """Return False: a panel whose columns need no mark."""
    return False


def scale_percent(value: float) -> str:
    """Return a value of the scale in percent."""
    return f"{value:.0f} %"


def scale_count(value: float) -> str:
    """Return a value of the scale in events or operations."""
    return compact(round(value))


def scale_seconds(value: float) -> str:
    """Return a value of the scale in seconds; thousands as ``2k s``, for the gutter is narrow."""
    if value < 1000:
        return f"{value:.0f} s"
    return f"{value / 1000:.0f}k s" if value < 100_000 else f"{compact(round(value))}s"


def _recent(snapshot: Snapshot) -> tuple[tuple[Tick, ...], float]:
    """Return the newest ticks and how long they lasted."""
    ticks = recent(snapshot)
    return ticks, max(0.001, snapshot.tick_seconds * len(ticks))


def _share(ticks: Sequence[Tick]) -> str:
    hits = sum(tick.hits for tick in ticks)
    return percent(hits, hits + sum(tick.misses for tick in ticks))


def _hit_rate_now(snapshot: Snapshot) -> str:
    return _share(_recent(snapshot)[0])


def _hit_rate_notes(snapshot: Snapshot) -> Notes:
    reads = snapshot.reads
    minute = [tick for tick in snapshot.ticks if tick.at > snapshot.at - 60.0]
    prefixes = (
        f"{data_text(rate.prefix) if rate.prefix else 'others'} "
        f"{percent(rate.hits, rate.hits + rate.misses)}"
        for rate in snapshot.prefixes
    )
    return (
        (f"last minute {_share(minute)}",),
        (f"since the start {percent(reads.hits, reads.hits + reads.misses)}",),
        *((prefix,) for prefix in prefixes),
    )


def _depth_now(snapshot: Snapshot) -> str:
    depth = snapshot.log.depth
    return number(depth) if depth < 1_000_000 else compact(depth)


def _depth_notes(snapshot: Snapshot) -> Notes:
    (oldest,), *rest = _past_depth_notes(snapshot)
    return ((oldest, f"{compact(snapshot.log.in_flight)} in flight"), *rest)


def _past_depth_notes(snapshot: Snapshot) -> Notes:
    ticks, seconds = _recent(snapshot)
    # Only what goes through the log: a write-through is applied and never waits here.
    written = sum(tick.behind for tick in ticks) / seconds
    applied = max(0, sum(tick.applied - tick.through for tick in ticks)) / seconds
    rows = sum(tick.rows for tick in ticks) / seconds
    log = snapshot.log
    return (
        (f"oldest {span(log.oldest_seconds)}",),
        (f"{compact(round(written))} in/s", f"{compact(round(applied))} out/s"),
        (f"flushed as {compact(round(rows))} rows/s",),
        (f"limit {compact(log.limit_events)} events",),
    )


def _lag_now(snapshot: Snapshot) -> str:
    return f"lag {span(snapshot.log.oldest_seconds)}"


def _lag_percentiles(lag: Percentiles) -> tuple[str, ...]:
    """No measurement is not a measurement of zero."""
    if not lag.count:
        return (f"p50 {ABSENT}", f"p99 {ABSENT}")
    return (f"p50 {span(lag.p50)}", f"p99 {span(lag.p99)}")


def _past_lag_notes(snapshot: Snapshot) -> Notes:
    reads = snapshot.reads
    # Both kinds of call, as in the ticks: the figure must explain every mark on the chart.
    unavailable = reads.unavailable + snapshot.writes.unavailable
    return ((f"stale {compact(reads.stale)}", f"unavailable {compact(unavailable)}"),)


def _lag_notes(snapshot: Snapshot) -> Notes:
    audit = snapshot.audit
    usual = (_lag_percentiles(snapshot.lag), *_past_lag_notes(snapshot))
    audited = (f"{compact(audit.divergent)} divergent", f"of {compact(audit.checked)} audited")
    if not audit.divergent:
        return (*usual, audited)
    return (audited, *usual, *((f"✗ {data_text(key)}",) for key in audit.keys))


def _rate_now(snapshot: Snapshot) -> str:
    rate = throughput(*_recent(snapshot))
    return ABSENT if rate is None else f"{compact(round(rate))}/s"


def _rate_notes(snapshot: Snapshot) -> Notes:
    ticks, seconds = _recent(snapshot)
    reads = sum(tick.hits + tick.misses for tick in ticks) / seconds
    through = sum(tick.through for tick in ticks) / seconds
    behind = sum(tick.behind for tick in ticks) / seconds
    return (
        (f"reads {compact(round(reads))}/s",),
        (f"through {compact(round(through))}/s", f"behind {compact(round(behind))}/s"),
    )


PANELS: tuple[Panel, ...] = (
    Panel(
        "hit-rate",
        HIT_RATE,
        "The share of reads that Redis served; the rest went to SQLite, with the log folded in. "
        "With room, by key prefix.",
        hit_rate,
        never,
        100.0,
        False,
        scale_percent,
        _hit_rate_now,
        _hit_rate_notes,
        _hit_rate_notes,
    ),
    Panel(
        "queue-depth",
        QUEUE_DEPTH,
        "How many accepted events wait in the log; its scale only grows, in steps of 1, 2, 5.",
        queue_depth,
        never,
        100.0,
        True,
        scale_count,
        _depth_now,
        _depth_notes,
        _past_depth_notes,
    ),
    Panel(
        "staleness",
        STALENESS,
        "Lag: how long the oldest event has waited; p50 and p99: how long those had that were "
        "applied in the last seconds. Stale: reads behind the last write. "
        "A column with a stale read or an unavailable call is marked with “!”. Divergent: keys "
        "that the auditor found to be other in Redis than the truth.",
        lag,
        harmed,
        1.0,
        True,
        scale_seconds,
        _lag_now,
        _lag_notes,
        _past_lag_notes,
    ),
    Panel(
        "throughput",
        THROUGHPUT,
        "Reads and writes answered a second, both paths together.",
        throughput,
        never,
        100.0,
        True,
        scale_count,
        _rate_now,
        _rate_notes,
        _rate_notes,
    ),
)

MEANINGS: tuple[tuple[str, str], ...] = (
    ("Books", "accepted = applied + pending + dead; anything else means an event was lost."),
    (
        TITLES[FLOW],
        "Who asks whom, how often a second, and how each part is. A heavy arrow carries what "
        "another cannot, ✗ means that nothing gets through, ◇ that a failpoint waits there.",
    ),
    ("Redis", "The cache: it gives speed, and may forget everything at any time."),
    ("Log", "The write-behind log: accepted events wait here, durable, until SQLite has them."),
    ("Worker", "It coalesces a batch per key and flushes it to SQLite; “saved” are row writes."),
    (
        "SQLite",
        "The system of record, the truth once the log is folded in; flush and read are medians.",
    ),
    *((panel.title, panel.meaning) for panel in PANELS),
    (
        TITLES[LATENCY],
        "How long each path took its caller in the last seconds: half of the calls were quicker "
        "than p50, all but one in a hundred than p99. The scale is logarithmic.",
    ),
    (
        "Time axis",
        "▼ a fault begins, ━ it lasts, ▲ it ends, right under what it did; ① where there is no "
        "room for every name under its fault.",
    ),
    (
        TITLES[KEYS],
        "The most used keys and their value in each place; the selection follows its key.",
    ),
    (TITLES[EVENTS], "What happened, newest first."),
)
"""One sentence about every panel, for the help screen."""
