"""The document of a comparison: one table, and a chart of the hit rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from cachedesk.lab.compare.comparing import ComparedVariant, Comparison
from cachedesk.lab.compare.comparison_table import (
    HIT_RATE,
    JUDGED,
    KEYS,
    ROWS,
    SPEED,
    TIMES,
    Column,
    as_json,
    cells,
    verdict,
)
from cachedesk.lab.compare.varying import varied_names
from cachedesk.lab.trace.summary import sentences
from cachedesk.reports.books import books
from cachedesk.reports.chart import Chart, Series, scale
from cachedesk.reports.document import Document, Finding, Origin, Prose, Section, Table, Tone
from cachedesk.reports.settings import settings_table
from cachedesk.reports.words import count_of, percent, visible

_MOST_LINES = 6
_FAR = 6.0
_SAVED = Column("saved", lambda it: percent(max(0, it.accepted - it.rows), it.accepted))


def comparison_document(comparison: Comparison, origin: Origin) -> Document:
    """Return the document of ``comparison``."""
    compared = comparison.compared
    sections = []
    for run in comparison.broken:
        sections.append(Section(f"Broken: {run.variant.title}", tuple(books(run.report.verdict))))
    if compared:
        sections.append(_table("Results", comparison, (HIT_RATE, KEYS, SPEED, *JUDGED)))
        if chart := hit_rate_chart(compared):
            sections.append(Section("Hit rate by setting", (chart,)))
        times = Prose("Milliseconds, p50/p99, over all of a run.")
        sections.append(_table("Latency", comparison, TIMES, times))
        if any(one.figures.latencies.write_behind.count for one in compared):
            sections.append(_table("What coalescing saved", comparison, (ROWS, _SAVED)))
    sections.append(Section("The traffic", tuple(_traffic(comparison))))
    if comparison.runs:
        settings = settings_table(comparison.runs[0].variant.settings)
        name = comparison.runs[0].variant.title
        sections.append(Section("Settings", (Prose(f"Those of {name}:"), settings)))
    data = {
        "comparison": as_json(comparison),
        "settings": [msgspec.to_builtins(one.variant.settings) for one in compared],
    }
    title = f"{comparison.traffic}: what if"
    return Document("comparison", title, _finding(comparison), tuple(sections), origin, data)


def hit_rate_chart(compared: Sequence[ComparedVariant]) -> Chart | None:
    """Return the chart of the hit rate over the one number that is varied, with a line for each
    combination of the other values; ``None`` if no number is varied, or more than one."""
    numeric = [
        place
        for place in range(len(compared[0].variant.amounts))
        if all(one.variant.amounts[place] is not None for one in compared)
        and len({one.variant.amounts[place] for one in compared}) > 1
    ]
    if len(numeric) != 1:
        return None
    (place,) = numeric
    ticks = {one.variant.amounts[place] or 0.0: one.variant.chosen[place][1] for one in compared}
    lines: dict[str, list[tuple[float, float | None]]] = {}
    far = min(ticks) > 0 and max(ticks) / min(ticks) > _FAR
    for one in compared:
        others = (f"{name}={text}" for name, text in _others(one, place))
        rate = one.figures.hit_rate
        x = _along(one.variant.amounts[place] or 0.0, far)
        lines.setdefault(", ".join(others) or "hits of all reads", []).append(
            (x, None if rate is None else 100 * rate)
        )
    if len(lines) > _MOST_LINES:
        return None
    places = sorted((_along(amount, far), text) for amount, text in ticks.items())
    spread = places[-1][0] - places[0][0]
    y_end, y_ticks = scale(100, lambda value: f"{value:.0f} %", most=5)
    name = varied_names([one.variant for one in compared])[place]
    rated = [one for one in compared if one.figures.hit_rate is not None]
    if not rated:
        return None
    worst, best = (
        choose(rated, key=lambda one: one.figures.hit_rate or 0.0) for choose in (min, max)
    )
    description = (
        f"From {HIT_RATE.cell(worst.figures)} with {worst.variant.title}"
        f" to {HIT_RATE.cell(best.figures)} with {best.variant.title}."
    )
    return Chart(
        title=f"Hit rate over {name}" + (", on a scale of ratios" if far else ""),
        description=description,
        series=tuple(Series(line, tuple(sorted(points))) for line, points in lines.items()),
        x_ticks=tuple(places),
        y_ticks=y_ticks,
        x_begin=places[0][0] - 0.04 * spread,
        x_end=places[-1][0] + 0.04 * spread,
        y_end=y_end,
        dots=True,
    )


def _others(one: ComparedVariant, place: int) -> list[tuple[str, str]]:
    return [pair for where, pair in enumerate(one.variant.chosen) if where != place]


def _along(amount: float, far: bool) -> float:
    return math.log2(amount) if far else amount


def _finding(comparison: Comparison) -> Finding:
    sentences = tuple(visible(sentence) for sentence in verdict(comparison))
    if comparison.broken:
        return Finding(Tone.BROKEN, "Broken", sentences)
    return Finding(
        Tone.KEPT if comparison.sound else Tone.OPEN,
        "Sound" if comparison.sound else "Incomplete",
        tuple(
            sentence.removeprefix("Sound: ")[:1].upper() + sentence.removeprefix("Sound: ")[1:]
            for sentence in sentences
        ),
    )


def _table(
    title: str, comparison: Comparison, columns: Sequence[Column], *before: Prose
) -> Section:
    compared = comparison.compared
    titles, rows = cells(compared, columns)
    alarming = frozenset(place for place, one in enumerate(compared) if one.figures.broken)
    words = frozenset(range(len(compared[0].variant.chosen)))
    return Section(title, (*before, Table(titles, rows, words, alarming)))


def _traffic(comparison: Comparison) -> list[Prose]:
    runs = count_of(len(comparison.runs), "run")
    blocks = [
        Prose(
            f"{runs} of the same traffic, {comparison.traffic}, one after another, each on a"
            " fresh data directory that was removed afterwards."
        )
    ]
    if comparison.rounds > 1:
        blocks.append(
            Prose(f"Figures are medians of {comparison.rounds} rounds; losses are sums of them.")
        )
    if comparison.faults:
        faults = ", ".join(f"{fault.name}@{fault.when}" for fault in comparison.faults)
        blocks.append(Prose(f"These faults were planned for each run: {faults}."))
    if comparison.runs and (trace := comparison.runs[0].report.trace) is not None:
        blocks += map(Prose, map(visible, sentences(trace, comparison.runs[0].report.pauses)))
    return blocks
