"""The budget is kept, beside a server whose time is counted, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cachedesk.core.watched_server import (
    ChooseKeys,
    CommandCost,
    MonitorWindow,
    OwnCalls,
    Probe,
    ScanPage,
    ServerFigures,
    WindowPlan,
)
from cachedesk.watch.own_load import CALL_SECONDS, ROUND_TRIP_SECONDS
from cachedesk.watch.watcher import Watcher

from .windows import ASKING, MARKER, PROBING, line

COMMAND_SECONDS = 10e-6
OWN_SECONDS = 20e-6
KEYS = 100_000


class CountedServer:
    """A server with so many commands a second; MONITOR makes each take so much longer."""

    address, database = "redis://counted:6379", 0

    def __init__(self, per_second: int, monitor_seconds: float) -> None:
        self.now = 1000.0
        self.watched_seconds = 0.0
        """Its own time that watching has taken."""
        self._per_second = per_second
        self._monitor_seconds = monitor_seconds
        self._asked: dict[str, tuple[int, int]] = {}

    def figures(self) -> ServerFigures:
        self._ask("info", 8)
        commands = round((self.now - 1000) * self._per_second)
        return ServerFigures(
            at=self.now,
            uptime_seconds=self.now,
            hits=commands // 2,
            commands=commands,
            cpu_seconds=commands * COMMAND_SECONDS + self.watched_seconds,
            keys=KEYS,
            costs=tuple(
                CommandCost(name, 100, 100 * OWN_SECONDS)
                for name in ("info", "scan", "memory|usage")
            ),
        )

    def scan(self, cursor: int, count: int) -> ScanPage:
        self._ask("scan", 1)
        after = (cursor + count) % KEYS
        return ScanPage(after, tuple(b"a:%d" % it for it in range(cursor, cursor + count)))

    def sizes(self, keys: Sequence[bytes]) -> tuple[int | None, ...]:
        self._ask("memory|usage", len(keys))
        return tuple(50 for _ in keys)

    def monitor(self, plan: WindowPlan, choose: ChooseKeys) -> MonitorWindow:
        before = self.figures()
        shown = round(plan.seconds * self._per_second)
        reads = [line(self.now, b"GET", b"a:%d" % it) for it in range(min(shown, plan.most_lines))]
        chosen = choose(reads)
        probes = tuple(map(Probe, chosen, self.sizes(chosen)))
        probing = [line(self.now, b"mEMORY", b"uSAGE", key) for key in chosen]
        marks = line(self.now, b"iNfO", b"sTATs")
        self._pass(plan.seconds)
        self.watched_seconds += plan.seconds * self._per_second * self._monitor_seconds
        after = self.figures()
        self._pass(plan.tail_seconds)
        self.watched_seconds += plan.tail_seconds * self._per_second * self._monitor_seconds
        return MonitorWindow(
            (marks, *reads, *probing, marks), MARKER, ASKING, PROBING, probes, before, after,
            plan.seconds + plan.tail_seconds,
        )  # fmt: skip

    def calls(self) -> tuple[OwnCalls, ...]:
        return tuple(
            OwnCalls(name, calls, trips, 1e9) for name, (calls, trips) in self._asked.items()
        )

    def close(self) -> None:
        pass

    def _ask(self, name: str, calls: int) -> None:
        before = self._asked.get(name, (0, 0))
        self._asked[name] = before[0] + calls, before[1] + 1
        self.watched_seconds += calls * (OWN_SECONDS + CALL_SECONDS) + ROUND_TRIP_SECONDS
        self._pass(0.0005)

    def _pass(self, seconds: float) -> None:
        self.now += seconds


def watched(
    server: CountedServer, budget: float, *, monitor: bool = True, seconds: float = 180
) -> Watcher:
    """Watch ``server`` for so many seconds of its time."""
    watcher = Watcher(lambda: server, budget, monitor=monitor, clock=lambda: server.now)
    while server.now < 1000 + seconds:
        server.now += max(watcher.step(), 0.0001)
    return watcher


@pytest.mark.parametrize("budget", [0.002, 0.01, 0.05])
@pytest.mark.parametrize(("per_second", "extra"), [(100, 3e-6), (5_000, 5e-6), (50_000, 12e-6)])
def test_what_is_taken_is_within_the_budget_and_is_what_is_said(
    budget: float, per_second: int, extra: float
) -> None:
    server = CountedServer(per_second, extra)
    load = watched(server, budget).snapshot().load
    taken = server.watched_seconds / 180
    assert taken <= 1.15 * budget
    assert load.share == pytest.approx(taken, rel=0.25)
    assert load.windows >= 2


def test_a_cheap_monitor_is_on_for_a_quarter_of_the_time_at_most() -> None:
    server = CountedServer(10, 1e-6)
    load = watched(server, 0.2).snapshot().load
    assert 0.15 < load.window_seconds / load.seconds <= 0.26


def test_keys_have_their_turn_beside_a_monitor_that_may_always_be_on() -> None:
    server = CountedServer(1_000, 1e-6)
    found = watched(server, 1.0, seconds=30).snapshot()
    assert found.load.window_seconds / found.load.seconds > 0.5
    assert found.memory.sampled > 10_000


def test_without_monitor_all_of_the_budget_is_for_keys() -> None:
    server = CountedServer(1_000, 1.0)
    found = watched(server, 0.01, monitor=False).snapshot()
    assert found.load.windows == 0
    assert server.watched_seconds / 180 <= 0.0115
    assert found.memory.sampled > 10_000
