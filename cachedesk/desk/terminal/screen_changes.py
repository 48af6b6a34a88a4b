"""Screen changes: what to send to a terminal so that it shows a screen, given what it shows.

Only the cells that differ are sent: a tick changes a few hundred of the thousands of cells of a
desk. What Textual itself sends is fifteen times as much, since it draws whole widgets anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeAlias

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

_HIDE_CURSOR = "\x1b[?25l"
_NO_STYLE = Style()
_SHORTEST_GAP = 4
"""So few equal cells between changes are sent again: to move the cursor takes as much."""

_Cell: TypeAlias = tuple[str, Style]
"""The text of a cell, with what combines with it, and its style. The second half of a wide
character has no text."""


class ScreenChanges:
    """A terminal that is kept up to date. It begins empty."""

    def __init__(self) -> None:
        self._shown: list[list[_Cell]] = []
        self._style: Style | None = None

    def to(self, strips: Sequence[Strip]) -> str:
        """Return what makes the terminal show ``strips``, one a row; empty if it does."""
        rows = [list(_cells(strip)) for strip in strips]
        if len(rows) != len(self._shown):
            self._shown = [[] for _ in rows]
        start = "" if self._style is not None else _HIDE_CURSOR
        text = "".join(
            self._row(number, shown, row)
            for number, (shown, row) in enumerate(zip(self._shown, rows, strict=True))
            if shown != row
        )
        self._shown = rows
        return f"{start}{text}" if text else ""

    def _row(self, number: int, shown: list[_Cell], row: list[_Cell]) -> str:
        parts = []
        for start, stop in _spans(shown, row):
            parts.append(f"\x1b[{number + 1};{start + 1}H")
            for text, style in row[start:stop]:
                if style != self._style:
                    parts.append(_sgr(style))
                    self._style = style
                parts.append(text)
        return "".join(parts)


def _cells(strip: Strip) -> Iterator[_Cell]:
    before: _Cell | None = None
    for text, style, control in strip:
        if control:
            continue
        for sign in text:
            width = cell_len(sign)
            if not width and before is not None:
                before = (before[0] + sign, before[1])
                continue
            if before is not None:
                yield before
            before = (sign, style or _NO_STYLE)
            for _ in range(width - 1):
                yield before
                before = ("", style or _NO_STYLE)
    if before is not None:
        yield before


def _spans(shown: list[_Cell], row: list[_Cell]) -> Iterator[tuple[int, int]]:
    """Yield from where to where ``row`` must be sent."""
    start = stop = -1
    for place, cell in enumerate(row):
        if place < len(shown) and shown[place] == cell:
            continue
        if start >= 0 and place - stop > _SHORTEST_GAP:
            yield start, stop
            start = -1
        if start < 0:
            # A wide character is sent from its first half on.
            start = place - 1 if not cell[0] else place
        stop = place + 1
    if start >= 0:
        yield start, stop


@cache
def _sgr(style: Style) -> str:
    """Return the sequence that sets ``style`` and nothing of the style before."""
    codes = style.without_color.render("x", color_system=ColorSystem.TRUECOLOR)
    colours = Style(color=style.color, bgcolor=style.bgcolor)
    rendered = colours.render("x", color_system=ColorSystem.TRUECOLOR)
    inside = [text[2:].partition("m")[0] for text in (codes, rendered) if text != "x"]
    return f"\x1b[{';'.join(['0', *inside])}m"
