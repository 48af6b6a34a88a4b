"""The report of a torture, and its verdict in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field

from cachedesk.core.failpoints import POINTS
from cachedesk.core.wording import count_of


@dataclass(slots=True)
class TortureReport:
    """What a torture came to.

    ``cycles``: processes that were run and judged. ``kills``: those of them that died by SIGKILL,
    by the status that the kernel gave the judge; ``ends``: those that ended in order. ``staked``:
    kills with something new at stake: at least one write was acknowledged since the last kill that
    was counted. (A process that is killed while it boots acknowledges nothing; what is at stake
    then was counted with the kill before it.) ``writes``: acknowledged writes, ``reads``: values
    that were checked for freshness, ``unavailable``: calls that were refused.

    ``points``: for each failpoint, at how many of its hits a process was killed; in the mode
    syscalls, for each thread, call and action, how many of the thread's calls were struck, each
    proven by strace. ``boots``: second kills, during the boot after a kill. ``broken``: the broken
    promises, each with its cycle and the keys, seqs or pids; ``kept``: the folder that was kept.
    ``broke``: how many repetitions of a kept cycle broke a promise; ``stopped``: by what signal.
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
    """Return what a torture came to, in words."""
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
