"""The paper of a failure story, or of several: the claims first, then how each came about.

A write that is lost in a story may be what it claims, so the verdict is that of its claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cachedesk.lab.stories.narration import doing
from cachedesk.lab.stories.scene import Outcome
from cachedesk.lab.stories.script import Step
from cachedesk.lab.stories.story_report import Account
from cachedesk.lab.stories.story_runner import PlayedAct
from cachedesk.reports.books import books
from cachedesk.reports.document import (
    Block,
    Finding,
    Listing,
    Origin,
    Paper,
    Prose,
    Section,
    Table,
    Tone,
)
from cachedesk.reports.timeline_section import as_json, course
from cachedesk.reports.words import NOTHING, span, visible


def story_paper(accounts: Sequence[Account], origin: Origin) -> Paper:
    """Return the paper of one story that was played, or of several (``story --all``)."""
    if len(accounts) == 1:
        (account,) = accounts
        title, sections = account.story.title, tuple(_story(account))
    else:
        title = f"{len(accounts)} stories"
        sections = (
            Section("The stories", (_summary(accounts),)),
            *(
                section
                for account in accounts
                for section in _story(account, f"{account.story.title}: ")
            ),
        )
    data = {"stories": [_as_json(account) for account in accounts]}
    return Paper("story", title, _finding(accounts), sections, origin, data)


def _finding(accounts: Sequence[Account]) -> Finding:
    claims = [claim for account in accounts for claim in account.claims]
    broken = [
        f"It does not hold: {claim.says}" + (f" ({claim.found})" if claim.found else "")
        for claim in claims
        if claim.holds is False
    ]
    failed = [f"{account.story.name}: {account.failed}" for account in accounts if account.failed]
    if broken or failed:
        word = f"{len(broken)} of {len(claims)} claims do not hold" if broken else "Not played out"
        return Finding(Tone.BROKEN, word, tuple(map(visible, (*broken, *failed))))
    if not all(claim.holds for claim in claims):
        return Finding(Tone.OPEN, "Not decided", ("It was left before its end.",))
    if len(accounts) > 1:
        said = f"All {len(claims)} claims of {len(accounts)} stories hold"
        return Finding(Tone.KEPT, said)
    held = "The claim holds" if len(claims) == 1 else f"All {len(claims)} claims hold"
    return Finding(Tone.KEPT, held, tuple(visible(claim.says) for claim in claims))


def _story(account: Account, prefix: str = "") -> Iterator[Section]:
    story = account.story
    blocks: list[Block] = [Prose(story.about)] if story.about else []
    if account.failed:
        blocks.append(Prose(f"It could not be played to its end: {account.failed}"))
    yield Section(
        f"{prefix}what is claimed" if prefix else "What is claimed",
        (*blocks, _claims(account.claims)),
    )
    for played in account.acts:
        yield Section(f"{prefix}{played.act.title or played.act.name}", tuple(_act(played)))


def _act(played: PlayedAct) -> Iterator[Block]:
    if played.act.safeguards.off:
        yield Prose(f"Switched off at the beginning: {', '.join(played.act.safeguards.off)}.")
    if told := tuple(filter(None, map(_told, played.act.step))):
        yield Listing(told, numbered=True)
    yield from books(played.verdict)
    yield from course(played.timeline.settled())


def _told(step: Step) -> str:
    done = doing(step)
    return f"{step.say} [{done}]" if step.say and done else step.say or done


def _claims(claims: Sequence[Outcome]) -> Table:
    rows = tuple(
        (claim.says, claim.that, claim.found or NOTHING, _held(claim.holds)) for claim in claims
    )
    alarming = frozenset(place for place, claim in enumerate(claims) if claim.holds is False)
    columns = ("claim", "in figures", "found", "")
    return Table(columns, rows, frozenset(range(len(columns))), alarming)


def _summary(accounts: Sequence[Account]) -> Table:
    rows = tuple(
        (
            account.story.name,
            account.failed or "; ".join(claim.says for claim in account.claims),
            "holds" if account.holds else "BROKEN",
            span(account.seconds),
        )
        for account in accounts
    )
    alarming = frozenset(place for place, account in enumerate(accounts) if not account.holds)
    return Table(("story", "claims", "", "took"), rows, frozenset({0, 1, 2}), alarming)


def _held(holds: bool | None) -> str:
    return "not decided" if holds is None else "holds" if holds else "DOES NOT HOLD"


def _as_json(account: Account) -> dict[str, object]:
    timelines = [as_json(played.timeline.settled()) for played in account.acts]
    return account.as_json() | {"timelines": timelines}
