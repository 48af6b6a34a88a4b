"""Everything that was observed of one server, put together into snapshots."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from cachedesk.core.watched_server import MonitorWindow, OwnCalls, ScanPage, ServerFigures
from cachedesk.watch.hit_rates import PatternRate, hit_rates
from cachedesk.watch.memory_sample import MemoryByPattern, MemorySample
from cachedesk.watch.outcomes import WindowTally, tallied
from cachedesk.watch.own_load import MonitorCost, OwnLoad, average_costs, calls_seconds
from cachedesk.watch.patterns import Patterns
from cachedesk.watch.recent import Rates, RecentWindows, rates
from cachedesk.watch.restart_cost import (
    PatternReads,
    RestartCost,
    counts_by_pattern,
    restart_cost,
)
from cachedesk.watch.snapshot import HotKey, WatchSnapshot, rows

HISTORY = 600
_HOTTEST = 50
_LABELS = {"connect": "connections", "info": "INFO", "scan": "SCAN", "memory|usage": "MEMORY USAGE"}


class Observation:
    """Takes what a server was asked, and says what it comes to. Not thread-safe.

    Args:
        address: of the server.
        database: the number of the watched one.
        budget: the share of the server's time that may be spent.
        monitor: whether MONITOR is used.
        now: when it began, in monotonic seconds.
    """

    def __init__(
        self, address: str, database: int, budget: float, *, monitor: bool, now: float
    ) -> None:
        self._address = address
        self._database = database
        self._budget = budget
        self._monitor = monitor
        self._began = now
        self._patterns = Patterns()
        self._memory = MemorySample(self._patterns.of)
        self._windows = RecentWindows()
        self.monitor_cost = MonitorCost()
        self._history: deque[Rates] = deque(maxlen=HISTORY)
        self._figures: ServerFigures | None = None
        self._hits = self._misses = 0
        self._spent: dict[str, float] = {}
        self._earlier: dict[str, float] = {}
        self._total = WindowTally(0.0, {}, 0, 0, {}, {})
        self._rates: dict[bytes, PatternRate] = {}
        self._hottest: tuple[HotKey, ...] = ()
        self._restart: RestartCost | None = None

    @property
    def figures(self) -> ServerFigures | None:
        """The newest figures."""
        return self._figures

    def take_figures(self, figures: ServerFigures) -> None:
        """Note what the server says of itself."""
        self.monitor_cost.look(figures)
        if self._figures is not None:
            passed = rates(self._figures, figures)
            if passed is None:
                self.monitor_cost.forget()
                self.monitor_cost.look(figures)
            else:
                self._history.append(passed)
                self._hits += figures.hits - self._figures.hits
                self._misses += figures.misses - self._figures.misses
        self._figures = figures

    def take_page(self, page: ScanPage, sizes: Sequence[int | None]) -> None:
        """Note some keys with their sizes."""
        found = zip(page.keys, sizes, strict=True)
        self._memory.add((key, size) for key, size in found if size is not None)
        if page.cursor == 0:
            self._memory.end_pass()

    def take_window(self, window: MonitorWindow) -> None:
        """Note what MONITOR has shown."""
        self.monitor_cost.add(window)
        self._windows.add(tallied(window, self._database, self._patterns.of), window.after.at)
        self._total = self._windows.total(self._patterns.of)
        found = hit_rates(self._total.patterns, self._total.hits, self._total.misses)
        self._rates = {rate.pattern: rate for rate in found}
        self._hottest = self._hot()
        self._restart = self._restart_cost()

    def take_calls(self, calls: Sequence[OwnCalls]) -> None:
        """Note what the connection has asked so far."""
        costs = average_costs(self._figures.costs) if self._figures is not None else {}
        self._spent = calls_seconds(calls, costs)

    def begin_connection(self) -> None:
        """Note that a new connection counts its calls from none."""
        for name, seconds in self._spent.items():
            self._earlier[name] = self._earlier.get(name, 0.0) + seconds
        self._spent = {}
        self._memory.begin_pass()
        self.monitor_cost.forget()

    @property
    def calls_seconds(self) -> float:
        """What our calls have cost the server, MONITOR apart, in seconds."""
        return sum(self._spent.values()) + sum(self._earlier.values())

    def snapshot(self, now: float) -> WatchSnapshot:
        """Return what is known; the watcher adds how it is with itself."""
        total, figures = self._total, self._figures
        reads, counted = self._hits + self._misses, total.hits + total.misses
        memory = self._memory.result(figures.keys) if figures is not None else MemoryByPattern()
        return WatchSnapshot(
            address=self._address,
            seconds=now - self._began,
            figures=figures,
            history=tuple(self._history),
            hit_rate=self._hits / reads if reads else None,
            patterns=rows(self._rates, memory, total.seconds),
            reads_seen=sum(rate.reads for rate in self._rates.values()),
            monitored_seconds=total.seconds,
            server_hit_rate=total.hits / counted if counted else None,
            memory=memory,
            hot=self._hottest,
            restart=self._restart,
            load=self._load(now),
            monitor=self._monitor,
        )

    def _hot(self) -> tuple[HotKey, ...]:
        seconds = self._total.seconds
        if not seconds:
            return ()
        used = self._total.used.items()
        most = heapq.nsmallest(_HOTTEST, used, key=lambda item: (-item[1], item[0]))
        return tuple(HotKey(key, uses / seconds) for key, uses in most)

    def _restart_cost(self) -> RestartCost | None:
        if not self._total.seconds or self._figures is None:
            return None
        keys = self._figures.keys
        sizes = {each.pattern: each.keys for each in self._memory.result(keys).patterns}
        names = {key: self._patterns.of(key) for key in self._total.found}
        counts = counts_by_pattern(self._total.found, names)
        return restart_cost(
            (
                PatternReads(
                    sizes.get(name, 0.0),
                    rate.hit_rate * rate.reads / self._total.seconds,
                    counts.get(name, ()),
                )
                for name, rate in self._rates.items()
            ),
            keys,
        )

    def _load(self, now: float) -> OwnLoad:
        names = {*self._spent, *self._earlier}
        spent = {
            _LABELS.get(name, name): self._spent.get(name, 0.0) + self._earlier.get(name, 0.0)
            for name in sorted(names)
        }
        cost = self.monitor_cost
        if self._monitor:
            spent["MONITOR"] = cost.spent
        return OwnLoad(
            now - self._began,
            tuple(spent.items()),
            self._budget,
            cost.windows,
            cost.window_seconds,
            cost.share,
        )
