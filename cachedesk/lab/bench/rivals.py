"""Rivals, their workloads, and results: plain values and arithmetic.

All rivals take turns at a workload, round by round, so that noise affects all of them alike;
medians of one run are compared. (Kalibera and Jones, "Rigorous benchmarking in reasonable time",
2013, explain why rounds matter more than long laps.)
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

OURS = "cachedesk"
LIMIT = "limit"


def nothing(_: int) -> None:
    """Prepare nothing."""


def nothing_more() -> None:
    """Settle nothing."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One way to do a workload. ``run`` does a number of operations and is timed; ``prepare``,
    called before with the same number, and ``settle``, called after, are not. ``fixed``: the number
    of operations is always this one; ``most``: it cannot be more."""

    run: Callable[[int], object]
    prepare: Callable[[int], object] = nothing
    settle: Callable[[], object] = nothing_more
    fixed: int | None = None
    most: int = 1_000_000


class Rival(Protocol):
    """One competitor: it runs some of the workloads."""

    name: str

    def laps(self) -> Mapping[str, Lap]:
        """Return a lap for each workload that it can do, by the name of the workload."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


@dataclass(frozen=True, slots=True)
class BenchWorkload:
    """A row of the table.

    ``limit``: the necessary calls, in words. ``aim``: the target speed, as a share of the limit's.
    ``unit``: what an operation is.
    """

    name: str
    title: str
    limit: str
    aim: float
    unit: str = "operation"


@dataclass(frozen=True, slots=True)
class Result:
    """The times of one rival: seconds per operation, one for each round."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the seconds per operation."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one workload. The first is that of cachedesk, if it took part."""

    work: BenchWorkload
    results: tuple[Result, ...]

    def of(self, name: str) -> Result | None:
        """Return the result of the rival of this name, if there is one."""
        return next((result for result in self.results if result.name == name), None)

    def times(self, name: str) -> float | None:
        """Return how many times as fast as ``name`` cachedesk is, by medians."""
        ours, theirs = self.of(OURS), self.of(name)
        if ours is None or theirs is None:
            return None
        return theirs.median / ours.median

    def spread(self, name: str) -> tuple[float, float] | None:
        """Return the lowest and the highest ratio of a single round."""
        ours, theirs = self.of(OURS), self.of(name)
        if ours is None or theirs is None:
            return None
        each = [b / a for a, b in zip(ours.seconds, theirs.seconds, strict=False)]
        return min(each), max(each)

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached; ``None`` if it was not measured."""
        found = self.times(LIMIT)
        # Rounded as it is shown, or the table could say "0.90, aim 0.9, missed".
        return None if found is None else round(found, 2) >= self.work.aim


def by_turns(names: Sequence[str], round_number: int) -> list[str]:
    """Return the order of a round; each name comes first in turn."""
    start = round_number % len(names) if names else 0
    return [*names[start:], *names[:start]]
