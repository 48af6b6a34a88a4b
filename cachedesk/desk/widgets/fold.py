"""The fold of a key, step by step: its pending events, oldest first, with the value after each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.key_report import KeyReport
from cachedesk.desk.views.formats import cut, left, right
from cachedesk.desk.views.key_explained import StepRow, letter_lines, step_rows

HEADER = StepRow(" ", "seq", "write", "age", "result")
_QUIET = "$foreground 75%"
_GAP = 2
_GLYPH_STYLES = {"✗": "bold $text-error", "▸": "$text-accent", "=": _QUIET, "⋯": _QUIET}


class Fold(Widget):
    """Draws the steps of a ``KeyReport`` and below them its dead letters."""

    DEFAULT_CSS = """
    Fold { height: auto; text-wrap: nowrap; }
    """

    report: reactive[KeyReport | None] = reactive(None, always_update=False)
    _rows: tuple[StepRow, ...] = ()
    _letters: tuple[str, ...] = ()

    def watch_report(self, report: KeyReport | None) -> None:
        """Adapt the height to the new rows."""
        if report is None:
            return
        before = self._height
        self._rows, self._letters = step_rows(report), letter_lines(report.letters)
        if self._height != before:
            self.refresh(layout=True)

    @property
    def _height(self) -> int:
        return len(self._rows) + bool(self._rows) + len(self._letters)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return one line for the header, each step and each dead letter."""
        return self._height

    def render(self) -> Content:
        """Return the table."""
        width = self.size.width
        lines = []
        if self._rows:
            widths = column_widths(self._rows, width)
            lines.append(_table_row(HEADER, widths, header=True))
            lines += [_table_row(row, widths) for row in self._rows]
        lines += [
            Content.assemble(("✗ ", "bold $text-error"), (cut(line, width - 2), "$text-error"))
            for line in self._letters
        ]
        return Content("\n").join(lines)


def column_widths(rows: Sequence[StepRow], width: int) -> tuple[int, int, int, int, int]:
    """Return the widths of seq, write, age, result and note within ``width`` cells. Write, result
    and note share the space that the others leave, each at most what it needs."""
    needed = [
        max(cell_len(cell) for cell in cells)
        for cells in zip(
            *((row.seq, row.what, row.age, row.after, row.note) for row in (HEADER, *rows)),
            strict=True,
        )
    ]
    seq, what, age, after, note = needed
    gaps = _GAP * (4 if note else 3)
    room = max(0, width - 2 - gaps - seq - age)
    note = min(note, max(room // 3, room - what - after))
    room -= note
    if what + after > room:
        what = min(what, max(room // 2, room - after))
        after = min(after, room - what)
    return seq, what, age, after, note


def _table_row(row: StepRow, widths: Sequence[int], *, header: bool = False) -> Content:
    seq, what, age, after, note = widths
    gap = " " * _GAP
    broken = row.glyph == "✗"
    quiet = _QUIET
    return Content.assemble(
        (f"{row.glyph} ", _GLYPH_STYLES.get(row.glyph, "")),
        (right(row.seq, seq) + gap, quiet),
        (left(row.what, what) + gap, quiet if header else ""),
        (right(row.age, age) + gap, quiet),
        (right(row.after, after), quiet if header else "bold"),
        (gap + cut(row.note, note) if note else "", "$text-error" if broken else quiet),
    )
