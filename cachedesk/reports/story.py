"""The document of one or several failure stories: the claims first, then the acts.

A story may claim that a write is lost, so the verdict is that of its claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cachedesk.lab.stories.narration import doing
from cachedesk.lab.stories.scene import ClaimResult
from cachedesk.lab.stories.script import Step
from cachedesk.lab.stories.story_report import StoryReport
from cachedesk.lab.stories.story_runner import PlayedAct
from cachedesk.reports.books import books
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
from cachedesk.reports.timeline_section import as_json, timeline_charts
from cachedesk.reports.words import NOTHING, span, visible


def story_document(reports: Sequence[StoryReport], origin: Origin) -> Document:
    """Return the document of one story that was played, or of several (``story --all``)."""
    if len(reports) == 1:
        (report,) = reports
        title, sections = report.story.title, tuple(_story(report))
    else:
        title = f"{len(reports)} stories"
        sections = (
            Section("The stories", (_summary(reports),)),
            *(
                section
                for report in reports
                for section in _story(report, f"{report.story.title}: ")
            ),
        )
    data = {"stories": [_as_json(report) for report in reports]}
    return Document("story", title, _finding(reports), sections, origin, data)


def _finding(reports: Sequence[StoryReport]) -> Finding:
    claims = [claim for report in reports for claim in report.claims]
    broken = [
        f"It does not hold: {claim.says}" + (f" ({claim.found})" if claim.found else "")
        for claim in claims
        if claim.holds is False
    ]
    failed = [f"{report.story.name}: {report.failed}" for report in reports if report.failed]
    if broken or failed:
        word = f"{len(broken)} of {len(claims)} claims do not hold" if broken else "Not completed"
        return Finding(Tone.BROKEN, word, tuple(map(visible, (*broken, *failed))))
    if not all(claim.holds for claim in claims):
        return Finding(Tone.OPEN, "Not decided", ("It was left before its end.",))
    if len(reports) > 1:
        word = f"All {len(claims)} claims of {len(reports)} stories hold"
        return Finding(Tone.KEPT, word)
    held = "The claim holds" if len(claims) == 1 else f"All {len(claims)} claims hold"
    return Finding(Tone.KEPT, held, tuple(visible(claim.says) for claim in claims))


def _story(report: StoryReport, prefix: str = "") -> Iterator[Section]:
    story = report.story
    blocks: list[Block] = [Prose(story.about)] if story.about else []
    if report.failed:
        blocks.append(Prose(f"It failed: {report.failed}"))
    yield Section(
        f"{prefix}claims" if prefix else "Claims",
        (*blocks, _claims(report.claims)),
    )
    for played in report.acts:
        yield Section(f"{prefix}{played.act.title or played.act.name}", tuple(_act(played)))


def _act(played: PlayedAct) -> Iterator[Block]:
    if played.act.safeguards.off:
        yield Prose(f"Switched off at the beginning: {', '.join(played.act.safeguards.off)}.")
    if steps := tuple(filter(None, map(_step_text, played.act.step))):
        yield Listing(steps, numbered=True)
    yield from books(played.verdict)
    yield from timeline_charts(played.timeline.settled())


def _step_text(step: Step) -> str:
    done = doing(step)
    return f"{step.say} [{done}]" if step.say and done else step.say or done


def _claims(claims: Sequence[ClaimResult]) -> Table:
    rows = tuple(
        (claim.says, claim.that, claim.found or NOTHING, _held(claim.holds)) for claim in claims
    )
    alarming = frozenset(place for place, claim in enumerate(claims) if claim.holds is False)
    columns = ("claim", "in figures", "found", "")
    return Table(columns, rows, frozenset(range(len(columns))), alarming)


def _summary(reports: Sequence[StoryReport]) -> Table:
    rows = tuple(
        (
            report.story.name,
            report.failed or "; ".join(claim.says for claim in report.claims),
            "holds" if report.holds else "BROKEN",
            span(report.seconds),
        )
        for report in reports
    )
    alarming = frozenset(place for place, report in enumerate(reports) if not report.holds)
    return Table(("story", "claims", "", "took"), rows, frozenset({0, 1, 2}), alarming)


def _held(holds: bool | None) -> str:
    return "not decided" if holds is None else "holds" if holds else "DOES NOT HOLD"


def _as_json(report: StoryReport) -> dict[str, object]:
    timelines = [as_json(played.timeline.settled()) for played in report.acts]
    return report.as_json() | {"timelines": timelines}
