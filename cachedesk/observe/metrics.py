"""Metrics: exact counters, latency histograms, and a history.

Counters and histograms change under one lock, so no figure is torn or lost between threads; that
takes about a microsecond per call. Latencies are kept for a moving window, for the desk, and in
total, for a verdict. The history is a fixed-size ring of ticks.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Collection, Iterable
from itertools import accumulate

from hdrh.histogram import HdrHistogram

from cachedesk.core.recorder import CallPath
from cachedesk.core.snapshot import Latencies, Percentiles, PrefixRate, Reads, Tick, Writes
from cachedesk.observe.prefix_rates import PrefixRates

TICK_SECONDS = 0.5
HISTORY_TICKS = 600
_WINDOW_TICKS = 10
_HALVES = 2
_HIGHEST_MICROSECONDS = 3_600_000_000
_HOT_KEYS = 4096
_MOST_NEW = 1_000


_HIT = CallPath.HIT
_MISSES = frozenset((CallPath.OVERLAY, CallPath.DATABASE))


class Distribution:
    """Percentiles of seconds, over about the last five seconds and in total."""

    def __init__(self) -> None:
        # A histogram has three thousand counts, so those for the older half of the window and for
        # the total are created on first use.
        self._window: deque[HdrHistogram] = deque([_histogram()])
        self._total: HdrHistogram | None = None
        # Adding to a histogram, which is pure Python, is slow: the reading thread adds many
        # measurements at once, so that callers need not.
        self._new: Counter[int] = Counter()

    def record(self, seconds: float, count: int = 1) -> None:
        """Add ``count`` measurements of ``seconds``."""
        self._new[int(seconds * 1e6)] += count
        if len(self._new) > _MOST_NEW:
            self._catch_up()

    def rotate(self) -> None:
        """Begin a new half of the window; the older half is added to the total."""
        self._catch_up()
        oldest = self._window.pop() if len(self._window) == _HALVES else _histogram()
        if oldest.get_total_count():
            self._total = self._total or _histogram()
            self._total.add(oldest)
            oldest.reset()
        self._window.appendleft(oldest)

    def recent(self) -> Percentiles:
        """Return the percentiles of the window."""
        self._catch_up()
        return _percentiles(self._window)

    def total(self) -> Percentiles:
        """Return the percentiles of all measurements."""
        self._catch_up()
        return _percentiles(filter(None, (self._total, *self._window)))

    def _catch_up(self) -> None:
        new, self._new = self._new, Counter()
        for microseconds, count in new.items():
            self._window[0].record_value(min(max(1, microseconds), _HIGHEST_MICROSECONDS), count)


class HotKeys:
    """The most used keys, in bounded memory: when there are too many keys, all counts are halved
    and those that reach zero are dropped (lossy counting; Manku and Motwani, VLDB 2002)."""

    def __init__(self) -> None:
        self._uses: Counter[bytes] = Counter()

    def use(self, keys: Collection[bytes]) -> None:
        """Count one use of each of ``keys``."""
        if len(keys) == 1:
            for key in keys:
                self._uses[key] += 1
        else:
            self._uses.update(keys)
        if len(self._uses) > _HOT_KEYS:
            self._uses = Counter({key: uses // 2 for key, uses in self._uses.items() if uses > 1})

    def top(self, most: int) -> list[tuple[bytes, int]]:
        """Return at most ``most`` keys with their numbers of uses, the hottest first."""
        return self._uses.most_common(most)


class Metrics:
    """All figures of one stack. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new_hits: deque[tuple[float, Collection[bytes], int]] = deque()
        self._clear()

    def begin_again(self) -> None:
        """Forget everything that was counted; for a stack that was warmed up before its run."""
        with self._lock:
            self._add_hits()
            self._clear()

    def _clear(self) -> None:
        self._counts: Counter[str] = Counter()
        self._times = {path: Distribution() for path in CallPath}
        self._lag = Distribution()
        self._hot = HotKeys()
        self._prefixes = PrefixRates()
        self._ticks: deque[Tick] = deque(maxlen=HISTORY_TICKS)
        self._last: Counter[str] = Counter()
        self._until_rotation = _WINDOW_TICKS

    def took(
        self, path: CallPath, seconds: float, keys: Collection[bytes] = (), count: int = 1
    ) -> None:
        """Count ``count`` operations on ``keys`` by ``path`` that took ``seconds`` together."""
        with self._lock:
            self._counts[path] += count
            self._times[path].record(seconds)
            self._hot.use(keys)
            if path is _HIT:
                self._prefixes.hit(keys)
            elif path in _MISSES:
                self._prefixes.miss(keys)

    def hit(self, seconds: float, keys: Collection[bytes], absent: int = 0) -> None:
        """Count hits of ``keys`` that took ``seconds`` together, ``absent`` of them negative. Takes
        no lock, because a signal handler may count in the middle of this; the next reader adds them
        up, at the latest at the next tick."""
        self._new_hits.append((seconds, keys, absent))

    def could_not_read(self, keys: Collection[bytes]) -> None:
        """Count reads of ``keys`` that failed with ``Unavailable``."""
        with self._lock:
            self._counts["unavailable"] += len(keys)
            self._prefixes.miss(keys)

    def count(self, name: str, count: int = 1) -> None:
        """Count something that has no duration: ``stale``, ``unavailable``, ``refused`` …"""
        with self._lock:
            self._counts[name] += count

    def flushed(
        self, seconds: float, applied: int, rows: int, lags: Iterable[tuple[float, int]]
    ) -> None:
        """Count one flush.

        Args:
            seconds: the duration.
            applied: the number of events applied.
            rows: the number of rows written.
            lags: pairs of (seconds from accepted to applied, number of events).
        """
        with self._lock:
            self._counts[CallPath.FLUSH] += 1
            self._counts["applied"] += applied
            self._counts["rows"] += rows
            self._times[CallPath.FLUSH].record(seconds)
            for lag_seconds, count in lags:
                self._lag.record(lag_seconds, count)

    def tick(self, at: float, depth: int, lag_seconds: float) -> None:
        """End an interval of the history; called every ``TICK_SECONDS``."""
        with self._lock:
            self._add_hits()
            now = self._counts
            passed = now - self._last
            self._last = Counter(now)
            self._ticks.append(
                Tick(
                    at=at,
                    hits=passed[CallPath.HIT],
                    misses=passed[CallPath.OVERLAY]
                    + passed[CallPath.DATABASE]
                    + passed["unavailable"]
                    + passed["stale_on_error"],
                    writes=passed[CallPath.WRITE_THROUGH] + passed[CallPath.WRITE_BEHIND],
                    applied=passed["applied"] + passed[CallPath.WRITE_THROUGH],
                    depth=depth,
                    lag_seconds=lag_seconds,
                    stale=passed["stale"],
                    unavailable=passed["unavailable"] + passed["writes_unavailable"],
                    overlay=passed[CallPath.OVERLAY],
                    database=passed[CallPath.DATABASE],
                    through=passed[CallPath.WRITE_THROUGH],
                    behind=passed[CallPath.WRITE_BEHIND],
                    rows=passed["rows"],
                )
            )
            self._until_rotation -= 1
            if self._until_rotation == 0:
                self._until_rotation = _WINDOW_TICKS
                for distribution in (*self._times.values(), self._lag):
                    distribution.rotate()
                self._prefixes.rotate()

    def reads(self) -> Reads:
        """Return the counts of reads."""
        with self._lock:
            self._add_hits()
            counts = self._counts
            return Reads(
                hits=counts[CallPath.HIT],
                misses=counts[CallPath.OVERLAY]
                + counts[CallPath.DATABASE]
                + counts["unavailable"]
                + counts["stale_on_error"],
                overlay=counts[CallPath.OVERLAY],
                database=counts[CallPath.DATABASE],
                stale=counts["stale"],
                unavailable=counts["unavailable"],
                loads=counts["loads"],
                negative=counts["negative"],
                stale_on_error=counts["stale_on_error"],
            )

    def writes(self) -> Writes:
        """Return the counts of writes."""
        with self._lock:
            return Writes(
                through=self._counts[CallPath.WRITE_THROUGH],
                behind=self._counts[CallPath.WRITE_BEHIND],
                refused=self._counts["refused"],
                unavailable=self._counts["writes_unavailable"],
            )

    def counted(self, name: str) -> int:
        """Return one count by its name."""
        with self._lock:
            self._add_hits()
            return self._counts[name]

    def latencies(self, *, total: bool = False) -> Latencies:
        """Return the latencies per path, of the window or in total."""
        with self._lock:
            self._add_hits()
            times = self._times.items()
            if total:
                return Latencies(**{path.value: its.total() for path, its in times})
            return Latencies(**{path.value: its.recent() for path, its in times})

    def lag(self, *, total: bool = False) -> Percentiles:
        """Return the times from accepted to applied, of the window or in total."""
        with self._lock:
            return self._lag.total() if total else self._lag.recent()

    def ticks(self) -> tuple[Tick, ...]:
        """Return the history, oldest first."""
        with self._lock:
            return tuple(self._ticks)

    def hottest(self, most: int) -> list[tuple[bytes, int]]:
        """Return the most used keys with their numbers of uses, the hottest first."""
        with self._lock:
            self._add_hits()
            return self._hot.top(most)

    def prefixes(self, most: int) -> tuple[PrefixRate, ...]:
        """Return the hit rates by key prefix of the window: see ``PrefixRates.top``."""
        with self._lock:
            self._add_hits()
            return self._prefixes.top(most)

    def _add_hits(self) -> None:
        while self._new_hits:
            seconds, keys, absent = self._new_hits.popleft()
            self._counts[_HIT] += len(keys)
            self._counts["negative"] += absent
            self._times[_HIT].record(seconds)
            self._hot.use(keys)
            self._prefixes.hit(keys)


def _histogram() -> HdrHistogram:
    return HdrHistogram(1, _HIGHEST_MICROSECONDS, 2)


def _percentiles(histograms: Iterable[HdrHistogram]) -> Percentiles:
    filled = [histogram for histogram in histograms if histogram.get_total_count()]
    if not filled:
        return Percentiles()
    merged = filled[0]
    if len(filled) > 1:
        merged = _histogram()
        for histogram in filled:
            merged.add(histogram)
    p50, p99 = (value / 1e6 for value in _values_at(merged, (50, 99)))
    return Percentiles(int(merged.get_total_count()), p50, p99, merged.get_max_value() / 1e6)


def _values_at(histogram: HdrHistogram, percents: Iterable[float]) -> list[int]:
    """Return the same as ``get_value_at_percentile``, which sums up all counts in Python again for
    each percentile."""
    edges = (int(histogram.min_value), int(histogram.max_value))
    first, last = map(histogram.get_counts_array_index, edges)
    sums = list(accumulate(histogram.counts[first : last + 1]))
    targets = map(histogram.get_target_count_at_percentile, percents)
    indexes = (first + bisect_left(sums, target) for target in targets)
    lowest = map(histogram.get_value_from_index, indexes)
    return [histogram.get_highest_equivalent_value(value) for value in lowest]
