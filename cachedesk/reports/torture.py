"""The document of a torture."""

from __future__ import annotations

import msgspec

from cachedesk.core.failpoints import POINTS
from cachedesk.lab.torture.torture_report import TortureReport
from cachedesk.reports.document import (
    Code,
    Document,
    Finding,
    Listing,
    Origin,
    Prose,
    Section,
    Table,
    Tone,
)
from cachedesk.reports.words import count_of, number, span, visible

_STRUCK = {
    "random": "",
    "failpoints": "Killed at each failpoint",
    "syscalls": "Struck system calls",
    "replay": "",
}


def torture_document(report: TortureReport, origin: Origin) -> Document:
    """Return the document of ``report``."""
    sections = []
    if report.broken:
        sections.append(Section("What broke", (Listing(tuple(map(visible, report.broken))),)))
    if report.kept:
        again = f"cachedesk torture --replay {visible(report.kept)}"
        sections.append(
            Section(
                "The evidence",
                (
                    Prose(f"The files from before and after the cycle are in {report.kept}."),
                    Prose("This repeats the cycle:"),
                    Code(again),
                ),
            )
        )
    sections.append(Section("What was done", (_done(report),)))
    if report.points:
        rows = tuple((visible(name), number(times)) for name, times in report.points.items())
        title = _STRUCK.get(report.mode) or "Struck"
        sections.append(Section(title, (Table(("where", "times"), rows),)))
    data = {"torture": msgspec.to_builtins(report)}
    title = f"torture, mode {report.mode}, seed {report.seed}"
    return Document("torture", title, _finding(report), tuple(sections), origin, data)


def _finding(report: TortureReport) -> Finding:
    repeated = report.kills + report.ends
    stopped = (f"It was {report.stopped} before its end.",) if report.stopped else ()
    if report.mode == "replay":
        tone, word = (Tone.BROKEN, "Broken") if report.broke else (Tone.OPEN, "Not broken again")
        sentence = f"Repeated {repeated:,} times, the cycle broke {report.broke:,} times."
        return Finding(tone, word, (sentence, *stopped))
    if report.broken:
        sentence = (
            f"{count_of(len(report.broken), 'promise')} broken, after {report.kills:,} kills."
        )
        return Finding(Tone.BROKEN, "Broken", (sentence, *map(visible, report.broken), *stopped))
    sentence = (
        f"Killed {report.kills:,} times, it lost none of {report.writes:,} acknowledged writes,"
        f" doubled none, and answered none of {report.reads:,} checked reads with an old value."
    )
    tone = Tone.OPEN if report.stopped else Tone.KEPT
    return Finding(tone, "Sound so far" if report.stopped else "Sound", (sentence, *stopped))


def _done(report: TortureReport) -> Table:
    rows = [
        ("cycles", number(report.cycles), "processes that were run and judged"),
        ("kills", number(report.kills), "processes that died by SIGKILL"),
        ("ends in order", number(report.ends), "processes that were not killed"),
        ("writes", number(report.writes), "acknowledged"),
        ("reads", number(report.reads), "checked for freshness"),
        ("unavailable", number(report.unavailable), "calls that were refused"),
        ("time", span(report.seconds), ""),
    ]
    if report.mode == "failpoints":
        reached = f"of {number(len(POINTS))}"
        rows.insert(2, ("failpoints", number(len(report.points)), reached))
    if report.boots:
        rows.insert(2, ("second kills", number(report.boots), "during the boot after a kill"))
    return Table(("", "", ""), tuple(rows), frozenset({0, 2}))
