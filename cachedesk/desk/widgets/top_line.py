"""The top line: the name of the program, the headline, and what drives the stack."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.headline import STARTING, Headline, Tone

NAME = "cachedesk"

STYLES = {
    Tone.IDLE: ("◌", "$foreground 60%"),
    Tone.WELL: ("●", "$text-success"),
    Tone.WARNING: ("◐", "bold $text-warning"),
    Tone.BROKEN: ("✗", "bold $text-error"),
}
"""The glyph and the style of each tone."""


@dataclass(frozen=True, slots=True)
class TopView:
    """The content of the top line; ``facts`` stand at the right, the most important first."""

    headline: Headline = STARTING
    facts: tuple[str, ...] = ()
    badge: str = ""


def facts_that_fit(facts: tuple[str, ...], room: int) -> tuple[str, ...]:
    """Return the first facts that fit into ``room`` cells, each with a gap of three cells."""
    shown: list[str] = []
    for fact in facts:
        room -= cell_len(fact) + 3
        if room < 0:
            break
        shown.append(fact)
    return tuple(shown)


class TopLine(Widget):
    """Draws a ``TopView`` as one line: the headline at the left, the facts at the right."""

    DEFAULT_CSS = """
    TopLine { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    view: reactive[TopView] = reactive(TopView())

    def render(self) -> Content:
        """Return the line; on a narrow screen facts are dropped before words of the headline."""
        width = self.size.width
        glyph, style = STYLES[self.view.headline.tone]
        badge = f" {self.view.badge} " if self.view.badge else ""
        room = width - len(NAME) - 5 - (cell_len(badge) + 2 if badge else 0)
        sentence = self.view.headline.fitted(room)
        shown = facts_that_fit(self.view.facts, room - cell_len(sentence))
        right = " · ".join(shown)
        gap = width - len(NAME) - 5 - cell_len(sentence) - cell_len(right)
        gap -= cell_len(badge) + 2 if badge else 0
        return Content.assemble(
            (NAME, "bold $text-primary"),
            "   ",
            (f"{glyph} {sentence}", style),
            ("  ", ""),
            (badge, "bold $background on $warning"),
            " " * (gap - (0 if badge else 2)),
            (right, "$foreground 75%"),
        )
