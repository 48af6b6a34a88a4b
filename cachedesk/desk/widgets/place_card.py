"""What one store holds for a key: a card if there is room, else a line."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.formats import cut, left
from cachedesk.desk.views.key_explained import Emphasis, PlaceView

STYLES = {
    Emphasis.WELL: "$text-success",
    Emphasis.AHEAD: "$text-accent",
    Emphasis.QUIET: "$foreground 75%",
    Emphasis.WARNING: "$text-warning",
    Emphasis.BROKEN: "bold $text-error",
}
_NAME_CELLS = 7
_WORD_CELLS = 11
_QUIET = "$foreground 75%"


class PlaceCard(Widget):
    """Draws a ``PlaceView``; its own height decides the form."""

    DEFAULT_CSS = """
    PlaceCard { height: 1; width: 1fr; text-wrap: nowrap; }
    """

    view: reactive[PlaceView | None] = reactive(None)
    _framed = Content()

    def watch_view(self, view: PlaceView | None) -> None:
        """Put the state into the frame's title."""
        if view is None:
            return
        self.set_class(view.emphasis is Emphasis.BROKEN, "-broken")
        title = Content.assemble(
            (view.name, "bold"), "  ", (f"{view.glyph} {view.word}", STYLES[view.emphasis])
        )
        if not title.is_same(self._framed):
            self._framed = title
            self.border_title = title

    def render(self) -> Content:
        """Return the card or the line."""
        if self.view is None:
            return Content()
        width, height = self.size
        return _line(self.view, width) if height == 1 else _card(self.view, width, height)


def _line(view: PlaceView, width: int) -> Content:
    room = width - 2 - _NAME_CELLS - _WORD_CELLS
    pieces: list[tuple[str, str]] = [
        (f"{view.glyph} ", STYLES[view.emphasis]),
        (left(view.name, _NAME_CELLS), "bold"),
        (left(view.word, _WORD_CELLS), STYLES[view.emphasis]),
    ]
    if view.error:
        return Content.assemble(*pieces, (cut(view.error, room), "$text-error"))
    facts = " · ".join(view.facts)
    # The value is truncated in favour of the facts, but keeps at least half of the space.
    value = cut(view.value, max(room - cell_len(facts) - 2, room // 2))
    rest = cut(facts, room - cell_len(value) - 2)
    return Content.assemble(*pieces, (value, "bold"), "  ", (rest, _QUIET))


def _card(view: PlaceView, width: int, height: int) -> Content:
    if view.error:
        rows = [Content.assemble((row, "$text-error")) for row in _wrapped(view.error, width)]
        return Content("\n").join(rows[:height])
    rows = [Content.assemble((cut(view.value, width), "bold"))]
    rows += [Content.assemble((cut(fact, width), _QUIET)) for fact in view.facts]
    return Content("\n").join(rows[:height])


def _wrapped(text: str, width: int) -> list[str]:
    rows = [""]
    for word in text.split():
        joined = f"{rows[-1]} {word}".strip()
        if cell_len(joined) <= width or not rows[-1]:
            rows[-1] = joined
        else:
            rows.append(word)
    return [cut(row, width) for row in rows]
