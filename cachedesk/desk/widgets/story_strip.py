"""The narration strip: the position in the story, the narration, and at the end the claims."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.lab.stories.scene import ClaimResult, Scene

CLOSED = "The stack of this story is closed; its last state is below. ← plays the act again."


@dataclass(frozen=True, slots=True)
class StoryView:
    """The content of the strip: the scene, whether the story plays automatically, and what can be
    done at its end, as pairs of key and words."""

    scene: Scene
    running: bool = False
    offers: tuple[tuple[str, str], ...] = ()


class StoryStrip(Widget):
    """Draws a ``StoryView`` in as many lines as it needs."""

    DEFAULT_CSS = """
    StoryStrip {
        height: auto;
        max-height: 60%;
        padding: 0 1;
        background: $primary 20%;
        color: $foreground;
    }
    """

    ALLOW_SELECT = False

    view: reactive[StoryView | None] = reactive(None, layout=True)

    def render(self) -> Content:
        """Return the lines."""
        if self.view is None:
            return Content()
        scene, running = self.view.scene, self.view.running
        lines = [_first_line(scene, running=running)]
        if not scene.ended:
            lines += [Content(scene.say)] if scene.say else []
            if scene.doing:
                lines.append(_done(scene))
        if scene.ended and not scene.failed:
            lines += [_claim(claim, flipped=bool(scene.flipped)) for claim in scene.claims]
        if scene.failed:
            lines.append(Content.styled(f"✗ the story failed: {scene.failed}", "$text-error"))
        if scene.ended:
            lines.append(Content.styled(CLOSED, "$foreground 75%"))
            lines += [_offers(self.view.offers)] if self.view.offers else []
        return Content("\n").join(lines)


def _first_line(scene: Scene, *, running: bool) -> Content:
    badge = (f" FLIPPED: {scene.flipped} ", "bold $background on $warning")
    return Content.assemble(
        (f"STORY  {scene.title}", "bold $text-primary"),
        *(("  ", badge) if scene.flipped else ()),
        ("  " + _where(scene), "$foreground 75%"),
        ("  " + _state(scene, running=running), "bold"),
    )


def _where(scene: Scene) -> str:
    act = f"act {scene.act_number} of {scene.acts}: {scene.act}" if scene.acts > 1 else scene.act
    return f"{act} · step {scene.step} of {scene.steps}"


def _state(scene: Scene, *, running: bool) -> str:
    if scene.ended:
        broken = sum(claim.holds is False for claim in scene.claims)
        if scene.failed:
            return "■ failed"
        if scene.finding:
            return f"■ end: {scene.finding}"
        return "■ end: every claim holds" if not broken else f"■ end: {broken} broken"
    if scene.replaying:
        return f"… replaying {scene.step} of {scene.replaying}"
    if scene.busy:
        return "… playing"
    return "▶ runs" if running else "‖ waits for →"


def _done(scene: Scene) -> Content:
    came = f"  {scene.came}" if scene.came else ""
    return Content.assemble((f"> {scene.doing}", "bold"), (came, "$foreground 75%"))


def _claim(claim: ClaimResult, *, flipped: bool) -> Content:
    sign, style = ("✓ holds ", "$text-success") if claim.holds else ("✗ BROKEN", "$text-error")
    if flipped and not claim.holds:
        # The purpose of the flip, and no failure.
        sign, style = "≠ not so", "$text-accent"
    shown = claim.evidence or claim.found
    return Content.assemble(
        (sign, style), f"  {claim.says}", (f"  ({shown})" if shown else "", "$foreground 75%")
    )


def _offers(offers: tuple[tuple[str, str], ...]) -> Content:
    parts = [Content.assemble((key, "bold $text-primary"), f" {words}") for key, words in offers]
    return Content("  ·  ").join(parts)
