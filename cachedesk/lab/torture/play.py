"""Play a torture for a user: a progress bar, and a verdict in plain words."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cachedesk.engine.failpoints import POINTS
from cachedesk.lab.torture.cycles import Report, Torture


def play(mode: str, cycles: int, seed: int) -> Report:
    """Torture a new data directory in a temporary folder until the first broken promise.

    Args:
        mode: ``random``, or ``failpoints``.
        cycles: how many random cycles, or at how many hits of each failpoint to kill.
        seed: decides what is written, when it is killed and which faults strike.

    Returns:
        The report. When it names a broken promise, the files are kept for looking at.
    """
    folder = Path(tempfile.mkdtemp(prefix="cachedesk-torture-"))
    with Torture(folder, seed, mode) as torture:
        for report in _shown(torture, mode, cycles):
            if report.broken:
                break
        else:
            torture.finish()
    if torture.report.broken:
        torture.report.broken.append(f"the files are kept in {folder}")
    else:
        shutil.rmtree(folder)
    return torture.report


def verdict(report: Report) -> str:
    """Return what a torture came to, in words."""
    lines = [
        f"{report.cycles:,} kills and {report.ends:,} ends in order, in {report.seconds:.0f} s"
        f" (mode {report.mode}, seed {report.seed})",
        f"{report.writes:,} acknowledged writes, {report.reads:,} reads checked for freshness,"
        f" {report.unavailable:,} calls unavailable",
    ]
    if report.points:
        lines.append(f"{len(report.points)} of {len(POINTS)} failpoints reached")
    if report.broken:
        return "\n".join([*lines, "Broken:", *report.broken])
    return "\n".join([*lines, "Sound: 0 lost, 0 doubled, 0 stale, 0 left behind."])


def _shown(torture: Torture, mode: str, cycles: int) -> Iterator[Report]:
    reports = torture.random(cycles) if mode == "random" else torture.failpoints(cycles)
    total = cycles if mode == "random" else len(POINTS)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # No thread of the bar's own: the processes under test are forked from this one.
        auto_refresh=False,
    ) as progress:
        task = progress.add_task(f"torture, {mode}", total=total)
        for report in reports:
            done = report.cycles + report.ends if mode == "random" else len(report.points)
            progress.update(
                task,
                completed=done,
                description=f"{report.writes:,} writes, {report.reads:,} checked reads",
            )
            progress.refresh()
            yield report
