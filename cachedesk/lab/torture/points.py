"""The exhaustive modes: kill at every hit of every failpoint, and at every durable system call.

Each process starts from the same files and plays the same script, so its n-th hit is the same
place each time, and the series ends when a hit is no longer reached. There are two sets of files:
none, and those of a process that was killed with events pending.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from cachedesk.core.failpoints import POINTS
from cachedesk.lab.torture import strace
from cachedesk.lab.torture.cycles import Torture
from cachedesk.lab.torture.job import Injection, Job, State
from cachedesk.lab.torture.process import End
from cachedesk.lab.torture.torture_report import TortureReport

FRESH_ONLY = ("boot.epoch.before",)
"""The points that only a new data directory reaches."""

_COUNT = struct.Struct("<Q")
_PREPARED_AT = "worker.apply.mid_batch=1*kill"

THREADS: tuple[Literal["main", "worker"], ...] = ("main", "worker")
ACTIONS: tuple[tuple[Literal["kill", "EIO", "ENOSPC"], bool], ...] = (
    ("kill", False),
    ("EIO", False),
    ("ENOSPC", False),
    ("EIO", True),
    ("ENOSPC", True),
)
_GOOD_STRIDE = 5
# The most that strace takes.
_NEVER = 65_535


class Points:
    """The two exhaustive modes of a torture."""

    def __init__(self, torture: Torture) -> None:
        """Prepare the files to start from; ``torture`` has an empty folder."""
        self._torture = torture
        self._report = torture.report
        self.share = 0.0
        """The share that is done, 0 to 1."""
        self.fresh = torture.save("fresh")
        # Once to its end, so that Redis leaves a snapshot, which is out of date after the kill.
        torture.cycle(self._job("script"))
        torture.cycle(self._job("script", _PREPARED_AT))
        self.used = torture.save("used")

    def failpoints(
        self,
        most_hits: int | None = None,
        *,
        boots: bool = False,
        points: Sequence[str] = POINTS,
    ) -> Iterator[TortureReport]:
        """Kill at each failpoint, at its first hit, its second, … until it is no longer reached.

        Args:
            most_hits: the last hit to kill at; ``None``: all.
            boots: after each kill, kill once more at each point of the next boot.
            points: the failpoints; by default all.
        """
        for place, point in enumerate(points):
            self.share = place / len(points)
            for state in self._states_for(point):
                for hit in itertools.count():
                    if hit == most_hits or not self._kill_at(point, hit, state):
                        break
                    self._report.points[point] = self._report.points.get(point, 0) + 1
                    yield self._report
                    if boots:
                        yield from self._kill_boots()

    def syscalls(self, most_calls: int | None = None) -> Iterator[TortureReport]:
        """Inject into the durable system calls: kill the process there, or make the call fail.

        Args:
            most_calls: the most calls per kind, thread and action, spread over all calls that the
                thread makes; ``None``: all of them. (A permanent failure starts only at every fifth
                call, because what follows is the same.)
        """
        kinds = list(itertools.product((self.fresh, self.used), THREADS, strace.CALLS))
        for place, (state, thread, call) in enumerate(kinds):
            self.share = place / len(kinds)
            made = self.strike(Injection(thread, call, "EIO", _NEVER), state).calls
            yield self._report
            for action, stays in ACTIONS if made else ():
                for number in _numbers(made, most_calls, _GOOD_STRIDE if stays else 1):
                    injection = Injection(thread, call, action, number, stays)
                    end = self.strike(injection, state)
                    if not end.struck and number > made:
                        break
                    if not end.struck:
                        continue
                    points = self._report.points
                    points[injection.series] = points.get(injection.series, 0) + 1
                    yield self._report

    def _states_for(self, point: str) -> tuple[State, ...]:
        if point in FRESH_ONLY:
            return (self.fresh,)
        return (self.fresh, self.used) if point.startswith("boot.") else (self.used,)

    def _kill_at(self, point: str, hit: int, state: State) -> bool:
        """Run one process with a kill at a hit of a point; return whether it was killed there."""
        self._torture.restore(state)
        self._torture.place.hits.unlink(missing_ok=True)
        terms = f"{hit}*off->1*kill" if hit else "1*kill"
        end = self._torture.cycle(self._job("script", f"{point}={terms}"))
        return end.killed and self._hits(point) == hit + 1

    def _kill_boots(self) -> Iterator[TortureReport]:
        """Kill the next process, too, at each point of its boot."""
        state = self._torture.save("killed")
        for boot in POINTS:
            if boot.startswith("boot.") and boot not in FRESH_ONLY:
                self._torture.restore(state)
                if self._torture.cycle(self._job("boot", f"{boot}=1*kill")).killed:
                    self._report.boots += 1
                yield self._report

    def strike(self, injection: Injection, state: State) -> End:
        """Run one process from ``state`` under an injection; return how it ended."""
        self._torture.restore(state)
        end = self._torture.cycle(self._job("script", injection=injection))
        end.struck &= end.killed or injection.action != "kill"
        return end

    def _hits(self, point: str) -> int:
        hits = self._torture.place.hits.read_bytes()
        return int(_COUNT.unpack_from(hits, _COUNT.size * POINTS.index(point))[0])

    def _job(
        self,
        work: Literal["script", "boot"],
        points: str = "",
        injection: Injection | None = None,
    ) -> Job:
        seed = self._report.seed
        return Job(seed, seed, work, failpoints=points, injection=injection)


def _numbers(made: int, most: int | None, stride: int) -> Iterable[int]:
    """Return the numbers of the calls to inject into, of about ``made``."""
    if most is None:
        return itertools.count(1, stride)
    if most >= made:
        return range(1, made + 1, stride)
    # Spread out: the middle of each of ``most`` equal parts.
    return [1 + (2 * part + 1) * made // (2 * most) for part in range(most)]
