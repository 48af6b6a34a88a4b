"""The timeline of a run as charts: hit rate, operations, queue depth and lag over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cachedesk.core.snapshot import Mark, Tick
from cachedesk.lab.run.timeline import Timeline, joined
from cachedesk.reports.chart import Chart, FaultMark, Point, Series, scale, time_ticks
from cachedesk.reports.words import number, percent, span

COLUMNS = 150

_FEWEST_TICKS = 3
_FEWEST_READS = 50
_SHORTEST_SECONDS = 1.0


def fault_marks(timeline: Timeline) -> tuple[FaultMark, ...]:
    """Return the faults of ``timeline`` in seconds from its beginning, numbered from 1."""

    def seconds(at: float) -> float:
        return max(0.0, at - timeline.began_at)

    def mark(number: int, mark: Mark) -> FaultMark:
        end = None if mark.end_at is None else seconds(mark.end_at)
        return FaultMark(number, mark.name, seconds(mark.start_at), end)

    return tuple(mark(place, each) for place, each in enumerate(timeline.marks, start=1))


def timeline_charts(
    timeline: Timeline,
    load_seconds: float | None = None,
    *,
    depth_max: int = 0,
    lag_max: float = 0.0,
) -> tuple[Chart, ...]:
    """Return the charts of ``timeline``; none if it is too short.

    Args:
        timeline: the timeline.
        load_seconds: the time at which the load ended and the drain began, from the beginning.
        depth_max: the highest queue depth, as counted at each write; 0: that of the timeline, which
            is only sampled.
        lag_max: the longest lag of an event in seconds; 0: that of the timeline.
    """
    if len(timeline.ticks) < _FEWEST_TICKS:
        return ()
    columns = in_columns(timeline)
    draw = _Drawing(timeline, columns, load_seconds)
    hit_points = hit_rates(timeline)
    return (
        draw.chart(
            "Hit rate",
            (Series("hits of all reads", hit_points),),
            _HUNDRED,
            _describe_hits(timeline, hit_points),
        ),
        draw.chart(
            "Operations a second",
            (
                Series("reads", draw.rates(lambda tick: tick.hits + tick.misses)),
                Series("writes", draw.rates(lambda tick: tick.writes)),
            ),
            None,
            _describe_operations(timeline),
        ),
        draw.chart(
            "Queue depth",
            (Series("events that wait in the log", draw.points(lambda tick: tick.depth)),),
            scale(max(tick.depth for tick in columns), number, least=4),
            _describe_peak(
                timeline, lambda tick: tick.depth, "At most {:,} events waited", depth_max
            ),
            filled=True,
        ),
        draw.chart(
            "Lag",
            (
                Series(
                    "age of the oldest waiting event", draw.points(lambda tick: tick.lag_seconds)
                ),
            ),
            scale(max(tick.lag_seconds for tick in columns), _brief_span, least=0.01),
            _describe_peak(timeline, lambda tick: tick.lag_seconds, "At most {:.3f} s", lag_max),
            filled=True,
        ),
    )


def hit_rates(timeline: Timeline) -> tuple[Point, ...]:
    """Return the hit rate in percent over time. The rate of a few reads jumps between 0 and 100, so
    each point covers at least a second, or enough reads."""
    points: list[Point] = []
    seen: list[Tick] = []
    began = timeline.began_at
    for tick in in_columns(timeline):
        seen.append(tick)
        reads = sum(each.hits + each.misses for each in seen)
        if reads >= _FEWEST_READS or (reads and tick.at - began >= _SHORTEST_SECONDS):
            points.append((tick.at - timeline.began_at, _hit_percent(seen)))
        elif not reads and tick.at - began >= _SHORTEST_SECONDS:
            points.append((tick.at - timeline.began_at, None))
        else:
            continue
        began, seen = tick.at, []
    if any(each.hits + each.misses for each in seen) and not points:
        points.append((seen[-1].at - timeline.began_at, _hit_percent(seen)))
    return tuple(points)


def in_columns(timeline: Timeline, most: int = COLUMNS) -> list[Tick]:
    """Return the ticks of ``timeline`` joined into at most ``most`` columns of equal duration."""
    width = max(timeline.seconds / (most - 1), timeline.step_seconds)
    columns: dict[int, list[Tick]] = {}
    for tick in timeline.ticks[:-1]:
        place = min(most - 2, int((tick.at - timeline.began_at) / width))
        columns.setdefault(place, []).append(tick)
    # The last tick stays separate, or the peak of its column would hide the final state.
    return [*(joined(ticks) for ticks in columns.values()), *timeline.ticks[-1:]]


def as_json(timeline: Timeline) -> dict[str, object]:
    """Return the data of the charts, as columns of figures."""
    columns = in_columns(timeline)
    return {
        "seconds": [round(tick.at - timeline.began_at, 3) for tick in columns],
        "hits": [tick.hits for tick in columns],
        "misses": [tick.misses for tick in columns],
        "writes": [tick.writes for tick in columns],
        "depth": [tick.depth for tick in columns],
        "lag_seconds": [round(tick.lag_seconds, 4) for tick in columns],
        "stale": [tick.stale for tick in columns],
        "unavailable": [tick.unavailable for tick in columns],
        "faults": [
            {
                "name": mark.name,
                "start_seconds": round(mark.start, 3),
                "end_seconds": None if mark.end is None else round(mark.end, 3),
            }
            for mark in fault_marks(timeline)
        ],
    }


class _Drawing:
    """The common parts of all charts of one timeline."""

    def __init__(
        self, timeline: Timeline, columns: Sequence[Tick], load_seconds: float | None
    ) -> None:
        self._began_at = timeline.began_at
        self._seconds = timeline.seconds
        self._columns = columns
        self._marks = fault_marks(timeline)
        # A very short drain needs no divider.
        long = load_seconds is not None and self._seconds - load_seconds > 0.03 * self._seconds
        self._divider = (load_seconds, "drain") if load_seconds and long else None

    def chart(
        self,
        title: str,
        series: tuple[Series, ...],
        y: tuple[float, tuple[tuple[float, str], ...]] | None,
        description: str,
        *,
        filled: bool = False,
    ) -> Chart:
        highest = max((point[1] or 0.0 for each in series for point in each.points), default=0.0)
        y_end, y_ticks = y or scale(highest, number, least=4)
        return Chart(
            title,
            description,
            series,
            time_ticks(self._seconds),
            y_ticks,
            self._seconds,
            y_end,
            marks=self._marks,
            divider=self._divider,
            filled=filled,
        )

    def points(self, value: Callable[[Tick], float | None]) -> tuple[Point, ...]:
        return tuple((tick.at - self._began_at, value(tick)) for tick in self._columns)

    def rates(self, count: Callable[[Tick], int]) -> tuple[Point, ...]:
        before, points = 0.0, []
        for tick in self._columns:
            at = tick.at - self._began_at
            points.append((at, count(tick) / max(1e-6, at - before)))
            before = at
        return tuple(points)


_HUNDRED = scale(100, lambda value: f"{value:.0f} %", most=5)


def _hit_percent(ticks: Sequence[Tick]) -> float:
    hits = sum(tick.hits for tick in ticks)
    return 100.0 * hits / (hits + sum(tick.misses for tick in ticks))


def _brief_span(seconds: float) -> str:
    if seconds == 0:
        return "0"
    return f"{seconds * 1000:.6g} ms" if seconds < 1 else f"{seconds:.6g} s"


def _describe_hits(timeline: Timeline, points: Sequence[Point]) -> str:
    known = [rate for _, rate in points if rate is not None]
    if not known:
        return "Nothing was read."
    hits = sum(tick.hits for tick in timeline.ticks)
    reads = hits + sum(tick.misses for tick in timeline.ticks)
    return (
        f"{percent(hits, reads)} over the whole run, between {percent(min(known), 100)} and"
        f" {percent(max(known), 100)}; {percent(known[-1], 100)} at the end."
    )


def _describe_operations(timeline: Timeline) -> str:
    reads = sum(tick.hits + tick.misses for tick in timeline.ticks)
    writes = sum(tick.writes for tick in timeline.ticks)
    return f"{number(reads)} reads and {number(writes)} writes in {span(timeline.seconds)}."


def _describe_peak(
    timeline: Timeline, value: Callable[[Tick], float], template: str, counted: float
) -> str:
    peak = max(timeline.ticks, key=value)
    # The counted figure, if there is one: a sample may miss the peak.
    most = counted or value(peak)
    if not most:
        return "Nothing waited."
    return f"{template.format(most)}, {span(peak.at - timeline.began_at)} after the beginning."
