"""The document of a bench."""

from __future__ import annotations

from collections.abc import Mapping

from cachedesk.lab.bench.bench import Bench
from cachedesk.lab.bench.bench_table import as_json, cells, notes
from cachedesk.lab.bench.machine import in_a_line, warning
from cachedesk.reports.document import (
    Document,
    Finding,
    Listing,
    Origin,
    Prose,
    Section,
    Table,
    Tone,
)


def bench_document(found: Bench, machine: Mapping[str, str], origin: Origin) -> Document:
    """Return the document of ``found``."""
    titles, rows = cells(found.rows)
    missed = frozenset(place for place, row in enumerate(found.rows) if row.reached is False)
    sections = (
        Section(
            "cachedesk, the bare engines and the peers",
            (Table(titles, tuple(rows), alarming=missed), Listing(tuple(notes(found)))),
        ),
        Section(
            "The limit of each workload",
            (
                Table(
                    ("work", "limit"),
                    tuple((row.work.title, row.work.limit) for row in found.rows),
                    words=frozenset({0, 1}),
                ),
            ),
        ),
        Section("The machine", (Prose(in_a_line(machine)), *_doubt(machine))),
    )
    reached = sum(row.reached is True for row in found.rows)
    finding = Finding(
        Tone.OPEN if missed else Tone.KEPT,
        f"{reached} of {len(found.rows)} aims reached",
        ("An aim is a speed, as a share of the speed of the bare engines.",),
    )
    data = {"bench": as_json(found, machine)}
    return Document("bench", "bench", finding, sections, origin, data)


def _doubt(machine: Mapping[str, str]) -> tuple[Prose, ...]:
    text = warning(machine)
    return (Prose(text),) if text else ()
