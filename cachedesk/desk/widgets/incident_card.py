"""The card of an incident, which slides over the lists when a fault has ended."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.geometry import Offset, Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.formats import cut, left
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.views.incident_card import Fact, IncidentCard
from cachedesk.desk.views.incident_curve import Curve, Phase

_LABEL_CELLS = 10
_MOST_CURVE = 60
_LEAST_CURVE = 8
_SLIDE_SECONDS = 0.3
_QUIET = "$foreground 75%"
_TONES = {
    Tone.IDLE: "$foreground",
    Tone.WELL: "$text-success",
    Tone.WARNING: "bold $text-warning",
    Tone.BROKEN: "bold $text-error",
}
_PHASES = {
    Phase.BEFORE: "$primary 70%",
    Phase.DURING: "bold $text-error",
    Phase.AFTER: "$primary",
}
_CLOSES = "any key closes"
SIDE_BY_SIDE = ", side by side"
"""Stands after what Enter opens, if there is room."""


class IncidentCardPane(Widget):
    """Draws an ``IncidentCard``; hidden while it has none. It never takes the focus."""

    class Clicked(Message):
        """The card was clicked. ``side``: on the line that starts two stacks side by side."""

        def __init__(self, *, side: bool) -> None:
            super().__init__()
            self.side = side

    DEFAULT_CSS = """
    IncidentCardPane {
        display: none;
        layer: card;
        dock: bottom;
        width: 100%;
        height: auto;
        max-height: 100%;
        padding: 0 1;
        background: $panel;
        text-wrap: nowrap;
        &.-shown { display: block; }
    }
    """
    ALLOW_SELECT = False

    card: reactive[IncidentCard | None] = reactive(None)
    """The card to show; ``None``: none."""

    enter: reactive[str] = reactive("")
    """What Enter does, in words; empty: nothing of its own."""

    def watch_card(self, before: IncidentCard | None, card: IncidentCard | None) -> None:
        """Slide in, adapt the height, or hide."""
        self.set_class(card is not None, "-shown")
        if card is None:
            return
        self.set_class(card.tone is Tone.BROKEN, "-harmful")
        self.border_title = Content(card.title)
        self.border_subtitle = Content(_CLOSES)
        if before is None:
            self.offset = Offset(0, _rows(card) + 3)
            self.animate("offset", Offset(0, 0), duration=_SLIDE_SECONDS)
        if before is None or _rows(before) != _rows(card):
            self.refresh(layout=True)

    def watch_enter(self) -> None:
        """Make room for the line, or none."""
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines that the whole card has."""
        if self.card is None:
            return 0
        return _rows(self.card) + self._titled + bool(self.enter)

    def render(self) -> Content:
        """Return the lines that fit, the most important ones."""
        card = self.card
        if card is None:
            return Content()
        width, height = self.size
        room = height - self._titled - bool(self.enter)
        lines = [_title(card, width)] if self._titled else []
        lines += [
            _fact(it, width) if isinstance(it, Fact) else _curve(it, width)
            for it in card.lines(room)
        ]
        if self.enter:
            words = self.enter
            if cell_len(words) > width - _LABEL_CELLS:
                words = cut(words.removesuffix(SIDE_BY_SIDE), width - _LABEL_CELLS)
            lines.append(_line("Enter", "bold $text-accent", Content.styled(words, "$text-accent")))
        return Content("\n").join(lines[:height])

    def on_click(self, event: Click) -> None:
        """Tell where it was clicked."""
        below = self.content_region.bottom - 1
        event.stop()
        self.post_message(self.Clicked(side=bool(self.enter) and event.screen_y == below))

    @property
    def _titled(self) -> bool:
        """Whether the title takes a line, because there is no frame."""
        return not self.styles.border_top[0]


def _rows(card: IncidentCard) -> int:
    return len(card.facts) + (card.curve is not None)


def _title(card: IncidentCard, width: int) -> Content:
    title = f"{card.title}, {card.lasted}"
    gap = width - cell_len(title) - cell_len(_CLOSES)
    style = _TONES[card.tone] if card.tone is Tone.BROKEN else "bold"
    if gap < 2:
        return Content.styled(cut(title, width), style)
    return Content.assemble((title, style), " " * gap, (_CLOSES, _QUIET))


def _line(label: str, style: str, content: Content) -> Content:
    return Content.assemble((left(label, _LABEL_CELLS), style), content)


def _fact(fact: Fact, width: int) -> Content:
    room = width - _LABEL_CELLS
    text = fact.text if cell_len(fact.text) <= room else cut(fact.brief, room)
    return _line(fact.label, _QUIET, Content.styled(text, _TONES[fact.tone]))


def _curve(curve: Curve, width: int) -> Content:
    room = width - _LABEL_CELLS
    before = f"{curve.before} " if curve.before else ""
    after = f" {curve.now}, {curve.extreme}" if curve.extreme else f" {curve.now}"
    if room - cell_len(before + after) < _LEAST_CURVE:
        after = f" {curve.now}"
    cells = curve.columns(min(_MOST_CURVE, room - cell_len(before + after)))
    drawn = Content.assemble(*((glyph, _PHASES[phase]) for glyph, phase in cells))
    line = Content.assemble((before, _QUIET), drawn, (after, ""))
    return _line(curve.label, _QUIET, line)
