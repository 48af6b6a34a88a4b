"""The report of a torture, and its verdict as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from cachedesk.core.failpoints import POINTS
from cachedesk.core.wording import count_of


@dataclass(slots=True)
class TortureReport:
    """The results of a torture.

    ``cycles``: processes that were run and judged. ``kills``: those that died by SIGKILL, according
    to the kernel; ``ends``: those that ended by themselves. ``staked``: kills after which a new
    loss was possible: at least one write was acknowledged since the last such kill. (A process that
    is killed during boot acknowledges nothing; its data was counted with the kill before.)
    ``writes``: acknowledged writes, ``reads``: values that were checked for freshness,
    ``unavailable``: calls that were refused.

    ``points``: for each failpoint, the number of hits at which a process was killed; in the mode
    syscalls, for each thread, call and action, the number of calls injected into, as confirmed by
    strace. ``boots``: second kills, during the boot after a kill. ``broken``: the broken promises,
    each with its cycle and the keys, seqs or pids; ``kept``: the folder that was kept. ``broke``:
    how many repetitions of a kept cycle broke a promise; ``stopped``: the signal that ended it.
    """

    seed: int
    mode: str
    cycles: int = 0
    kills: int = 0
    ends: int = 0
    staked: int = 0
    writes: int = 0
    reads: int = 0
    unavailable: int = 0
    points: dict[str, int] = field(default_factory=dict)
    boots: int = 0
    broken: list[str] = field(default_factory=list)
    kept: str | None = None
    broke: int = 0
    stopped: str = ""
    seconds: float = 0.0


def verdict(report: TortureReport) -> str:
    """Return the results of a torture as text."""
    lines = [
        f"{count_of(report.cycles, 'cycle')}: {count_of(report.kills, 'kill')}"
        f" ({report.staked:,} with new writes at stake) and {report.ends:,} ended in order, in"
        f" {report.seconds:.0f} s (mode {report.mode}, seed {report.seed})",
        f"{count_of(report.writes, 'acknowledged write')}, {count_of(report.reads, 'read')} checked"
        f" for freshness, {count_of(report.unavailable, 'call')} unavailable",
    ]
    struck = sum(report.points.values())
    if report.mode == "syscalls":
        lines.append(f"{struck:,} system calls struck")
    elif report.points:
        boots = f", and {report.boots:,} times again at the next boot" if report.boots else ""
        lines.append(
            f"{len(report.points)} of {len(POINTS)} failpoints reached, killed at {struck:,} of"
            f" their hits{boots}"
        )
    if report.mode == "replay":
        lines.append(f"Repeated {report.cycles:,} times, it broke {report.broke:,} times.")
    if report.stopped:
        lines.append(f"It was {report.stopped}.")
    if report.broken:
        lines += ["Broken:", *report.broken]
    elif report.mode != "replay":
        so_far = " so far" if report.stopped else ""
        lines.append(f"Sound{so_far}: 0 lost, 0 doubled, 0 stale, 0 left behind.")
    if report.kept:
        lines += [
            f"The files are kept in {report.kept};",
            f"cachedesk torture --replay {report.kept} repeats the cycle.",
        ]
    return "\n".join(lines)
