"""Runs the bench: opens all rivals in a scratch folder, and measures one workload after another."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cachedesk.lab.bench.engines import Engines
from cachedesk.lab.bench.mixed import mixed
from cachedesk.lab.bench.ours import Ours
from cachedesk.lab.bench.peers import missing, open_peers
from cachedesk.lab.bench.programs import crashed_directory
from cachedesk.lab.bench.redis_calls import ByBareSocket, ByRedisPy
from cachedesk.lab.bench.rivals import LIMIT, Rival, Row
from cachedesk.lab.bench.rounds import Effort, run_rounds, steps
from cachedesk.lab.bench.server import RivalsServer
from cachedesk.lab.bench.workloads import BENCH_WORKLOADS, MIXED, PENDING_AT_THE_KILL

BARE = "bare socket"


@dataclass(frozen=True, slots=True)
class BenchProgress:
    """The progress of the bench: the current step, and ``done`` of ``of`` laps."""

    title: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Bench:
    """The results of a bench. ``absent``: peers that are not installed."""

    rows: tuple[Row, ...]
    effort: Effort
    absent: tuple[str, ...]


def bench(effort: Effort, announce: Callable[[BenchProgress], object]) -> Bench:
    """Measure everything.

    Args:
        effort: how thoroughly to measure.
        announce: called before each lap.
    """
    with ExitStack() as leaving:
        scratch = leaving.enter_context(tempfile.TemporaryDirectory(prefix="cachedesk-bench-"))
        folder = Path(scratch)
        announce(BenchProgress("killing a stack with a large backlog", 0, 1))
        crashed = crashed_directory.make(folder, round(PENDING_AT_THE_KILL * effort.share))
        leaving.callback(crashed_directory.clear_up, crashed)
        announce(BenchProgress("opening all engines", 0, 1))
        rivals: list[Rival] = []

        def close_all() -> None:
            while rivals:
                rivals.pop().close()

        leaving.callback(close_all)
        ours = Ours(folder, effort, crashed)
        rivals.append(ours)
        server = RivalsServer(folder / "redis")
        # The rivals must be closed before the server: callbacks run in reverse order.
        leaving.callback(server.close)
        leaving.callback(close_all)
        socket_path = server.socket_path
        for name, calls in ((LIMIT, ByRedisPy), (BARE, ByBareSocket)):
            where = folder / name.replace(" ", "-")
            rivals.append(Engines(name, where, calls(socket_path), effort, crashed))
        rivals += open_peers(folder, socket_path, effort.share)
        laps = [rival.laps() for rival in rivals]
        # Freeze the open objects, so that the collections before each lap do not scan them.
        gc.collect()
        gc.freeze()
        leaving.callback(gc.unfreeze)
        of = sum(steps(work, laps, effort) for work in BENCH_WORKLOADS) + 2 * effort.long_rounds
        done = 0
        rows: list[Row] = []
        for work in (*BENCH_WORKLOADS, MIXED):

            def stepped(title: str = work.title) -> None:
                nonlocal done
                done += 1
                announce(BenchProgress(title, min(done, of), of))

            announce(BenchProgress(work.title, done, of))
            if work is MIXED:
                close_all()
                rows.append(mixed(folder, effort, stepped))
            else:
                rows.append(run_rounds(work, rivals, effort, stepped))
        return Bench(tuple(rows), effort, tuple(missing()))
