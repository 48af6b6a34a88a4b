"""The three charts: what each one measures, on which scale, and which figures stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachedesk.desk.formats import ABSENT, compact, number, percent, span
from cachedesk.engine.snapshot import Percentiles, Snapshot, Tick

Notes = tuple[tuple[str, ...], tuple[str, ...]]
"""Two lines of notes, each of pieces that are joined as widely as there is room for."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart over time.

    ``measure`` folds the ticks of one column into its height (``None``: nothing to measure), and
    ``alert`` says whether to mark that column. ``least_top`` is the smallest top of the scale,
    ``grows`` says whether it may step up, and ``scale`` prints a value of it. ``figure`` is the
    headline figure, ``notes`` are the two lines under it.
    """

    name: str
    title: str
    meaning: str
    measure: Callable[[Sequence[Tick]], float | None]
    alert: Callable[[Sequence[Tick]], bool]
    least_top: float
    grows: bool
    scale: Callable[[float], str]
    figure: Callable[[Snapshot], str]
    notes: Callable[[Snapshot], Notes]


def hit_rate(ticks: Sequence[Tick]) -> float | None:
    """Return the percentage of reads that Redis served; ``None`` when nobody read."""
    hits = sum(tick.hits for tick in ticks)
    reads = hits + sum(tick.misses for tick in ticks)
    return 100.0 * hits / reads if reads else None


def queue_depth(ticks: Sequence[Tick]) -> float | None:
    """Return the deepest the log was."""
    return max((float(tick.depth) for tick in ticks), default=None)


def lag(ticks: Sequence[Tick]) -> float | None:
    """Return the longest that the oldest waiting event had waited, in seconds."""
    return max((tick.lag_seconds for tick in ticks), default=None)


def harmed(ticks: Sequence[Tick]) -> bool:
    """Return whether a read was stale or a call was unavailable in these ticks."""
    return any(tick.stale or tick.unavailable for tick in ticks)


def never(ticks: Sequence[Tick]) -> bool:
    """Return False: a panel whose columns need no mark."""
    return False


def scale_percent(value: float) -> str:
    """Return a value of the scale in percent."""
    return f"{value:.0f} %"


def scale_events(value: float) -> str:
    """Return a value of the scale in events."""
    return compact(round(value))


def scale_seconds(value: float) -> str:
    """Return a value of the scale in seconds; thousands as ``2k s``, for the gutter is narrow."""
    return f"{value:.0f} s" if value < 1000 else f"{value / 1000:.0f}k s"


def _share(ticks: Sequence[Tick]) -> str:
    hits = sum(tick.hits for tick in ticks)
    return percent(hits, hits + sum(tick.misses for tick in ticks))


def _hit_rate_now(snapshot: Snapshot) -> str:
    # One tick holds few reads and its rate jumps; five of them are steady and still "now".
    return _share(snapshot.ticks[-5:])


def _hit_rate_notes(snapshot: Snapshot) -> Notes:
    reads = snapshot.reads
    minute = [tick for tick in snapshot.ticks if tick.at > snapshot.at - 60.0]
    return (
        (f"last minute {_share(minute)}",),
        (f"since the start {percent(reads.hits, reads.hits + reads.misses)}",),
    )


def _depth_now(snapshot: Snapshot) -> str:
    depth = snapshot.log.depth
    return number(depth) if depth < 1_000_000 else compact(depth)


def _depth_notes(snapshot: Snapshot) -> Notes:
    recent = snapshot.ticks[-5:]
    seconds = max(0.001, snapshot.tick_seconds * len(recent))
    written = sum(tick.writes for tick in recent) / seconds
    applied = sum(tick.applied for tick in recent) / seconds
    return (f"writes {compact(round(written))}/s",), (f"applied {compact(round(applied))}/s",)


def _lag_now(snapshot: Snapshot) -> str:
    return f"lag {span(snapshot.log.oldest_seconds)}"


def _lag_percentiles(lag: Percentiles) -> tuple[str, ...]:
    """No measurement is not a measurement of zero."""
    if not lag.count:
        return (f"p50 {ABSENT}", f"p99 {ABSENT}")
    return (f"p50 {span(lag.p50)}", f"p99 {span(lag.p99)}")


def _lag_notes(snapshot: Snapshot) -> Notes:
    reads = snapshot.reads
    # Both kinds of call, as in the ticks: the figure must explain every mark on the chart.
    unavailable = reads.unavailable + snapshot.writes.unavailable
    return (
        _lag_percentiles(snapshot.lag),
        (f"stale {compact(reads.stale)}", f"unavailable {compact(unavailable)}"),
    )


PANELS: tuple[Panel, ...] = (
    Panel(
        "hit-rate",
        "Hit rate",
        "The share of reads that Redis served; the rest went to SQLite, with the log folded in.",
        hit_rate,
        never,
        100.0,
        False,
        scale_percent,
        _hit_rate_now,
        _hit_rate_notes,
    ),
    Panel(
        "queue-depth",
        "Queue depth",
        "How many accepted events wait in the log; its scale only grows, in steps of 1, 2, 5.",
        queue_depth,
        never,
        100.0,
        True,
        scale_events,
        _depth_now,
        _depth_notes,
    ),
    Panel(
        "staleness",
        "Staleness",
        "Lag: how long the oldest event has waited. Stale: reads behind the last write. "
        "A column with a stale read or an unavailable call is marked with “!”.",
        lag,
        harmed,
        1.0,
        True,
        scale_seconds,
        _lag_now,
        _lag_notes,
    ),
)

MEANINGS: tuple[tuple[str, str], ...] = (
    ("Books", "accepted = applied + pending + dead; anything else means an event was lost."),
    ("Redis", "The cache: it gives speed, and may forget everything at any time."),
    ("Log", "The write-behind log: accepted events wait here, durable, until SQLite has them."),
    ("Worker", "It coalesces a batch per key and flushes it to SQLite; “saved” are row writes."),
    (
        "SQLite",
        "The system of record, the truth once the log is folded in; flush and read are medians.",
    ),
    *((panel.title, panel.meaning) for panel in PANELS),
    ("Time axis", "▼ a fault begins, ━ it lasts, ▲ it ends, right under what it did."),
    (
        "Hot keys",
        "The most used keys and their value in each place; the selection follows its key.",
    ),
    ("Events", "What happened, newest first."),
)
"""One sentence about every panel, for the help screen."""
