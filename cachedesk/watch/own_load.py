"""What watching costs the server, in seconds of its time: measured where the server says it, and
estimated on the high side where it does not.

Of each command the server says how long its calls took on average (``INFO commandstats``); reading
the request and writing the reply come on top, once per round trip and a little per call. MONITOR
itself takes no time, but each command of each client takes more while it is on. That is measured as
CPU time per command within a window, less the same outside of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cachedesk.core.watched_server import CommandCost, MonitorWindow, OwnCalls, ServerFigures

ROUND_TRIP_SECONDS = 25e-6
"""Server time of a round trip beside its commands: waking up, one read, one write."""

CALL_SECONDS = 1.5e-6
"""Server time of a call in a round trip beside its execution: parsing it, its reply."""

FIRST_GUESS = 1.0
"""The share of a window that MONITOR is supposed to take from the server before it was measured."""

_LEAST_SHARE = 0.005
_LINE_SECONDS = 1e-6
"""A line of MONITOR costs the server at least that: below it the measurement is noise."""


@dataclass(frozen=True, slots=True)
class OwnLoad:
    """What watching has cost so far.

    Attributes:
        seconds: how long it is watched.
        spent: by what it was spent for, seconds of the server's time.
        budget: the share that may be spent.
        windows: how many windows of MONITOR there were; ``window_seconds``: how long in all.
        monitor_share: the share of a window that MONITOR takes from the server.
    """

    seconds: float = 0.0
    spent: tuple[tuple[str, float], ...] = ()
    budget: float = 0.01
    windows: int = 0
    window_seconds: float = 0.0
    monitor_share: float = FIRST_GUESS

    @property
    def share(self) -> float:
        """The share of the server's time that watching has taken."""
        return sum(spent for _, spent in self.spent) / self.seconds if self.seconds > 0 else 0.0


def calls_seconds(calls: Iterable[OwnCalls], costs: Mapping[str, float]) -> dict[str, float]:
    """Return the server time of our calls, by command.

    Args:
        calls: what was asked.
        costs: what a call takes on average, by command, in seconds.
    """
    return {
        each.name: min(
            each.seconds,
            each.calls * (costs.get(each.name, 0.0) + CALL_SECONDS)
            + each.round_trips * ROUND_TRIP_SECONDS,
        )
        for each in calls
    }


def average_costs(said: Iterable[CommandCost]) -> dict[str, float]:
    """Return what a call takes on average, by command, in seconds."""
    averages = {each.name: each.seconds / each.calls for each in said if each.calls}
    if "memory" in averages:
        # Before Redis 7 all of MEMORY is one.
        averages.setdefault("memory|usage", averages["memory"])
    return averages


class MonitorCost:
    """Measures what MONITOR takes from the server while it is on."""

    def __init__(self) -> None:
        self._last: ServerFigures | None = None
        self._outside_cpu = 0.0
        self._outside_commands = 0
        self.spent = 0.0
        """Seconds of the server's time, in all windows."""
        self.windows = 0
        self.window_seconds = 0.0

    @property
    def share(self) -> float:
        """The share of a window that it takes, 0 to 1."""
        if not self.window_seconds:
            return FIRST_GUESS
        return min(1.0, max(_LEAST_SHARE, self.spent / self.window_seconds))

    def forget(self) -> None:
        """Forget the last figures: the server was restarted, or not watched for a while."""
        self._last = None

    def add(self, window: MonitorWindow) -> None:
        """Note a window."""
        before, after = window.before, window.after
        if self._last is not None and before.commands >= self._last.commands:
            # The newer a measurement is, the more it counts.
            self._outside_cpu = self._outside_cpu / 2 + before.cpu_seconds - self._last.cpu_seconds
            outside = before.commands - self._last.commands
            self._outside_commands = self._outside_commands // 2 + outside
        self._last = after
        cpu = max(0.0, after.cpu_seconds - before.cpu_seconds)
        commands = max(0, after.commands - before.commands)
        usual = self._outside_cpu / self._outside_commands if self._outside_commands else 0.0
        counted = max(1e-6, after.at - before.at)
        extra = max(cpu - usual * commands, len(window.lines) * _LINE_SECONDS)
        self.spent += min(extra, counted) * window.seconds / counted
        self.windows += 1
        self.window_seconds += window.seconds
