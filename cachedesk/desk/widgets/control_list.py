"""The list of controls: one line each, to be changed by key or mouse."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.formats import cut, left

_LABEL, _SHORT_LABEL, _VALUE = 16, 12, 16
_ROOMY = 64
"""The width from which a label has all its cells beside the buttons."""
_LEAST_HINT = 18


class Act(Enum):
    """The effect of a click on a piece of a line."""

    CHOOSE = "choose"
    LESS = "less"
    MORE = "more"
    TYPE = "type"
    PAUSE = "pause"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class ControlLine:
    """A line of the list.

    Args:
        name: identifies the control.
        label: the label.
        value: the current value.
        hint: what a change does; shown if there is room.
        buttons: pairs of act and text, which take the place of the hint.
        turns: whether the control can be changed now.
    """

    name: str
    label: str
    value: str
    hint: str = ""
    buttons: tuple[tuple[Act, str], ...] = ()
    turns: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line, and the effect of a click on it."""

    text: str
    style: str = ""
    act: Act = Act.CHOOSE


def pieces(line: ControlLine, width: int, *, chosen: bool) -> tuple[Piece, ...]:
    """Return the pieces of the line within ``width`` cells, from left to right."""
    key = "bold $text-primary" if line.turns else "$foreground 40%"
    label = _LABEL if width >= _ROOMY else _SHORT_LABEL
    value = left(line.value.center(_VALUE) if cell_len(line.value) <= _VALUE else line.value, 16)
    drawn = [
        Piece("▶ " if chosen else "  ", "$text-primary"),
        Piece(left(line.label, label), "bold" if chosen else ""),
        Piece(" ◂ ", key, Act.LESS),
        Piece(value, "bold" if line.turns else "$foreground 75%", Act.TYPE),
        Piece(" ▸ ", key, Act.MORE),
    ]
    room = width - sum(cell_len(piece.text) for piece in drawn)
    for act, words in line.buttons:
        letter, _, rest = words.partition(" ")
        if cell_len(words) + 1 <= room:
            drawn += [Piece(f" {letter}", "bold $text-warning", act), Piece(f" {rest} ", "", act)]
            room -= cell_len(words) + 2
    if not line.buttons and room - 1 >= max(_LEAST_HINT, cell_len(line.hint)):
        drawn.append(Piece(cut(f" {line.hint}", room), "$foreground 75%"))
    return tuple(drawn)


def act_at(drawn: tuple[Piece, ...], x: int) -> Act:
    """Return the effect of a click on cell ``x`` of the line."""
    for piece in drawn:
        x -= cell_len(piece.text)
        if x < 0:
            return piece.act
    return Act.CHOOSE


class ControlList(Widget, can_focus=True):
    """Draws the lines and posts what the user does to them."""

    @dataclass
    class Chosen(Message):
        """The user has chosen another line."""

        name: str

    @dataclass
    class Did(Message):
        """The user has done ``act`` to the chosen line."""

        act: Act

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("home,pageup", "move(-99)", "First", show=False),
        Binding("end,pagedown", "move(99)", "Last", show=False),
        Binding("enter", "do('type')", "Type", show=False),
    ]
    DEFAULT_CSS = """
    ControlList {
        height: auto;
        pointer: pointer;
    }
    """

    lines: reactive[tuple[ControlLine, ...]] = reactive((), layout=True)
    chosen: reactive[int] = reactive(0)

    def render(self) -> Content:
        """Return the lines, the chosen one with a pointer and a background."""
        width = self.size.width
        rows = []
        for index, line in enumerate(self.lines):
            chosen = index == self.chosen
            drawn = pieces(line, width, chosen=chosen)
            row = Content.assemble(*((piece.text, piece.style) for piece in drawn))
            row = row.pad_right(max(0, width - row.cell_length))
            rows.append(row.stylize("on $primary 22%") if chosen else row)
        return Content("\n").join(rows)

    @property
    def name_chosen(self) -> str:
        """The name of the chosen line; empty if the list is."""
        return self.lines[self.chosen].name if self.lines else ""

    def action_move(self, rows: int) -> None:
        """Choose the line this many rows further down, within the list."""
        self._choose(max(0, min(len(self.lines) - 1, self.chosen + rows)))

    def action_do(self, act: str) -> None:
        """Post ``Did`` with this act."""
        self.post_message(self.Did(Act(act)))

    def on_click(self, event: events.Click) -> None:
        """Choose the line that was clicked, and do what the clicked piece is for."""
        at = event.get_content_offset(self)
        if at is None or at.y >= len(self.lines):
            return
        self._choose(at.y)
        act = act_at(pieces(self.lines[at.y], self.size.width, chosen=True), at.x)
        if act is not Act.CHOOSE:
            self.post_message(self.Did(act))

    def _choose(self, index: int) -> None:
        if index != self.chosen:
            self.chosen = index
            self.post_message(self.Chosen(self.name_chosen))
