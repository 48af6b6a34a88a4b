"""The document of a run."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import asdict

import msgspec

from cachedesk.core.recorder import CallPath
from cachedesk.core.snapshot import EventKind, Latencies, Percentiles
from cachedesk.lab.load.tally import Tally
from cachedesk.lab.run.evidence import Evidence
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.trace.reading import TraceCounts
from cachedesk.lab.trace.summary import sentences
from cachedesk.reports.books import MOST_ROWS, books
from cachedesk.reports.document import (
    Block,
    Document,
    Finding,
    Listing,
    Origin,
    Prose,
    Section,
    Table,
    Tone,
)
from cachedesk.reports.settings import settings_table
from cachedesk.reports.timeline_section import as_json, timeline_charts
from cachedesk.reports.words import NOTHING, count_of, number, percent, size, span, visible

_WAYS = {
    CallPath.HIT: "read: hit in Redis",
    CallPath.DATABASE: "read: miss, from the row",
    CallPath.OVERLAY: "read: miss, row with pending events folded in",
    CallPath.WRITE_THROUGH: "write-through",
    CallPath.WRITE_BEHIND: "write-behind",
    CallPath.FLUSH: "flush of one batch",
}
_KINDS = {
    EventKind.FAULT: "fault",
    EventKind.HEALED: "healed",
    EventKind.RECOVERY: "recovery",
    EventKind.ERROR: "error",
}


def run_document(report: RunReport, origin: Origin) -> Document:
    """Return the document of ``report``."""
    evidence = report.evidence
    data: dict[str, object] = {"run": report.as_json()}
    sections = [Section("The books", tuple(books(report.verdict)))]
    if evidence is not None:
        charts = timeline_charts(
            evidence.timeline,
            report.seconds,
            depth_max=report.tally.depth_max,
            lag_max=report.lag.max if report.complete else 0.0,
        )
        without = "It was too short for charts: they need three ticks of the sampler."
        sections.append(Section("Timeline", charts or (Prose(without),)))
        data["settings"] = msgspec.to_builtins(evidence.settings)
        data["was_new"] = evidence.was_new
        data["timeline"] = as_json(evidence.timeline)
        data["events"] = [asdict(event) for event in evidence.events]
    if faults := tuple(_faults(report)):
        sections.append(Section("Faults and their effects", faults))
    if report.trace is not None:
        sections.append(Section("The trace", tuple(trace_blocks(report.trace, report.pauses))))
    sections.append(Section("Reads and writes", tuple(_operations(report))))
    if evidence is not None:
        sections.append(Section("Latency", (latencies(evidence.latencies),)))
        sections.append(Section("Settings", tuple(_settings(evidence))))
    return Document("run", report.title, finding(report), tuple(sections), origin, data)


def finding(report: RunReport) -> Finding:
    """Return the verdict on a run in a word, and the sentences that ``run`` prints."""
    verdict = report.verdict
    word, tone = ("Sound", Tone.KEPT) if report.sound else ("Incomplete", Tone.OPEN)
    if not verdict.judged:
        word, tone = "Not judged", Tone.OPEN
    elif not verdict.sound:
        word, tone = "Broken", Tone.BROKEN
    sentences = [visible(line).strip() for line in report.judgement()]
    # Broken promises first; the word of the verdict is not repeated.
    sentences.sort(key=lambda sentence: not sentence.startswith("Broken:"))
    return Finding(tone, word, tuple(_without(sentence) for sentence in sentences))


def latencies(found: Latencies) -> Table:
    """Return the latencies of each path, over the whole run."""
    rows = [
        (
            words,
            number(times.count),
            *(span(each) if times.count else NOTHING for each in (times.p50, times.p99, times.max)),
        )
        for way, words in _WAYS.items()
        for times in (_times(found, way),)
    ]
    return Table(("path", "count", "p50", "p99", "longest"), tuple(rows))


def _times(found: Latencies, way: CallPath) -> Percentiles:
    times: Percentiles = getattr(found, way)
    return times


def trace_blocks(trace: TraceCounts, pauses: int = 0) -> Iterator[Block]:
    """Yield the blocks about a trace."""
    yield Prose(f"{number(trace.lines)} lines of the format {trace.format} were read.")
    if lines := tuple(sentences(trace, pauses)):
        yield Listing(lines)
    if trace.bad:
        examples = (f"line {number}: {visible(what)}" for number, what in trace.examples)
        yield Prose("The first malformed lines:")
        yield Listing(tuple(examples))
    if trace.skipped:
        yield Prose("Left out:")
        most = trace.skipped.most_common(MOST_ROWS)
        rows = tuple((visible(name), number(count)) for name, count in most)
        yield Table(("command", "times"), rows)


def _operations(report: RunReport) -> Iterator[Block]:
    tally, verdict, evidence = report.tally, report.verdict, report.evidence
    answered = tally.hits + tally.overlay + tally.database
    rate = tally.done / report.seconds if report.seconds else 0.0
    drained = NOTHING if report.drain_seconds is None else span(report.drain_seconds)
    rows = [
        ("operations", number(tally.done), f"in {span(report.seconds)}, {number(rate)} a second"),
        ("drain", drained, "until nothing was pending"),
        ("reads", number(tally.gets), f"{percent(tally.hits, answered)} of them hits"),
        *_read_rows(tally),
        ("writes acknowledged", number(verdict.accepted), _kinds(tally)),
        *_write_rows(tally),
        ("queue depth at most", number(tally.depth_max), "events that waited in the log"),
        (
            "lag",
            span(report.lag.p50),
            f"p50; p99 {span(report.lag.p99)}, longest {span(report.lag.max)}:"
            " from accepted to applied",
        ),
    ]
    if evidence is not None:
        rows += _stack_rows(evidence)
    yield Table(("", "", ""), tuple(rows), words=frozenset({0, 2}))


def _read_rows(tally: Tally) -> Iterator[tuple[str, str, str]]:
    yield "hits", number(tally.hits), "answered by Redis"
    yield "misses", number(tally.database), "answered by the row"
    yield "misses, overlay", number(tally.overlay), "the row with pending events folded in"
    yield "stale reads", number(tally.stale), "older than an acknowledged write"
    yield "unavailable reads", number(tally.unavailable_reads), "refused rather than guessed"


def _write_rows(tally: Tally) -> Iterator[tuple[str, str, str]]:
    for count, name, what in (
        (tally.skipped, "writes refused", "the key's value could not take them"),
        (tally.unavailable_writes, "writes unavailable", "they changed nothing"),
        (tally.unknown_writes, "writes of unknown outcome", "they were not acknowledged"),
        (tally.retries, "retries", "of writes that had to be made"),
        (tally.shed, "operations left out", "their client still waited for the database"),
    ):
        if count:
            yield name, number(count), what


def _stack_rows(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    redis = evidence.redis
    if evidence.behind:
        saved = percent(max(0, evidence.behind - evidence.rows), evidence.behind)
        yield (
            "row writes of the worker",
            number(evidence.rows),
            f"for {number(evidence.behind)} write-behind events, in"
            f" {count_of(evidence.batches, 'transaction')}: coalescing saved {saved}",
        )
    yield (
        "Redis",
        count_of(redis.keys, "key") if redis.known else NOTHING,
        f"{size(redis.memory_bytes) if redis.known else NOTHING} of {size(redis.maxmemory_bytes)}"
        " used when the load ended,"
        f" {number(redis.evicted)} evicted, {count_of(redis.restarts, 'restart')}",
    )


def _kinds(tally: Tally) -> str:
    expiries = f", {tally.expiries:,} expire" if tally.expiries else ""
    return f"{tally.sets:,} set, {tally.incrs:,} incr, {tally.deletes:,} delete{expiries}"


def _faults(report: RunReport) -> Iterator[Block]:
    if report.faults:
        rows = tuple(
            (
                visible(fault.name),
                visible(fault.when),
                "never" if fault.seconds is None else span(fault.seconds),
                visible(fault.said)
                + (f"; healed after {span(lasted)}" if lasted is not None else ""),
            )
            for fault in report.faults
            for lasted in (fault.lasted_seconds,)
        )
        columns = ("fault", "planned", "struck", "what was done")
        yield Table(columns, rows, frozenset(range(len(columns))))
    if report.evidence is not None and (
        events := event_table(report.evidence, {fault.said for fault in report.faults})
    ):
        yield events


def event_table(evidence: Evidence, known: Container[str] = ()) -> Table | None:
    """Return the events of a run without those whose text is ``known``, with seconds from its
    beginning; ``None`` if there are none."""
    began_at = evidence.timeline.began_at
    rows = tuple(
        (span(max(0.0, event.at - began_at)), _KINDS[event.kind], visible(event.full_text))
        for event in evidence.events
        if event.kind in _KINDS and event.text not in known
    )
    return Table(("at", "", "what happened"), rows, frozenset(range(3))) if rows else None


def _settings(evidence: Evidence) -> Iterator[Block]:
    yield Prose(
        "The data directory was new."
        if evidence.was_new
        else "The data directory had been used before: its contents were taken as given."
    )
    yield settings_table(evidence.settings)
    paths = evidence.settings.policies.items()
    lines = [f"{visible(pattern)} is written by {path}" for pattern, path in paths]
    yield Listing((*lines, "a key that no pattern matches is written by write-through"))


def _without(sentence: str) -> str:
    for word in ("Sound: ", "Broken: ", "Not judged: "):
        if sentence.startswith(word):
            rest = sentence[len(word) :]
            return rest[:1].upper() + rest[1:]
    return sentence
