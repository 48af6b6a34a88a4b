"""How a chart divides its rows, and its notes among theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cachedesk.desk.views.charts import Notes
from cachedesk.desk.views.formats import cut

GUTTER = 6
"""The width of the printed scale at the left, in cells."""

_SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Rows:
    """The number of rows of each part of a chart; a low chart lacks some of them."""

    title: int
    notes: int
    plot: int
    names: int
    time: int

    @classmethod
    def within(cls, height: int, *, framed: bool, notes: int = 2, names: int = 0) -> Rows:
        """Divide ``height`` rows between the axis, the plot, and lines of ``notes`` and ``names``.

        Most rows are the plot's. A framed chart has its title and its time in the frame.
        """
        title = 0 if framed else 1
        time = 1 if not framed and height >= 5 else 0
        room = height - title - 1 - time
        notes = min(notes, cls.most_notes(height, framed=framed))
        names = min(names, cls.most_names(height, framed=framed))
        return cls(title, notes, max(1, room - notes - names), names, time)

    @staticmethod
    def most_notes(height: int, *, framed: bool) -> int:
        """Return the maximum number of lines of notes."""
        return max(0, (height - _other_rows(framed=framed)) // 4)

    @staticmethod
    def most_names(height: int, *, framed: bool) -> int:
        """Return the maximum number of lines of names."""
        return max(0, 1 + (height - _other_rows(framed=framed) - 4) // 10)


def title_parts(number: int, title: str, figure: str, width: int) -> tuple[str, str, str]:
    """Return the number, the title and the figure of a chart, which together with a gap take at
    most ``width`` cells.

    Without room for all, the number is dropped first, then what stands after the dot of the title,
    then its other words. The figure is the last to be truncated.
    """
    first, _, rest = title.partition(" · ")
    # The figure is that of the first word; a shorter figure could be read as the other's.
    own = figure.removeprefix(f"{first.lower()} ") if rest else figure
    forms = [(title, figure), *([(first, own)] if rest else []), (first.partition(" ")[0], own)]
    for shown, value in forms:
        gap = 1 if value else 0
        for named in (f"{number} ", ""):
            if cell_len(named) + cell_len(shown) + gap + cell_len(value) <= width:
                return named, shown, value
    return "", "", cut(own, width)


def flowed(notes: Notes, width: int, rows: int) -> Notes:
    """Return the notes in at most ``rows`` lines of ``width`` cells.

    If there are more lines than rows, neighbours that fit share a line; the last lines are left
    out.
    """
    if len(notes) <= rows:
        return notes
    lines: list[tuple[str, ...]] = []
    for note in notes:
        together = (*lines[-1], *note) if lines else ()
        if together and cell_len(_SEPARATOR.join(together)) <= width:
            lines[-1] = together
        else:
            lines.append(note)
    return tuple(lines[:rows])


def joined(pieces: Sequence[str], width: int) -> str:
    """Return the pieces as one line with the widest separator that fits into ``width`` cells; if
    none fits, without the last pieces."""
    lines = (
        gap.join(pieces[:count])
        for count in range(len(pieces), 0, -1)
        for gap in (_SEPARATOR, ", ", " ")
    )
    return next((line for line in lines if cell_len(line) <= width), "".join(pieces[:1]))


def _other_rows(*, framed: bool) -> int:
    """Return the number of rows of the title, the axis and the time."""
    return 1 if framed else 3
