"""Rounds: every rival runs every workload in turn, for about the same time, and is timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cachedesk.lab.bench.rivals import BenchWorkload, Lap, Result, Rival, Row, by_turns

_FIRST_OPERATIONS = 100


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure. ``rounds`` of a workload, ``long_rounds`` of one whose size is fixed;
    ``lap_seconds``: about how long a lap of the others takes; ``share``: of the fixed sizes."""

    rounds: int = 7
    long_rounds: int = 3
    lap_seconds: float = 0.25
    share: float = 1.0


FULL = Effort()
QUICK = Effort(rounds=3, long_rounds=1, lap_seconds=0.05, share=0.1)


def run_rounds(
    work: BenchWorkload, rivals: Sequence[Rival], effort: Effort, stepped: Callable[[], object]
) -> Row:
    """Time all ``rivals`` that can do ``work``.

    Args:
        work: the workload.
        rivals: the rivals; those without a lap for it are skipped.
        effort: how often, and how long.
        stepped: called after each lap.
    """
    laps = {rival.name: lap for rival in rivals if (lap := rival.laps().get(work.name))}
    counts = {name: _operations(lap, effort.lap_seconds) for name, lap in laps.items()}
    rounds = effort.long_rounds if any(lap.fixed for lap in laps.values()) else effort.rounds
    took: dict[str, list[float]] = {name: [] for name in laps}
    for number in range(rounds):
        for name in by_turns(list(laps), number):
            took[name].append(_timed(laps[name], counts[name]) / counts[name])
            stepped()
    return Row(work, tuple(Result(name, tuple(seconds)) for name, seconds in took.items()))


def steps(work: BenchWorkload, laps: Sequence[Mapping[str, Lap]], effort: Effort) -> int:
    """Return how often ``run_rounds`` will call ``stepped``."""
    taking_part = [one[work.name] for one in laps if work.name in one]
    is_long = any(lap.fixed for lap in taking_part)
    return len(taking_part) * (effort.long_rounds if is_long else effort.rounds)


def _operations(lap: Lap, seconds: float) -> int:
    """Return how many operations take about ``seconds``. This also warms up."""
    if lap.fixed:
        return lap.fixed
    count = _FIRST_OPERATIONS
    while (took := _timed(lap, count)) < seconds / 4 and 2 * count <= lap.most:
        count *= 2
    # A multiple of 100 and of 16, so that no lap has to round it.
    return max(400, round(min(count * seconds / took, lap.most) / 400) * 400)


def _timed(lap: Lap, operations: int) -> float:
    lap.prepare(operations)
    # Garbage of other rivals must not be collected during this lap.
    gc.collect()
    began = time.perf_counter()
    lap.run(operations)
    took = time.perf_counter() - began
    # Nor may work deferred by this lap be done during the next.
    lap.settle()
    return took
