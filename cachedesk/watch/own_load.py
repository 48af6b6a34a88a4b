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

ROUND_TRIP_SECONDS = 30e-6
"""Server time of a round trip beside its commands: waking up, one read, one write."""

CALL_SECONDS = 2.5e-6
"""Server time of a call in a round trip beside its execution: parsing it, its reply."""

FIRST_GUESS = 1.0
"""The share of a window that MONITOR is supposed to take from the server before it was measured."""

_LEAST_SHARE = 0.005
_FEW_COMMANDS, _ENOUGH_COMMANDS = 20, 100_000
"""From how many commands on it is known what one takes, and how many are averaged over."""

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


@dataclass(frozen=True, slots=True)
class _Window:
    """What the server spent while MONITOR was on, and on how many commands.

    Attributes:
        cpu: CPU seconds between the markers; ``commands`` in the same time.
        least: what it must have cost, in seconds; ``most``: how long the markers were apart.
        scale: how much longer MONITOR was on than the markers were apart.
    """

    cpu: float
    commands: int
    least: float
    most: float
    scale: float

    def extra(self, usual: float) -> float:
        """Return what MONITOR has cost, where a command usually takes so many CPU seconds."""
        extra = max(self.cpu - usual * self.commands, self.least)
        return min(extra, self.most) * self.scale


class MonitorCost:
    """Measures what MONITOR takes from the server while it is on."""

    def __init__(self) -> None:
        self._last: ServerFigures | None = None
        self._outside_cpu = 0.0
        self._outside_commands = 0.0
        self._settled = 0.0
        # Windows before it was known what a command usually takes.
        self._unsettled: list[_Window] = []
        self.windows = 0
        self.window_seconds = 0.0

    @property
    def spent(self) -> float:
        """Seconds of the server's time, in all windows."""
        return self._settled + sum(window.extra(0.0) for window in self._unsettled)

    @property
    def share(self) -> float:
        """The share of a window that it takes, 0 to 1."""
        if not self.window_seconds:
            return FIRST_GUESS
        return min(1.0, max(_LEAST_SHARE, self.spent / self.window_seconds))

    def forget(self) -> None:
        """Forget the last figures: the server was restarted, or not watched for a while."""
        self._last = None

    def look(self, figures: ServerFigures) -> None:
        """Note figures from outside of a window: what a command takes without MONITOR."""
        last, self._last = self._last, figures
        if last is None or figures.commands <= last.commands:
            return
        if self._outside_commands > _ENOUGH_COMMANDS:
            # The newer a measurement is, the more it counts.
            self._outside_cpu /= 2
            self._outside_commands /= 2
        self._outside_cpu += max(0.0, figures.cpu_seconds - last.cpu_seconds)
        self._outside_commands += figures.commands - last.commands
        self._settle()

    def add(self, window: MonitorWindow) -> None:
        """Note a window."""
        before, after = window.before, window.after
        self.look(before)
        self._last = after
        apart = max(1e-6, after.at - before.at)
        self._unsettled.append(
            _Window(
                max(0.0, after.cpu_seconds - before.cpu_seconds),
                max(0, after.commands - before.commands),
                len(window.lines) * _LINE_SECONDS,
                apart,
                window.seconds / apart,
            )
        )
        self.windows += 1
        self.window_seconds += window.seconds
        self._settle()

    def _settle(self) -> None:
        if self._outside_commands < _FEW_COMMANDS:
            return
        usual = self._outside_cpu / self._outside_commands
        self._settled += sum(window.extra(usual) for window in self._unsettled)
        self._unsettled.clear()
