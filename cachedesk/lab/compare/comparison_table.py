"""The table of a comparison, for a terminal, a report and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from cachedesk.core.eviction_policies import eviction_warning
from cachedesk.core.snapshot import Percentiles
from cachedesk.lab.compare.comparing import ComparedRun, ComparedVariant, Comparison
from cachedesk.lab.compare.run_figures import RunFigures
from cachedesk.lab.compare.varying import varied_names
from cachedesk.lab.judge.verdict import kept_words, refused_words
from cachedesk.lab.trace.reading import TraceCounts
from cachedesk.lab.trace.summary import missing, read_lines

NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, the text of its cells, and whether it has a value to show."""

    title: str
    cell: Callable[[RunFigures], str]
    has_value: Callable[[RunFigures], bool] = lambda _: True


def _times(title: str, of: Callable[[RunFigures], Percentiles]) -> Column:
    def cell(figures: RunFigures) -> str:
        times = of(figures)
        if not times.count:
            return NOTHING
        return f"{_milliseconds(times.p50)}/{_milliseconds(times.p99)}"

    return Column(title, cell, lambda figures: of(figures).count > 0)


HIT_RATE = Column(
    "hit rate",
    lambda it: NOTHING if it.hit_rate is None else f"{100 * it.hit_rate:.2f} %",
    lambda it: it.hit_rate is not None,
)
KEYS = Column("keys", lambda it: f"{it.keys:,}")
TIMES = (
    _times("hit ms", lambda it: it.latencies.hit),
    _times("miss ms", lambda it: it.latencies.database),
    _times("overlay ms", lambda it: it.latencies.overlay),
    _times("through ms", lambda it: it.latencies.write_through),
    _times("behind ms", lambda it: it.latencies.write_behind),
    _times("lag ms", lambda it: it.lag),
)
ROWS = Column("rows/writes", lambda it: f"{it.rows:,}/{it.accepted:,}", lambda it: it.accepted > 0)
JUDGED = (
    Column("lost", lambda it: f"{it.lost:,}"),
    Column("stale", lambda it: f"{it.stale:,}"),
)
SPEED = Column("ops/s", lambda it: f"{it.ops_per_second:,.0f}")
COLUMNS = (HIT_RATE, KEYS, *TIMES, ROWS, *JUDGED, SPEED)


def cells(
    compared: Sequence[ComparedVariant], columns: Sequence[Column] = COLUMNS
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the titles and the rows of a table, without columns that have no value at all."""
    if not compared:
        return (), ()
    used = [column for column in columns if any(column.has_value(one.figures) for one in compared)]
    names = varied_names([one.variant for one in compared])
    rows = tuple(
        (
            *(text for _, text in one.variant.chosen),
            *(column.cell(one.figures) for column in used),
        )
        for one in compared
    )
    return (*names, *(column.title for column in used)), rows


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield the comparison as text: a title, one table, and the verdict last."""
    compared = comparison.compared
    faults = ", ".join(f"{fault.name}@{fault.when}" for fault in comparison.faults)
    rounds = f", medians of {comparison.rounds} rounds" if comparison.rounds > 1 else ""
    yield f"{comparison.traffic}{f', with {faults}' if faults else ''}{rounds}"
    titles, rows = cells(compared)
    if rows:
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        named = len(compared[0].variant.chosen)
        for row in (titles, *rows):
            padded = (
                text.ljust(width) if place < named else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            yield "  ".join(padded).rstrip()
        yield "Times are p50/p99 in milliseconds; keys are those in Redis when the load ended."
    trace = _trace(comparison)
    if trace is not None:
        yield from read_lines(trace, comparison.runs[0].report.pauses)
    yield from verdict(comparison)


def verdict(comparison: Comparison) -> Iterator[str]:
    """Yield the verdict on all runs together, in sentences."""
    for run in comparison.broken:
        where = f" (round {run.round})" if comparison.rounds > 1 else ""
        for sentence in run.report.judgement():
            yield f"{run.variant.title}{where}: {sentence}"
    for what, runs in _incomplete(comparison).items():
        everywhere = len(runs) == len(comparison.runs)
        where = "" if everywhere else f"{', '.join(run.variant.title for run in runs)}: "
        yield f"Incomplete: {where}{what}."
    yield from warnings(comparison)
    if len(comparison.runs) < comparison.planned:
        yield f"Ended early: {len(comparison.runs)} of {comparison.planned} runs were made."
    left_out = tuple(missing(_trace(comparison)))
    yield from left_out
    yield from refused_words(sum(run.report.tally.skipped for run in comparison.runs))
    if not comparison.broken:
        kept = kept_words([run.report.verdict for run in comparison.runs])
        kept = f"n {len(comparison.runs)} runs {kept}, and no read was stale."
        if not comparison.sound:
            yield f"The comparison is incomplete. Of what was done, i{kept}"
        else:
            yield f"Sound{', for what was replayed' if left_out else ''}: i{kept}"


def _incomplete(comparison: Comparison) -> dict[str, list[ComparedRun]]:
    """Return what was requested but not done, each with the runs concerned."""
    found: dict[str, list[ComparedRun]] = {}
    for run in comparison.runs:
        report = run.report
        reasons = [*report.missing]
        if not report.complete:
            reasons.append(report.trouble or "not everything was flushed")
        if report.verdict.sound:
            for what in reasons:
                found.setdefault(what, []).append(run)
    return found


def _trace(comparison: Comparison) -> TraceCounts | None:
    """Return what was read of the trace; it is the same for all runs."""
    return comparison.runs[0].report.trace if comparison.runs else None


def warnings(comparison: Comparison) -> tuple[str, ...]:
    """Return warnings about the settings for readers of the figures."""
    policies = {run.variant.settings.redis.eviction_policy: None for run in comparison.runs}
    return tuple(f"Note: {it}." for policy in policies if (it := eviction_warning(policy)))


def as_json(comparison: Comparison) -> dict[str, object]:
    """Return the JSON object that ``compare --json`` prints."""
    return {
        "traffic": comparison.traffic,
        "faults": [f"{fault.name}@{fault.when}" for fault in comparison.faults],
        "rounds": comparison.rounds,
        "planned": comparison.planned,
        "sound": comparison.sound,
        "left_out": list(missing(_trace(comparison))),
        "warnings": list(warnings(comparison)),
        "table": [
            {"settings": dict(one.variant.chosen), **_figures(one.figures)}
            for one in comparison.compared
        ],
        "runs": [
            {"settings": dict(run.variant.chosen), "round": run.round, **run.report.as_json()}
            for run in comparison.runs
        ],
    }


def _figures(figures: RunFigures) -> dict[str, object]:
    found = asdict(figures)
    found["latency_seconds"] = found.pop("latencies")
    found["lag_seconds"] = found.pop("lag")
    return found


def _milliseconds(seconds: float) -> str:
    value = 1000 * seconds
    return f"{value:,.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f}"
