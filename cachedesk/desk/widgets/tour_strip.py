"""The strip of a tour: what is said, asked and awaited, and what the run has shown."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.lab.stories.tour_guide import Phase, TourScene

NEXT = "→ or space"


@dataclass(frozen=True, slots=True)
class TourView:
    """The content of the strip: the scene, the key of the step as the user has it, and whether
    questions are shown large, for a class."""

    scene: TourScene
    key: str = ""
    large: bool = False


class TourStrip(Widget):
    """Draws a ``TourView`` in as many lines as it needs."""

    DEFAULT_CSS = """
    TourStrip {
        height: auto;
        max-height: 70%;
        padding: 0 1;
        background: $accent 20%;
        color: $foreground;
        &.-large {
            min-height: 45%;
            max-height: 90%;
            padding: 0 6;
            text-style: bold;
        }
    }
    """

    ALLOW_SELECT = False

    view: reactive[TourView | None] = reactive(None, layout=True)

    def watch_view(self) -> None:
        """Make room for a question that is shown large."""
        view = self.view
        asked = view is not None and view.scene.phase in (Phase.ASK, Phase.TOLD)
        self.set_class(view is not None and view.large and bool(view.scene.ask) and asked, "-large")

    def render(self) -> Content:
        """Return the lines."""
        if self.view is None:
            return Content()
        lines = [_first_line(self.view.scene), *_parts(self.view)]
        return Content("\n\n" if self.has_class("-large") else "\n").join(lines)


def _first_line(scene: TourScene) -> Content:
    score = f"  {scene.right_answers} of {scene.answers} right" if scene.answers else ""
    return Content.assemble(
        (f"TOUR  {scene.number} of {scene.stations}: {scene.station}", "bold $text-accent"),
        (score, "$foreground 75%"),
        ("  esc leaves", "$foreground 60%"),
    )


def _parts(view: TourView) -> list[Content]:
    scene = view.scene
    if scene.phase is Phase.ENDED:
        score = f"{scene.right_answers} of {scene.answers} answers right"
        return [
            Content.assemble(("The end: ", "bold"), score if scene.answers else "no answers"),
            _awaited("t", "lists the stories"),
            _awaited("esc", "closes this"),
        ]
    parts = [Content(scene.say)]
    if scene.ask:
        parts.append(Content.styled(scene.ask, "bold"))
        numbers = range(1, 1 + len(scene.choices))
        between = Content("\n" if view.large else "   ")
        parts.append(between.join(_choice(scene, number) for number in numbers))
    if scene.told:
        parts.append(Content.assemble(_verdict(scene), scene.told))
    return [*parts, *_prompt(view)]


def _choice(scene: TourScene, number: int) -> Content:
    style, mark = ("bold $text-accent", "▸") if scene.chosen == number else ("", " ")
    if scene.phase is Phase.TOLD and scene.right == number:
        style, mark = "bold $text-success", "✓"
    return Content.assemble((f"{mark}{number} {scene.choices[number - 1]}", style))


def _verdict(scene: TourScene) -> Content:
    if scene.right is None or scene.chosen is None:
        return Content()
    if scene.chosen == scene.right:
        return Content.styled("✓ right. ", "bold $text-success")
    return Content.styled(f"✗ it is {scene.right}. ", "bold $text-warning")


def _prompt(view: TourView) -> list[Content]:
    scene = view.scene
    match scene.phase:
        case Phase.ASK:
            last = len(scene.choices)
            if view.large:
                return [_awaited(NEXT, "when the class has answered")]
            return [_awaited(f"1 to {last}", "answer")]
        case Phase.PRESS:
            return [_awaited(view.key, "now")]
        case Phase.WAIT:
            return [Content.styled("… watch", "$foreground 75%")]
        case _:
            return [_awaited(NEXT, "go on")]


def _awaited(key: str, words: str) -> Content:
    return Content.assemble(("▶ ", "$text-accent"), (key, "bold $text-accent"), f" {words}")
