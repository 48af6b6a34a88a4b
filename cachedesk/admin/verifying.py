"""The output of ``cachedesk verify``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from cachedesk.core.wording import count_of, span
from cachedesk.stores.embedded.verification import DirectoryFigures, Verification


def verification_as_json(found: Verification) -> dict[str, object]:
    """Return the JSON that ``verify --json`` prints."""
    return {
        "sound": not found.findings,
        "findings": [finding._asdict() for finding in found.findings],
        **asdict(found.figures),
        "seconds": round(found.seconds, 3),
    }


def verification_lines(found: Verification) -> Iterator[str]:
    """Yield the findings, one per line, and last the figures."""
    for finding in found.findings:
        yield str(finding)
    problems = len(found.findings)
    state = f"{count_of(problems, 'problem')} found" if problems else "sound"
    counted = "".join(f", {part}" for part in _counted(found.figures))
    yield f"{found.path}: {state}{counted}; checked in {span(found.seconds)}"


def _counted(figures: DirectoryFigures) -> Iterator[str]:
    for count, noun in (
        (figures.rows, "key"),
        (figures.records, "log record"),
        (figures.pending, "pending event"),
        (figures.dead, "dead letter"),
    ):
        if count is not None:
            yield count_of(count, noun)
