"""The recorder of an observed stack: metrics, and the newest writes for reports on keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import WriteEvent
from cachedesk.core.recorder import CallPath
from cachedesk.observe.metrics import Metrics
from cachedesk.observe.recent_writes import RecentWrites


class StackRecorder:
    """A ``Recorder`` that records everything. Thread-safe."""

    def __init__(self, metrics: Metrics, recent: RecentWrites) -> None:
        self._metrics = metrics
        self._recent = recent
        # Bound once: they are called with every hit.
        self.hit = metrics.hit
        self.unreadable = metrics.could_not_read
        self.count = metrics.count
        self.written_behind = recent.accepted
        self.written_through = recent.written_through
        self.applied = recent.applied

    def call(self, path: CallPath, seconds: float, keys: Collection[bytes], count: int = 1) -> None:
        """See ``Recorder``."""
        self._metrics.took(path, seconds, keys, count)

    def flushed(
        self, seconds: float, applied: Sequence[WriteEvent], rows: int, since_at: float = 0.0
    ) -> None:
        """See ``Recorder``."""
        now = wall_seconds()
        lags = _runs(event.at for event in applied if event.at >= since_at)
        self._metrics.flushed(
            seconds, len(applied), rows, [(max(0.0, now - at), count) for at, count in lags]
        )


def _runs(times: Iterable[float]) -> list[tuple[float, int]]:
    """Return ``times`` run-length encoded, as pairs of (time, number in a row)."""
    pairs: list[tuple[float, int]] = []
    for time in times:
        if pairs and pairs[-1][0] == time:
            pairs[-1] = (time, pairs[-1][1] + 1)
        else:
            pairs.append((time, 1))
    return pairs
