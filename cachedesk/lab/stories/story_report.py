"""The report of a story that was played: a frozen value that can be printed as text or JSON."""

from __future__ import annotations

import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cachedesk.console.output import json_text
from cachedesk.core.errors import DataDirectoryError
from cachedesk.lab.stories.scene import ClaimResult, Scene
from cachedesk.lab.stories.script import Story
from cachedesk.lab.stories.story_runner import PlayedAct, StoryRunner

_MOST_IDS = 1_000
_MOST_SHOWN = 5
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class StoryReport:
    """The results of a story. ``acts``: those that were played to their end."""

    story: Story
    claims: tuple[ClaimResult, ...]
    acts: tuple[PlayedAct, ...]
    failed: str
    seconds: float
    finding: str = ""
    """What a story with a flipped safeguard has shown; empty for any other."""

    @property
    def holds(self) -> bool:
        """Whether it was played to its end and every claim holds."""
        return not self.failed and all(claim.holds for claim in self.claims)

    def as_json(self) -> dict[str, object]:
        """Return the JSON object that ``story --json`` prints."""
        return {
            "story": self.story.name,
            "title": self.story.title,
            "holds": self.holds,
            "failed": self.failed or None,
            "claims": [asdict(claim) for claim in self.claims],
            "acts": [_act_as_json(act) for act in self.acts],
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> Iterator[str]:
        """Yield losses and duplicates, the claims, and the verdict last."""
        for act in self.acts:
            verdict = act.verdict
            if verdict.lost:
                yield f"  {act.act.name}: {len(verdict.lost):,} lost: {_ids(verdict.lost, act)}"
            if verdict.duplicated:
                shown = ", ".join(map(str, verdict.duplicated[:_MOST_SHOWN]))
                more = len(verdict.duplicated) - _MOST_SHOWN
                rest = f" and {more:,} more" if more > 0 else ""
                yield f"  {act.act.name}: {len(verdict.duplicated):,} applied twice: {shown}{rest}"
        for claim in self.claims:
            shown = claim.evidence or claim.found
            yield f"  {_sign(claim, flipped=bool(self.finding))} {claim.says}"
            yield f"      {claim.that}" + (f"   ({shown})" if shown else "")
        if self.failed:
            yield f"Failed: {self.failed}"
        elif self.finding:
            yield f"{self.story.name} {self.finding}."
        elif self.holds:
            yield f"Every claim of {self.story.name} holds ({self.seconds:.1f} s)."
        else:
            broken = sum(not claim.holds for claim in self.claims)
            yield f"Broken: {broken} of {len(self.claims)} claims of {self.story.name}."


def play(
    story: Story,
    folder: Path,
    on_scene: Callable[[Scene], None] = lambda scene: None,
    failpoints: str = "",
) -> StoryReport:
    """Play ``story`` from its beginning to its end, without a screen.

    Args:
        story: the story.
        folder: the parent of the data directories of the acts.
        on_scene: called with the scene after each step.
        failpoints: armed before the stack of each act opens, as ``point=terms;…``.

    Raises:
        CachedeskError: the first act cannot be opened.
    """
    runner = StoryRunner(story, folder, failpoints)
    try:
        on_scene(runner.scene())
        while not runner.ended:
            runner.advance()
            on_scene(runner.scene())
        return report_of(runner)
    finally:
        runner.close()


def report_of(runner: StoryRunner) -> StoryReport:
    """Return the report of a story that has ended or was stopped."""
    return StoryReport(
        runner.story,
        runner.claims,
        tuple(runner.played),
        runner.failed,
        runner.seconds,
        runner.scene().finding,
    )


@contextmanager
def folder_for(name: str, data: Path | None) -> Iterator[Path]:
    """Yield a folder for the acts of a story: a temporary one, or a new one in ``data``, which is
    kept.

    Raises:
        DataDirectoryError: it cannot be created, or exists already.
    """
    if data is None:
        folder = Path(tempfile.mkdtemp(prefix="cachedesk-story-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    kept = data / name
    try:
        kept.mkdir(parents=True)
    except OSError as error:
        raise DataDirectoryError(
            f"cannot create the folder {kept} for the story: {error.strerror}"
        ) from error
    yield kept


def narrated(scene: Scene, before: Scene | None) -> Iterator[str]:
    """Yield what is new in ``scene``, as lines of text."""
    if before is None:
        yield scene.title
        yield from textwrap.wrap(scene.say, _WIDTH)
    if scene.ended:
        return
    if before is None or scene.act_number != before.act_number:
        yield ""
        yield f"{scene.act}:"
    if before is not None and scene.say != before.say:
        yield from textwrap.wrap(scene.say, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    if before is not None and scene.doing:
        yield f"    > {scene.doing}"
        if scene.came:
            yield f"      {scene.came}"


def table(reports: Sequence[StoryReport]) -> Iterator[str]:
    """Yield the claims of several stories as a table, and the verdict last."""
    width = max(len(report.story.name) for report in reports)
    for report in reports:
        name = report.story.name
        for claim in report.claims:
            yield f"{name:<{width}}  {_sign(claim)}  {claim.says}"
            name = ""
        if report.failed:
            yield f"{name:<{width}}  failed: {report.failed}"
    claims = [claim for report in reports for claim in report.claims]
    broken = sum(not claim.holds for claim in claims)
    stories = "1 story" if len(reports) == 1 else f"{len(reports)} stories"
    seconds = sum(report.seconds for report in reports)
    if broken or any(report.failed for report in reports):
        yield f"Broken: {broken} of {len(claims)} claims of {stories} ({seconds:.0f} s)."
    else:
        yield f"All {len(claims)} claims of {stories} hold ({seconds:.0f} s)."


def _sign(claim: ClaimResult, *, flipped: bool = False) -> str:
    if claim.holds is None:
        return "? open  "
    if flipped and not claim.holds:
        return "≠ not so"
    return "✓ holds " if claim.holds else "✗ BROKEN"


def _act_as_json(act: PlayedAct) -> dict[str, object]:
    verdict = act.verdict
    lost = zip(verdict.lost, verdict.lost_keys, strict=True)
    return {
        "act": act.act.name,
        "safeguards_off": list(act.act.safeguards.off),
        "figures": dict(act.figures),
        "lost": [[number, json_text(key)] for number, key in lost][:_MOST_IDS],
        "duplicated": list(verdict.duplicated[:_MOST_IDS]),
    }


def _ids(lost: Sequence[int], act: PlayedAct) -> str:
    pairs = zip(lost[:_MOST_SHOWN], act.verdict.lost_keys, strict=False)
    shown = ", ".join(f"{number} ({key.decode(errors='replace')})" for number, key in pairs)
    more = len(lost) - _MOST_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
