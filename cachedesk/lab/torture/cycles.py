"""Cycles: fork, let it work, kill it, judge what it left; again."""

from __future__ import annotations

import os
import random
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cachedesk.engine import failpoints
from cachedesk.engine.redis_server import RedisServer
from cachedesk.engine.settings import RedisSettings
from cachedesk.lab.torture.judge import Judge, wait_for_orphans
from cachedesk.lab.torture.subject import Orders, fork

_DRAIN_EVERY = 10
_LONGEST_SECONDS = 60.0


@dataclass(slots=True)
class Report:
    """What a torture came to. ``cycles`` counts those in which the process really was killed;
    ``broken`` are the broken promises, each with its cycle."""

    seed: int
    mode: str
    cycles: int = 0
    ends: int = 0
    writes: int = 0
    reads: int = 0
    unavailable: int = 0
    points: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class End:
    """How a process under test ended: by SIGKILL or by itself, and what it said."""

    killed: bool
    accusations: list[str]


class Torture:
    """A series of cycles on one data directory."""

    def __init__(self, folder: Path, seed: int, mode: str) -> None:
        """Prepare in an empty ``folder``: the data directory and the judge's files beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._data = folder / "data"
        self._expected = folder / "expected"
        self._hits = folder / "hits"
        self._judge = Judge(seed, self._data, self._expected)
        self.report = Report(seed, mode)
        self._began = time.monotonic()
        self._number = 0

    def __enter__(self) -> Torture:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what the last killed process left outside of the folder: Redis's socket."""
        if self._data.exists():
            RedisServer(self._data, RedisSettings()).close()

    def random(self, cycles: int) -> Iterator[Report]:
        """Kill at random moments, from the first instruction on, while random faults strike."""
        for number in range(cycles):
            dice = random.Random(f"{self.report.seed}/{number}")
            orders = self._orders(dice.getrandbits(32), dice.uniform(0.1, 0.6))
            early, late = dice.uniform(0.0, 0.15), dice.uniform(0.1, 0.7)
            # One in five may end in order: then it must also be able to drain.
            kill_after = dice.choice((early, late, late, late, None))
            yield self._cycle(orders, kill_after)

    def failpoints(self, most_hits: int, *, boot_again: bool = False) -> Iterator[Report]:
        """Kill at each failpoint, at its first hit, its second, … until it is no longer reached.

        Args:
            most_hits: go no further than this hit.
            boot_again: after each, kill once more at each point of the boot.
        """
        boots = [point for point in failpoints.POINTS if point.startswith("boot.")]
        for point in _in_order():
            for hit in range(most_hits):
                if point == "boot.index.mid":
                    # It is reached only if something is pending at the boot.
                    self._kill_at("worker.read.after", 0)
                if not self._kill_at(point, hit):
                    break
                self.report.points[point] = hit + 1
                yield self.report
                for boot in boots if boot_again else ():
                    self._kill_at(boot, 0)
                    yield self.report

    def finish(self) -> Report:
        """Open, read, drain and check a last time."""
        self._accuse(self._judge.drain(0))
        return self._counted()

    def _kill_at(self, point: str, hit: int) -> bool:
        """Run one process that is killed at a hit of a point; return whether it was."""
        self._hits.unlink(missing_ok=True)
        terms = f"{hit}*off->1*kill" if hit else "1*kill"
        orders = self._orders(
            random.Random(f"{self.report.seed}/{point}/{hit}").getrandbits(32),
            0.6,
            f"{point}={terms}",
        )
        before = self.report.cycles
        self._cycle(orders, None)
        return self.report.cycles > before

    def _orders(self, cycle_seed: int, seconds: float, points: str = "") -> Orders:
        return Orders(
            self._data,
            self._expected,
            self._hits,
            self.report.seed,
            cycle_seed,
            seconds,
            points,
        )

    def _cycle(self, orders: Orders, kill_after: float | None) -> Report:
        self._number += 1
        end = _run(orders, self._judge.base, kill_after)
        if end.killed:
            self.report.cycles += 1
        else:
            self.report.ends += 1
        self._accuse(end.accusations)
        self._accuse(wait_for_orphans(self._data))
        self._accuse(self._judge.examine())
        if self._number % _DRAIN_EVERY == 0:
            self._accuse(self._judge.drain(orders.cycle_seed))
        return self._counted()

    def _accuse(self, sentences: list[str]) -> None:
        self.report.broken += [f"cycle {self._number}: {sentence}" for sentence in sentences]

    def _counted(self) -> Report:
        report = self.report
        report.writes, report.reads, report.unavailable = self._judge.tallies()
        report.seconds = time.monotonic() - self._began
        return report


def _in_order() -> list[str]:
    """Return all failpoints: first the one that only a new data directory reaches, and those of
    the boot last, when there is something to recover."""
    first = "boot.epoch.before"
    return [first, *(point for point in reversed(failpoints.POINTS) if point != first)]


def _run(orders: Orders, base: list[tuple[int, bytes | None]], kill_after: float | None) -> End:
    """Run one process under test and return how it ended."""
    pid, reading = fork(orders, base)
    try:
        heard = _listen(pid, reading, kill_after)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(reading)
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    accusations = heard.decode(errors="replace").splitlines()
    if not killed and os.waitstatus_to_exitcode(status) != 0 and not accusations:
        accusations = [f"it ended with {os.waitstatus_to_exitcode(status)} and said nothing"]
    return End(killed, accusations)


def _listen(pid: int, reading: int, kill_after: float | None) -> bytes:
    """Return what the process says until it ends; kill it after ``kill_after`` seconds, or when
    it takes so long that it must hang."""
    began = time.monotonic()
    heard = b""
    limit = _LONGEST_SECONDS if kill_after is None else kill_after
    killed = False
    while True:
        left = max(0.0, began + limit - time.monotonic())
        ready, _, _ = select.select([reading], [], [], left)
        if ready:
            chunk = os.read(reading, 65536)
            if not chunk:
                return heard
            heard += chunk
            continue
        os.kill(pid, signal.SIGKILL)
        if killed or kill_after is None:
            heard += b"it hung and had to be killed\n"
        killed, limit = True, limit + _LONGEST_SECONDS
