"""Runs each variant of a comparison, one after another, each on a fresh directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cachedesk.console.signals import Signals
from cachedesk.core.errors import ConfigError
from cachedesk.lab.compare.run_figures import RunFigures, figures, median
from cachedesk.lab.compare.varying import Variant
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.run.runs import run_session
from cachedesk.lab.run.schedule import PlannedFault
from cachedesk.lab.run.session import Traffic
from cachedesk.lab.run.watch import Watch

_PREFIX = "cachedesk-compare-"
_SIGNALLED = 128

Announce = Callable[[str], Watch]
"""Called with the title of the next run (``2 of 4: maxmemory=8mb``); returns its ``Watch``."""


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One run: its variant, its round (from 1), and its report."""

    variant: Variant
    round: int
    report: RunReport


@dataclass(frozen=True, slots=True)
class ComparedVariant:
    """A variant, and the medians of the figures of its runs."""

    variant: Variant
    figures: RunFigures


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of all variants. ``traffic``: the title of the traffic. ``faults``: as planned.
    ``planned``: the number of planned runs. ``exit_code``: 0 if every run was sound, 1 if one was
    not, 2 if the trace could not be read to its end, or 128 plus the number of the signal that
    ended it early."""

    traffic: str
    faults: tuple[PlannedFault, ...]
    rounds: int
    planned: int
    runs: tuple[ComparedRun, ...]
    exit_code: int

    @property
    def compared(self) -> tuple[ComparedVariant, ...]:
        """The variants that were run, in order."""
        by_variant: dict[tuple[tuple[str, str], ...], list[ComparedRun]] = {}
        for run in self.runs:
            by_variant.setdefault(run.variant.chosen, []).append(run)
        return tuple(
            ComparedVariant(runs[0].variant, median([figures(run.report) for run in runs]))
            for runs in by_variant.values()
        )

    @property
    def broken(self) -> tuple[ComparedRun, ...]:
        """The runs that broke a promise."""
        return tuple(run for run in self.runs if not run.report.verdict.sound)

    @property
    def sound(self) -> bool:
        """Whether all runs were made, and each was sound."""
        return len(self.runs) == self.planned and all(run.report.sound for run in self.runs)


def compare(
    made: Sequence[Variant],
    traffic: Traffic,
    faults: Sequence[PlannedFault],
    announce: Announce,
    *,
    rounds: int = 1,
    failpoints: str = "",
) -> Comparison:
    """Run ``traffic`` under each variant, in each round.

    Args:
        made: the variants.
        traffic: the traffic of each run.
        faults: the faults to inject in each run.
        announce: called before each run.
        rounds: the number of rounds, which are interleaved.
        failpoints: armed before each stack opens, as ``point=terms;…``.

    Raises:
        ConfigError: a fault would kill this process, and the comparison with it.
        CachedeskError: as ``run_session``.
    """
    for fault in faults:
        if fault.name.startswith("process."):
            raise ConfigError(f"{fault.name} would end the comparison; use it with run or torture")
    planned, runs, exit_code = len(made) * rounds, [], 0
    turns = [(turn, variant) for turn in range(1, rounds + 1) for variant in made]
    with Signals() as signals:
        for number, (turn, variant) in enumerate(turns, start=1):
            if signals.exit_code is not None:
                exit_code = signals.exit_code
                break
            watch = announce(f"{number} of {planned}: {variant.title}")
            with TemporaryDirectory(prefix=_PREFIX) as folder:
                outcome = run_session(
                    Path(folder, "data"),
                    variant.settings,
                    traffic,
                    variant.load,
                    faults=faults,
                    watch=watch,
                    failpoints=failpoints,
                )
            runs.append(ComparedRun(variant, turn, outcome.report))
            if outcome.exit_code >= _SIGNALLED:
                exit_code = outcome.exit_code
                break
            # A broken promise takes precedence over a bad file.
            exit_code = (
                1 if 1 in (exit_code, outcome.exit_code) else max(exit_code, outcome.exit_code)
            )
    return Comparison(
        traffic.title,
        tuple(faults),
        rounds,
        planned,
        tuple(runs),
        exit_code,
    )
