"""Cycles: fork a process, let it work, kill it, judge the files that it left; repeat."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cachedesk.core.errors import DataDirectoryError
from cachedesk.lab.torture import leftovers, plan
from cachedesk.lab.torture.expected import IMAGE_BYTES
from cachedesk.lab.torture.job import Base, Job, State, TorturePaths, copy_files, empty
from cachedesk.lab.torture.judge import Judge
from cachedesk.lab.torture.process import End, run
from cachedesk.lab.torture.torture_report import TortureReport

_DRAIN_EVERY = 10
_MOST_SENTENCES = 20


class Cycle(msgspec.Struct, frozen=True):
    """One cycle, as it is saved to be repeated, beside the files from before it; ``image``: of the
    expected state."""

    mode: str
    seed: int
    number: int
    job: Job
    base: Base
    image: bytes
    broken: list[str]


class Stopped(Exception):
    """The torture was stopped."""


class Torture:
    """A series of cycles on one data directory. Close it, or use ``with``."""

    def __init__(self, folder: Path, seed: int, mode: str, failpoints: str = "") -> None:
        """Prepare in an empty ``folder``: the data directory and the judge's files beside it.

        Args:
            folder: the folder.
            seed: determines the writes, the times of the kills and the faults.
            mode: named in the report.
            failpoints: armed in every process under test, as ``point=terms;…``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.place = TorturePaths(folder, Path(tempfile.mkdtemp(prefix="cachedesk-")))
        self.judge = Judge(seed, self.place)
        self.report = TortureReport(seed, mode)
        self._began = time.monotonic()
        self._number = 0
        self._failpoints = failpoints
        self._counted_writes = 0
        self._last: Cycle | None = None
        self._pid: int | None = None
        self.stopped = False
        """Whether ``stop`` was called."""

    def __enter__(self) -> Torture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what the last killed process left outside the folder: Redis's socket."""
        leftovers.left_behind(self.place, killed=True)
        shutil.rmtree(self.place.sockets, ignore_errors=True)

    def random(self, cycles: int) -> Iterator[TortureReport]:
        """Kill at random moments, from the first instruction on, with random faults."""
        for number in range(cycles):
            rng = random.Random(f"{self.report.seed}/{number}")
            early, late = rng.uniform(0.0, 0.15), rng.uniform(0.1, 0.7)
            job = Job(
                self.report.seed,
                rng.getrandbits(32),
                "free",
                seconds=rng.uniform(0.1, 0.6),
                # One in five is not killed: then it must also be able to drain.
                kill_after=rng.choice((early, late, late, late, None)),
            )
            self.cycle(job)
            yield self.report

    def replay(self, cycle: Cycle, before: Path, times: int) -> Iterator[TortureReport]:
        """Repeat a kept cycle, each time from the files in ``before``.

        The files, the writes, the settings, the faults and the time of the kill are the same; only
        the scheduling of threads differs.
        """
        state = State(before, cycle.image, cycle.base)
        for number in range(1, times + 1):
            self.restore(state)
            self._number = number
            broken = len(self.report.broken)
            self.repeat(cycle.job)
            self.report.broke += len(self.report.broken) > broken
            yield self.report

    def stop(self) -> None:
        """End the current cycle now; no other one begins. (For a signal handler.)"""
        self.stopped = True
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)

    def finish(self) -> TortureReport:
        """Open, read, drain and check once more."""
        self._report_violations(self.judge.drain(0))
        self.report.seconds = time.monotonic() - self._began
        return self.report

    def cycle(self, job: Job) -> End:
        """Run one process under test, judge the files that it left, and count it in the report."""
        self._number += 1
        if self._number % _DRAIN_EVERY == 0:
            job = msgspec.structs.replace(job, drain_seed=job.cycle_seed)
        if self._failpoints:
            armed = ";".join(filter(None, (self._failpoints, job.failpoints)))
            job = msgspec.structs.replace(job, failpoints=armed)
        return self.repeat(job)

    def repeat(self, job: Job) -> End:
        """Like ``cycle``, but exactly according to ``job``.

        Raises:
            Stopped: ``stop`` was called.
        """
        if self.stopped:
            raise Stopped
        descriptors = leftovers.descriptors()
        copy_files(self.place.data, self.place.before)
        report = self.report
        self._last = Cycle(
            report.mode,
            report.seed,
            self._number,
            job,
            list(self.judge.base),
            self.judge.image,
            [],
        )
        tallies = self.judge.tallies()
        try:
            end = run(self.place, job, list(self.judge.base), self._lives)
        finally:
            # A failure after a stop is not counted.
            if self.stopped:
                raise Stopped
        self._tally(tallies)
        self._report_violations(end.violations)
        disk_failed = end.struck and not end.killed
        self._report_violations(
            leftovers.left_behind(self.place, killed=end.killed, disk_failed=disk_failed)
        )
        self._report_violations(self.judge.check_directory())
        if job.drain_seed is not None:
            self._report_violations(self.judge.drain(job.drain_seed))
        # Fewer are no leak: the garbage of an earlier use of this process was collected.
        if (left := leftovers.descriptors() - descriptors) > 0:
            self._report_violations([f"{left} file descriptors were left open"])
        self._count(end)
        return end

    def save(self, name: str) -> State:
        """Save the files and the expected state under ``name``, to start from again."""
        folder = self.place.folder / name
        copy_files(self.place.data, folder)
        return State(folder, self.judge.image, list(self.judge.base))

    def restore(self, state: State) -> None:
        """Restore a saved ``state``."""
        copy_files(state.data, self.place.data)
        empty(self.place.sockets)
        self.judge.restore(state.image, state.base)

    def keep(self) -> Path:
        """Keep the last cycle for inspection and for ``replay``: the files ``before`` and ``after``
        it, and ``cycle.json``; everything else in the folder is removed."""
        folder = self.place.folder
        if self.place.data.exists():
            self.place.data.rename(folder / "after")
        for path in folder.iterdir():
            if path.name not in {"before", "after"}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if self._last is not None:
            cycle = msgspec.structs.replace(self._last, broken=self.report.broken)
            (folder / "cycle.json").write_bytes(msgspec.json.format(msgspec.json.encode(cycle)))
        return folder

    def _lives(self, pid: int | None) -> None:
        self._pid = pid
        if self.stopped and pid is not None:
            os.kill(pid, signal.SIGKILL)

    def _report_violations(self, sentences: list[str]) -> None:
        if len(sentences) > _MOST_SENTENCES:
            more = len(sentences) - _MOST_SENTENCES
            sentences = [*sentences[:_MOST_SENTENCES], f"and {more:,} more like these"]
        self.report.broken += [f"cycle {self._number}: {sentence}" for sentence in sentences]

    def _tally(self, before: tuple[int, int, int]) -> None:
        # As differences, because restoring a state resets the tallies.
        report = self.report
        writes, reads, unavailable = self.judge.tallies()
        report.writes += writes - before[0]
        report.reads += reads - before[1]
        report.unavailable += unavailable - before[2]

    def _count(self, end: End) -> None:
        report = self.report
        report.seconds = time.monotonic() - self._began
        report.cycles += 1
        if not end.killed:
            report.ends += 1
            return
        report.kills += 1
        if report.writes > self._counted_writes:
            report.staked += 1
            self._counted_writes = report.writes


def load(folder: Path) -> Cycle:
    """Return the cycle that was kept in ``folder``.

    Raises:
        DataDirectoryError: it is not such a folder, cannot be read, or is of another version.
    """
    try:
        cycle = msgspec.json.decode((folder / "cycle.json").read_bytes(), type=Cycle)
    except (OSError, msgspec.MsgspecError) as error:
        raise DataDirectoryError(
            f"{folder} cannot be replayed: {error}; name a folder kept by cachedesk torture"
        ) from error
    if len(cycle.image) != IMAGE_BYTES or len(cycle.base) != plan.KEYS:
        raise DataDirectoryError(f"{folder} was kept by another version of cachedesk; use that one")
    return cycle
