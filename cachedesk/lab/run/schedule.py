"""The schedule: injects faults at a time or after a number of operations."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cachedesk.core.errors import CachedeskError, ConfigError
from cachedesk.stack.fault_catalog import check_duration, known

_TIME = r"\d+(?:\.\d+)?(?:ms|s|m)"
_WHEN = re.compile(rf"(?:(?P<time>{_TIME})|(?P<count>\d+)ops?)(?:\+(?P<lasting>{_TIME}))?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault and its time: ``at_seconds`` from the start, or ``after_ops`` operations.
    ``lasting_seconds``: its duration; ``None``: until the end of the run, or until it ends by
    itself."""

    name: str
    when: str
    at_seconds: float = _NEVER
    after_ops: float = _NEVER
    lasting_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """The result of a planned fault. ``seconds`` and ``ops``: when it was injected, from the start;
    ``None``: never. ``said``: the result in a sentence. ``lasting_seconds``: its planned duration;
    ``lasted_seconds``: its actual duration, if it was healed sooner."""

    name: str
    when: str
    injected: bool
    seconds: float | None
    ops: int | None
    said: str
    lasting_seconds: float | None = None
    lasted_seconds: float | None = None


def planned(text: str) -> PlannedFault:
    """Parse ``NAME@WHEN``: ``redis.kill@5s``, ``worker.crash@10000ops``, with an argument
    ``worker.crash:worker.ack.before@5s``; a lasting fault may have a duration:
    ``database.lock@4s+2s``.

    Raises:
        ConfigError: there is no such fault (the message suggests the nearest), the time is invalid,
            or the fault cannot have a duration.
    """
    name, at, when = text.partition("@")
    match = _WHEN.fullmatch(when)
    if not at or not name:
        raise ConfigError(
            f"write a fault as NAME@WHEN, like redis.kill@5s or worker.crash@10000ops, not {text!r}"
        )
    known(name)
    if match is None:
        raise ConfigError(
            f"fault {name}: {when!r} is not a time; write 5s, 500ms, 2m or 10000ops, and 4s+2s for"
            " one that begins after 4 s and lasts 2 s"
        )
    lasting = _seconds(match["lasting"]) if match["lasting"] else None
    if lasting is not None:
        check_duration(name, lasting)
    if match["count"]:
        return PlannedFault(name, when, after_ops=int(match["count"]), lasting_seconds=lasting)
    return PlannedFault(name, when, at_seconds=_seconds(match["time"]), lasting_seconds=lasting)


def _seconds(text: str) -> float:
    number = text.rstrip("ms")
    return float(number) * _SECONDS[text[len(number) :]]


class Schedule:
    """Injects planned faults at their times, on a separate thread, because some take a while."""

    def __init__(
        self, faults: Iterable[PlannedFault], inject: Callable[[str, float | None], str]
    ) -> None:
        """Prepare to call ``inject`` with the name and the duration of each fault at its time."""
        self._waiting = list(faults)
        self._inject = inject
        self._results: list[InjectedFault] = []
        self._next_ops = min((fault.after_ops for fault in self._waiting), default=_NEVER)
        self._ops = self._reached = 0
        self._due = threading.Event()
        self._closing = False
        self._began = 0.0
        self._thread = threading.Thread(target=self._keep, name="fault-schedule", daemon=True)

    def start(self) -> None:
        """Start the clock."""
        self._began = time.monotonic()
        if self._waiting:
            self._thread.start()

    def count(self, ops: int) -> None:
        """Note that ``ops`` operations have ended."""
        self._ops = ops
        if ops >= self._next_ops:
            # A separate maximum: clients count concurrently, and a late one may lower ``_ops``.
            self._reached = max(self._reached, ops)
            self._due.set()

    def finish(self) -> Sequence[InjectedFault]:
        """Stop injecting and return the result of each fault."""
        self._closing = True
        self._due.set()
        if self._thread.ident is not None:
            self._thread.join()
        late = (
            InjectedFault(fault.name, fault.when, False, None, None, "the run ended before it")
            for fault in self._waiting
        )
        return [*self._results, *late]

    def _keep(self) -> None:
        while not self._closing and self._waiting:
            now = time.monotonic() - self._began
            # Cleared before the check, so that no later count is missed.
            self._due.clear()
            for fault in [fault for fault in self._waiting if self._is_due(fault, now)]:
                self._waiting.remove(fault)
                self._results.append(self._try(fault))
            self._next_ops = min((fault.after_ops for fault in self._waiting), default=_NEVER)
            next_at = min((fault.at_seconds for fault in self._waiting), default=_NEVER)
            if self._reached < self._next_ops and not self._closing:
                left = next_at - (time.monotonic() - self._began)
                self._due.wait(None if left == _NEVER else max(0.0, left))

    def _is_due(self, fault: PlannedFault, now: float) -> bool:
        return fault.at_seconds <= now or fault.after_ops <= self._reached

    def _try(self, fault: PlannedFault) -> InjectedFault:
        seconds, ops = time.monotonic() - self._began, self._ops
        try:
            said, injected = self._inject(fault.name, fault.lasting_seconds), True
        except CachedeskError as error:
            said, injected = str(error), False
        return InjectedFault(
            fault.name, fault.when, injected, seconds, ops, said, fault.lasting_seconds
        )
