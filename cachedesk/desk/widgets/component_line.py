"""A component of the stack as one line, aligned with the lines of the others."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.snapshot import Health
from cachedesk.desk.views.components import ComponentView, Fact, state_mark
from cachedesk.desk.views.formats import cut, left
from cachedesk.desk.views.headline import NEARLY_FULL, Tone
from cachedesk.desk.views.scales import bar
from cachedesk.desk.views.shortening import shortened

_NAME_CELLS = 7
_WORD_CELLS = 10
_LEAD_CELLS = 17
_FACT_CELLS = 14
_WIDEST_FACT_CELLS = 22
_MOST_FACTS = 4

_STYLES = {
    Tone.IDLE: "$foreground 60%",
    Tone.WELL: "$text-success",
    Tone.WARNING: "bold $text-warning",
    Tone.BROKEN: "bold $text-error",
}


class ComponentLine(Widget):
    """Draws a ``ComponentView``: state, leading figure, and as many facts as there is room for."""

    DEFAULT_CSS = """
    ComponentLine { height: 1; }
    """

    view: reactive[ComponentView] = reactive(ComponentView(""))

    @property
    def _ink(self) -> str:
        # What a dead part shows is its last known state: true once, and drawn as such.
        return "$foreground 40%" if self.view.health is Health.DOWN else "$foreground"

    def render(self) -> Content:
        """Return the line."""
        width = self.size.width
        view = self.view
        glyph, tone = state_mark(view.health, view.word)[0], view.tone
        state = view.state
        name = left(view.name, _NAME_CELLS)
        pieces: list[str | Content | tuple[str, str]] = [
            (f"{glyph} ", _STYLES[tone]),
            (name, "bold" if tone is Tone.WELL else _STYLES[tone]),
        ]
        if len(state) < _WORD_CELLS:
            pieces += [
                (left(state, _WORD_CELLS), _STYLES[tone]),
                (bar(view.fill, 1) if view.fill is not None else " ", self._gauge_style()),
                (" " + left(view.lead.brief or view.lead.value, _LEAD_CELLS - 2), self._ink),
            ]
        else:
            # A state that needs more words is no ordinary one: it is worth the leading figure.
            pieces.append((left(state, _WORD_CELLS + _LEAD_CELLS), _STYLES[tone]))
        room = width - 2 - _NAME_CELLS - _WORD_CELLS - _LEAD_CELLS
        if view.note:
            pieces.append((" " + shortened(view.note, room - 1), "$text-error"))
            return Content.assemble(*pieces)
        # The number of cells depends on the room alone, so that the four lines form a grid.
        count = min(_MOST_FACTS, max(1, room // _FACT_CELLS))
        cell = min(_WIDEST_FACT_CELLS, room // count)
        for fact in view.facts[:count]:
            pieces += [" ", self._fact(fact, cell - 1)]
        return Content.assemble(*pieces)

    def _fact(self, fact: Fact, width: int) -> Content:
        value = cut(fact.value, width)
        label = left(fact.label, width - len(value) - 1)
        return Content.assemble((label, "$foreground 75%"), " ", (value, self._ink))

    def _gauge_style(self) -> str:
        if self.view.health is Health.DOWN:
            return "$foreground 40%"
        return "$warning" if (self.view.fill or 0) >= NEARLY_FULL else "$primary"
