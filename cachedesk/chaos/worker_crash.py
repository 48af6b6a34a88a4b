"""The fault of the flush worker: a crash at a failpoint."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from cachedesk.core.errors import ConfigError
from cachedesk.core.failpoints import POINTS, Failpoints
from cachedesk.core.fault import Fault

WORKER_POINTS = tuple(point for point in POINTS if point.startswith("worker."))


class WorkerCrash(Fault):
    """The worker dies at a failpoint. It does not flush, roll back or acknowledge anything."""

    name, title = "worker.crash", "crash the worker in the middle of a flush"
    argument, choices = "a failpoint of the worker", WORKER_POINTS
    usual = "worker.apply.mid_batch"

    def __init__(self, failpoints: Failpoints, flushes: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            failpoints: the points at which the worker can crash.
            flushes: returns whether the worker flushes; without the log nothing reaches it.
        """
        self._failpoints = failpoints
        self._flushes = flushes
        self._armed: dict[str, object] = {}
        self._missed: set[str] = set()

    @classmethod
    def check(cls, argument: str) -> None:
        if argument and argument not in WORKER_POINTS:
            near = difflib.get_close_matches(argument, WORKER_POINTS, n=1, cutoff=0.3)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(WORKER_POINTS)}"
            raise ConfigError(f"the worker has no failpoint {argument!r}; {hint}")

    def obstacle(self, argument: str = "") -> str:
        if not self._flushes():
            return "the log is off, so the worker has nothing to flush"
        point = argument or self.usual
        if point in self._failpoints.armed() and not self._failpoints.spent(point):
            return f"the failpoint {point} is armed already"
        return ""

    def inject(self, argument: str = "") -> str:
        point = argument or self.usual
        self._missed.discard(point)
        self._armed[point] = self._failpoints.arm(point, "1*crash")
        where = f"at {point}" if argument else "in the middle of its next batch"
        return f"the worker will crash {where}"

    def heal(self) -> None:
        waiting = self._failpoints.waiting()
        while self._armed:
            point, terms = self._armed.popitem()
            if point in waiting:
                self._missed.add(point)
            # Terms that another caller has armed at this point since then stay armed.
            self._failpoints.disarm(point, terms)

    def armed(self) -> tuple[str, ...]:
        waiting = self._failpoints.waiting()
        return tuple(point for point in self._armed if point in waiting)

    def missed(self, argument: str = "") -> str:
        point = argument or self.usual
        waits = point in self._armed and point in self._failpoints.waiting()
        return f"the worker never reached {point}" if waits or point in self._missed else ""
