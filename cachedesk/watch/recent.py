"""What was seen lately: windows of MONITOR of the last minutes, and rates from one look to the
next."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.core.watched_server import ServerFigures
from cachedesk.watch.outcomes import Tally, WindowTally

KEPT_SECONDS = 300.0
MOST_KEYS = 50_000
"""So many different keys are counted at most; with more, the oldest windows are dropped."""

_OTHER_DATABASE = tuple(b"db%d:" % number for number in range(1, 10))


class RecentWindows:
    """The windows of the last five minutes, added up."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, WindowTally]] = deque()
        self._patterns: dict[bytes, Tally] = {}
        self._found: Counter[bytes] = Counter()
        self._used: Counter[bytes] = Counter()

    def add(self, tally: WindowTally, now: float) -> None:
        """Note a window; what is too old, or too much, is dropped."""
        self._kept.append((now, tally))
        for name, part in tally.patterns.items():
            self._patterns[name] = self._patterns.get(name, Tally()) + part
        self._found.update(tally.found)
        self._used.update(tally.used)
        while self._kept[0][0] < now - KEPT_SECONDS or (
            len(self._used) > MOST_KEYS and len(self._kept) > 1
        ):
            self._drop(self._kept.popleft()[1])

    def total(self, pattern_of: Callable[[bytes], bytes]) -> WindowTally:
        """Return all of them together.

        Args:
            pattern_of: gives the newest pattern for one that was named before.
        """
        patterns: dict[bytes, Tally] = {}
        for name, part in self._patterns.items():
            newest = name if name.startswith(_OTHER_DATABASE) else pattern_of(name)
            patterns[newest] = patterns.get(newest, Tally()) + part
        tallies = [tally for _, tally in self._kept]
        return WindowTally(
            sum(tally.seconds for tally in tallies),
            patterns,
            sum(tally.hits for tally in tallies),
            sum(tally.misses for tally in tallies),
            self._found,
            self._used,
        )

    def _drop(self, tally: WindowTally) -> None:
        for name, part in tally.patterns.items():
            self._patterns[name] = self._patterns[name] - part
            if self._patterns[name] == Tally():
                del self._patterns[name]
        for counter, counts in ((self._found, tally.found), (self._used, tally.used)):
            counter.subtract(counts)
            for key in counts:
                if counter[key] <= 0:
                    del counter[key]


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened between two looks, per second; ``hit_rate`` is ``None`` without a read."""

    at: float
    seconds: float
    hits: float
    misses: float
    commands: float
    evicted: float
    expired: float
    cpu_share: float

    @property
    def hit_rate(self) -> float | None:
        """The share of reads that hit, 0 to 1."""
        reads = self.hits + self.misses
        return self.hits / reads if reads > 0 else None


def rates(before: ServerFigures, after: ServerFigures) -> Rates | None:
    """Return what happened between two looks; ``None`` if the server was restarted in between."""
    seconds = after.at - before.at
    if seconds <= 0 or after.uptime_seconds + 1 < before.uptime_seconds:
        return None
    if after.commands < before.commands or after.hits < before.hits:
        return None
    return Rates(
        after.at,
        seconds,
        (after.hits - before.hits) / seconds,
        (after.misses - before.misses) / seconds,
        (after.commands - before.commands) / seconds,
        max(0, after.evicted - before.evicted) / seconds,
        max(0, after.expired - before.expired) / seconds,
        max(0.0, after.cpu_seconds - before.cpu_seconds) / seconds,
    )
