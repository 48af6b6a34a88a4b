"""Runs a torture for a user: with a progress bar, a clean end, and the files of a failure."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cachedesk.console.signals import Signals
from cachedesk.lab.torture import strace
from cachedesk.lab.torture.cycles import Stopped, Torture, load
from cachedesk.lab.torture.points import Points
from cachedesk.lab.torture.torture_report import TortureReport

RANDOM_CYCLES = 100
REPLAYS = 10

_Series = tuple[Iterator[TortureReport], Callable[[], float]]
"""The reports after each cycle, and a function that returns the share that is done, 0 to 1."""


def play(
    mode: str, cycles: int | None, seed: int, *, boots: bool = False, failpoints: str = ""
) -> tuple[TortureReport, int]:
    """Torture a new data directory in a temporary folder until the first broken promise.

    Args:
        mode: ``random``, ``failpoints`` or ``syscalls``.
        cycles: the number of random cycles (default 100), or the most hits of each failpoint, or
            the most calls of each kind (default: all).
        seed: determines the writes, the times of the kills and the faults.
        boots: in the mode failpoints, kill a second time at each point of the next boot.
        failpoints: armed in every process under test, as ``point=terms;…``.

    Returns:
        The report, and the exit status. If a promise was broken, the report also names the folder
        in which the files are kept.

    Raises:
        StraceError: the mode is ``syscalls``, and strace cannot be used.
    """
    if mode == "syscalls":
        strace.check()

    def series(torture: Torture) -> _Series:
        report = torture.report
        if mode == "random":
            many = cycles or RANDOM_CYCLES
            return torture.random(many), lambda: report.cycles / many
        points = Points(torture)
        if mode == "syscalls":
            return points.syscalls(cycles), lambda: points.share
        return points.failpoints(cycles, boots=boots), lambda: points.share

    return _play(mode, seed, series, failpoints)


def play_again(kept: Path, cycles: int | None) -> tuple[TortureReport, int]:
    """Repeat the cycle that was kept in a folder, 10 times by default; returns as ``play``.

    Raises:
        DataDirectoryError: it is no such folder.
    """
    cycle = load(kept)
    many = cycles or REPLAYS
    if cycle.job.injection is not None:
        strace.check()

    def series(torture: Torture) -> _Series:
        report = torture.report
        reports = torture.replay(cycle, kept / "before", many)
        return reports, lambda: report.cycles / many

    return _play("replay", cycle.seed, series)


def _play(
    mode: str, seed: int, series: Callable[[Torture], _Series], failpoints: str = ""
) -> tuple[TortureReport, int]:
    with Signals() as signals:
        folder = Path(tempfile.mkdtemp(prefix="cachedesk-torture-"))
        report = TortureReport(seed, mode)
        try:
            with Torture(folder, seed, mode, failpoints) as torture:
                signals.on_signal = torture.stop
                report = torture.report
                _run(torture, series)
                if torture.stopped:
                    report.stopped = signals.word
                if report.broken and mode != "replay":
                    report.kept = str(torture.keep())
        finally:
            if report.kept is None:
                shutil.rmtree(folder)
        return report, 1 if report.broken else signals.exit_code or 0


def _run(torture: Torture, series: Callable[[Torture], _Series]) -> None:
    report = torture.report
    with suppress(Stopped):
        for _ in _shown(report, *series(torture)):
            if report.broken and report.mode != "replay":
                return
        torture.finish()


def _shown(
    report: TortureReport, reports: Iterator[TortureReport], share: Callable[[], float]
) -> Iterator[None]:
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        # Without a terminal it would leave an empty line.
        disable=not console.is_terminal,
        # No refresh thread, because the processes under test are forked from this one.
        auto_refresh=False,
    ) as progress:
        task = progress.add_task(f"torture, {report.mode}", total=1.0)
        for _ in reports:
            progress.update(
                task,
                completed=share(),
                description=f"{report.kills:,} kills, {report.writes:,} writes,"
                f" {report.reads:,} checked reads",
            )
            progress.refresh()
            yield
