"""The timeline: the history of a whole run, in bounded memory however long the run is.

The stack's own history is a ring of five minutes, for a screen. A report shows the whole run: the
sampler starts with a short step, and whenever it has too many ticks it joins them in pairs and
continues with a step twice as long. So a run of a second and a run of a day both have a chart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cachedesk.core.clock import wall_seconds
from cachedesk.core.snapshot import Mark, Tick
from cachedesk.stack.stack import Stack

MOST_TICKS = 1_200
FIRST_STEP_SECONDS = 0.025

_MOST_MARKS = 1_000
_MARKS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The history of a run. ``began_at``: wall-clock seconds since 1970; ``ticks`` are oldest
    first, each of about ``step_seconds``; ``marks`` are the faults."""

    began_at: float
    step_seconds: float
    ticks: tuple[Tick, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def seconds(self) -> float:
        """Its duration in seconds."""
        return self.ticks[-1].at - self.began_at if self.ticks else 0.0

    def settled(self) -> Timeline:
        """Return the timeline without the quiet ticks at its end."""
        ticks = list(self.ticks)
        while len(ticks) > 1 and _is_quiet(ticks[-1]) and _is_quiet(ticks[-2]):
            ticks.pop()
        return replace(self, ticks=tuple(ticks))


def joined(ticks: Sequence[Tick]) -> Tick:
    """Return consecutive ``ticks`` as one: counts are summed; of depth and lag the peak is kept,
    because that is what matters in a chart."""
    return Tick(
        at=ticks[-1].at,
        depth=max(tick.depth for tick in ticks),
        lag_seconds=max(tick.lag_seconds for tick in ticks),
        **{name: sum(getattr(tick, name) for tick in ticks) for name in _COUNTS},
    )


def _is_quiet(tick: Tick) -> bool:
    return not (tick.depth or any(getattr(tick, name) for name in _COUNTS))


def halved(ticks: Sequence[Tick]) -> list[Tick]:
    """Return ``ticks`` joined in pairs; an odd last one is unchanged."""
    return [joined(ticks[place : place + 2]) for place in range(0, len(ticks), 2)]


class Sampler:
    """Samples a stack on a separate thread, from ``start`` to ``stop``. It only reads counters, and
    accesses no store, so its cost is not measurable."""

    def __init__(
        self,
        stack: Stack,
        first_step_seconds: float = FIRST_STEP_SECONDS,
        most_ticks: int = MOST_TICKS,
    ) -> None:
        """Prepare the sampler; it keeps at most ``most_ticks`` (an even number)."""
        self._stack = stack
        self._step_seconds = first_step_seconds
        self._most_ticks = most_ticks
        self._ticks: list[Tick] = []
        self._marks: dict[tuple[str, float], Mark] = {}
        self._began_at = wall_seconds()
        self._before: dict[str, int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sampler", daemon=True)

    @property
    def step_seconds(self) -> float:
        """The current length of a tick."""
        return self._step_seconds

    def start(self) -> None:
        """Start the thread."""
        self._began_at = wall_seconds()
        self._before = self._counts()
        self._thread.start()

    def stop(self) -> Timeline:
        """End the thread and return the timeline. May be called again."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        return Timeline(
            self._began_at,
            self._step_seconds,
            tuple(self._ticks),
            tuple(sorted(self._marks.values(), key=lambda mark: mark.start_at)),
        )

    def _follow(self) -> None:
        due = marks_due = time.monotonic()
        ended = False
        while not ended:
            due = max(due + self._step_seconds, time.monotonic())
            ended = self._stopping.wait(max(0.0, due - time.monotonic()))
            self._take()
            if ended or time.monotonic() >= marks_due:
                # The event ring drops old marks; a mark is read again when it has ended.
                marks_due = time.monotonic() + _MARKS_SECONDS
                self._note_marks()

    def _take(self) -> None:
        now, depth = self._counts(), self._stack.backlog.depth
        passed = {name: now[name] - self._before[name] for name in now}
        self._before = now
        lag_seconds = self._stack.backlog.oldest_seconds if self._stack.pending.depth else 0.0
        self._ticks.append(Tick(wall_seconds(), depth=depth, lag_seconds=lag_seconds, **passed))
        if len(self._ticks) >= self._most_ticks:
            self._ticks = halved(self._ticks)
            self._step_seconds *= 2

    def _note_marks(self) -> None:
        for mark in self._stack.event_ring.marks():
            known = (mark.name, mark.start_at)
            if known in self._marks or len(self._marks) < _MOST_MARKS:
                self._marks[known] = mark

    def _counts(self) -> dict[str, int]:
        metrics = self._stack.metrics
        reads, writes = metrics.reads(), metrics.writes()
        return {
            "hits": reads.hits,
            "misses": reads.misses,
            "writes": writes.through + writes.behind,
            "applied": metrics.counted("applied") + writes.through,
            "stale": reads.stale,
            "unavailable": reads.unavailable + writes.unavailable,
            "overlay": reads.overlay,
            "database": reads.database,
            "through": writes.through,
            "behind": writes.behind,
            "rows": metrics.counted("rows"),
        }


_COUNTS = (
    "hits",
    "misses",
    "writes",
    "applied",
    "stale",
    "unavailable",
    "overlay",
    "database",
    "through",
    "behind",
    "rows",
)
