"""The figures by which runs are compared, and their medians."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachedesk.core.snapshot import Latencies, Percentiles
from cachedesk.lab.run.run_report import RunReport


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The figures of a run, or the medians of several; times are in seconds.

    ``hit_rate``: of all reads that were answered, from 0 to 1; ``None`` if there were none.
    ``keys``: the keys in Redis when the load ended. ``rows``: row writes of write-through and of
    the worker; ``accepted``: acknowledged writes. ``lost``, ``duplicated``, ``stale`` and
    ``broken`` (runs that broke a promise, of ``runs``) are sums, because a loss must not be
    averaged away; ``incomplete``: runs that did not complete.
    """

    hit_rate: float | None
    latencies: Latencies
    lag: Percentiles
    keys: int
    evicted: int
    rows: int
    accepted: int
    ops_per_second: float
    lost: int
    duplicated: int
    stale: int
    broken: int
    incomplete: int
    runs: int = 1


def figures(report: RunReport) -> RunFigures:
    """Return the figures of one run; its report must have evidence."""
    tally, verdict, evidence = report.tally, report.verdict, report.evidence
    assert evidence is not None
    answered = tally.hits + tally.overlay + tally.database
    return RunFigures(
        hit_rate=tally.hits / answered if answered else None,
        latencies=evidence.latencies,
        lag=report.lag,
        keys=evidence.redis.keys,
        evicted=evidence.redis.evicted,
        rows=evidence.rows + evidence.through,
        accepted=verdict.accepted,
        ops_per_second=tally.done / report.seconds if report.seconds else 0.0,
        lost=len(verdict.lost),
        duplicated=len(verdict.duplicated),
        stale=verdict.stale_reads,
        broken=0 if verdict.sound else 1,
        incomplete=0 if report.complete else 1,
    )


def median(found: Sequence[RunFigures]) -> RunFigures:
    """Return the medians of ``found``; losses, duplicates and the like are summed."""
    if len(found) == 1:
        return found[0]

    def middle(value: Callable[[RunFigures], float]) -> float:
        return statistics.median(map(value, found))

    rates = [each.hit_rate for each in found if each.hit_rate is not None]
    return RunFigures(
        hit_rate=statistics.median(rates) if rates else None,
        latencies=Latencies(
            **{
                way: _middle([getattr(each.latencies, way) for each in found])
                for way in Latencies.__dataclass_fields__
            }
        ),
        lag=_middle([each.lag for each in found]),
        keys=round(middle(lambda each: each.keys)),
        evicted=round(middle(lambda each: each.evicted)),
        rows=round(middle(lambda each: each.rows)),
        accepted=round(middle(lambda each: each.accepted)),
        ops_per_second=middle(lambda each: each.ops_per_second),
        lost=sum(each.lost for each in found),
        duplicated=sum(each.duplicated for each in found),
        stale=sum(each.stale for each in found),
        broken=sum(each.broken for each in found),
        incomplete=sum(each.incomplete for each in found),
        runs=len(found),
    )


def _middle(times: Sequence[Percentiles]) -> Percentiles:
    return Percentiles(
        count=round(statistics.median(each.count for each in times)),
        p50=statistics.median(each.p50 for each in times),
        p99=statistics.median(each.p99 for each in times),
        max=statistics.median(each.max for each in times),
    )
