"""The flow for a projector: filled boxes over the whole room, few words, large figures."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.renderables.digits import DIGITS, DIGITS3X3_BOLD

from cachedesk.desk.views.components import ComponentView, state_mark
from cachedesk.desk.views.flow_grid import Box, Grid, Run, label_style
from cachedesk.desk.views.flow_model import Arrow, ArrowState, FlowModel
from cachedesk.desk.views.formats import cut
from cachedesk.desk.views.headline import Tone

LEAST_WIDTH, LEAST_HEIGHT = 54, 14

_LINES = {
    ArrowState.IDLE: ("─", "│", "▶", "▼", "▲", "idle"),
    ArrowState.WELL: ("━", "┃", "▶", "▼", "▲", "well"),
    ArrowState.LIT: ("━", "┃", "▶", "▼", "▲", "lit"),
    ArrowState.BLOCKED: ("╍", "╏", "✗", "✗", "✗", "blocked"),
    ArrowState.HELD: ("╍", "╏", "‖", "‖", "‖", "lit"),
}
_FRAMES = {
    Tone.IDLE: ("┌─┐│└─┘", "idle", "on-idle"),
    Tone.WELL: ("┏━┓┃┗━┛", "up", "on-well"),
    Tone.WARNING: ("┏━┓┃┗━┛", "lit", "on-warning"),
    Tone.BROKEN: ("┏╍┓╏┗╍┛", "blocked", "on-broken"),
}
_DIGIT_ROWS = 3
_LARGE_LETTERS = "0123456789,"
_WRITE = "write "
"""The line above the legend says it."""
_ROOMY_HEIGHT = 12
"""The height of the app's box from which its lines are apart."""


def projector_fits(width: int, height: int) -> bool:
    """Return whether ``projector_lines`` has room for every arrow and its label."""
    return width >= LEAST_WIDTH and height >= LEAST_HEIGHT


def projector_lines(model: FlowModel, width: int, height: int) -> list[list[Run]]:
    """Return the picture as ``height`` lines of ``width`` cells, each a list of runs.

    Args:
        model: the flow to draw.
        width: as ``projector_fits`` says.
        height: likewise.
    """
    grid = Grid(width, height)
    gap = 2 if height >= 20 else 1
    low = (height - 2 * gap) // 3
    upper = (height - 2 * gap - low) // 2
    middle = height - 2 * gap - low - upper
    entry = max(12, width * 20 // 100)
    right = width - max(22, width * 36 // 100)
    lower_top = height - low
    app = Box(0, 0, entry, upper + gap + middle)
    redis = Box(right, 0, width - right, upper)
    database = Box(right, upper + gap, width - right, middle)
    log = Box(0, lower_top, right - max(12, (width - entry) * 16 // 100), low)
    worker = Box(right, lower_top, width - right, low)

    _draw_app(grid, app, model)
    for box, part in (
        (redis, model.redis),
        (database, model.database),
        (log, model.log),
        (worker, model.worker),
    ):
        _draw_part(grid, box, part)
    _draw_pair(grid, redis, (entry, right), (model.hit, model.set))
    _draw_pair(grid, database, (entry, right), (model.miss, model.through))
    _draw_across(grid, log.top + log.height // 2, (log.right, right), model.take)
    _draw_upright(grid, right + 4, (redis.bottom, database.top), model.fill, up=True)
    _draw_upright(grid, right + 4, (database.bottom, worker.top), model.flush, up=True)
    _draw_upright(grid, 4, (app.bottom, log.top), model.behind, up=False)
    return grid.lines()


def _draw_app(grid: Grid, box: Box, model: FlowModel) -> None:
    _fill(grid, box, *_FRAMES[Tone.IDLE])
    inner = box.width - 4
    lines = [("app", "on-idle")]
    for word, figure in (("reads", model.reads), ("writes", model.writes)):
        if box.height >= _ROOMY_HEIGHT:
            lines.append(("", "on-idle"))
        if cell_len(word) + 1 + cell_len(figure) <= inner:
            lines.append((f"{word} {figure}", "on-idle"))
        else:
            lines += [(word, "on-idle"), (figure, "on-idle")]
    legend = model.legend(inner + len(_WRITE)).removeprefix(_WRITE)
    lines.append((legend if cell_len(legend) <= inner else model.legend(inner), "on-idle"))
    _write_centred(grid, box, lines)


def _draw_part(grid: Grid, box: Box, part: ComponentView) -> None:
    glyph, tone = state_mark(part.health, part.word)
    frame, frame_style, ground = _FRAMES[part.tone if tone is Tone.WELL else tone]
    _fill(grid, box, frame, frame_style, ground)
    room = box.width - 4
    state = part.state if cell_len(part.name) + cell_len(part.state) + 4 <= room else part.word
    head = f"{part.name}  {glyph} {state}"
    lines = [head] if cell_len(head) <= room else [part.name, f"{glyph} {state}"]
    figure, unit = _figure(part)
    rows = box.height - 2
    large = _large(figure)
    if large and rows >= len(lines) + _DIGIT_ROWS + 1 and cell_len(large[0]) <= room:
        words = [*large[:-1], f"{large[-1]} {unit}"] if unit else large
        lines += [""] * (1 if rows > len(lines) + _DIGIT_ROWS + 1 else 0) + list(words)
    elif figure and rows > len(lines):
        lines.append(f"{figure} {unit}".strip())
    _write_centred(grid, box, [(line, ground) for line in lines])


def _figure(part: ComponentView) -> tuple[str, str]:
    """Return the one figure that a room of people must see, and its unit."""
    if part.name == "Redis" and part.facts:
        return part.facts[0].value, part.facts[0].label
    if part.name == "Log" and part.lead.label == "depth":
        return part.lead.value.partition("/")[0], "waiting"
    if part.name == "Worker":
        return "", ""
    figure, _, unit = part.lead.value.partition(" ")
    return figure, unit


def _large(figure: str) -> Sequence[str]:
    """Return ``figure`` as three lines of large digits; none if it has other letters."""
    rows = [""] * _DIGIT_ROWS
    for letter in figure:
        if letter not in _LARGE_LETTERS:
            return ()
        at = DIGITS.find(letter)
        glyph = [" ", " ", ","]
        if letter != ",":
            glyph = [
                row.ljust(3) for row in DIGITS3X3_BOLD[at * _DIGIT_ROWS : (at + 1) * _DIGIT_ROWS]
            ]
        rows = [row + cells for row, cells in zip(rows, glyph, strict=True)]
    return rows if figure else ()


def _draw_pair(grid: Grid, box: Box, between: tuple[int, int], arrows: tuple[Arrow, Arrow]) -> None:
    """Draw two arrows into a box, with their labels above them, or large, if it is high enough."""
    first, second = arrows
    centre = box.top + (box.height - 1) // 2
    if box.height >= 2 * (_DIGIT_ROWS + 1) + 2:
        for row, arrow in ((centre, first), (centre + _DIGIT_ROWS + 1, second)):
            _draw_across(grid, row, between, arrow, rows_above=_DIGIT_ROWS)
    elif box.height >= 8:
        _draw_across(grid, box.top + 2, between, first, rows_above=1)
        _draw_across(grid, box.bottom - 3, between, second, rows_above=1)
    else:
        spread = 1 if box.height < 6 else 2
        _draw_across(grid, max(box.top + 1, centre - spread + 1), between, first)
        _draw_across(grid, min(box.bottom - 2, centre + spread), between, second)


def _label_lines(label: str, room: int, rows: int) -> Sequence[str]:
    """Return a label as lines: with its figure in large digits, if ``rows`` and cells suffice."""
    word, _, rate = label.partition(" ")
    figure, slash, unit = rate.partition("/")
    large = _large(figure)
    if rows < _DIGIT_ROWS or not large:
        return (label,)
    lines = [f"{' ' * cell_len(word)} {row}" for row in large[:-1]]
    lines.append(f"{word} {large[-1]}{slash}{unit}")
    return lines if cell_len(lines[-1]) <= room else (label,)


def _draw_across(
    grid: Grid, row: int, between: tuple[int, int], arrow: Arrow, *, rows_above: int = 0
) -> None:
    start, end = between
    line, _, head, _, _, style = _LINES[arrow.state]
    grid.write(start, row, line * (end - start - 1) + head, style)
    label = cut(arrow.label, end - start - 4)
    if rows_above:
        lines = _label_lines(label, end - start - 4, rows_above)
        for at, line in enumerate(lines, row - len(lines)):
            grid.write(start + 2, at, line, _style(arrow))
    else:
        grid.write(start + 1, row, f" {label} ", _style(arrow))
    if arrow.armed:
        grid.write(end - 3, row, "◇", "armed")


def _draw_upright(
    grid: Grid, column: int, between: tuple[int, int], arrow: Arrow, *, up: bool
) -> None:
    top, bottom = between
    _, line, _, down_head, up_head, style = _LINES[arrow.state]
    for row in range(top, bottom):
        grid.write(column, row, line, style)
    grid.write(column, top if up else bottom - 1, up_head if up else down_head, style)
    grid.write(column + 2, (top + bottom - 1) // 2, arrow.label, _style(arrow))
    if arrow.armed:
        end = column + 3 + cell_len(arrow.label)
        grid.write(end, (top + bottom - 1) // 2, "◇", "armed")


def _style(arrow: Arrow) -> str:
    style = label_style(arrow)
    return "name" if style == "figure" else style


def _fill(grid: Grid, box: Box, frame: str, frame_style: str, ground: str) -> None:
    top_left, across, top_right, side, bottom_left, below, bottom_right = tuple(frame)
    inner = box.width - 2
    grid.write(box.left, box.top, top_left + across * inner + top_right, frame_style)
    for row in range(box.top + 1, box.bottom - 1):
        grid.write(box.left, row, side, frame_style)
        grid.write(box.left + 1, row, " " * inner, ground)
        grid.write(box.right - 1, row, side, frame_style)
    grid.write(box.left, box.bottom - 1, bottom_left + below * inner + bottom_right, frame_style)


def _write_centred(grid: Grid, box: Box, lines: Sequence[tuple[str, str]]) -> None:
    """Write the lines into the middle of a box, as many as fit."""
    room = box.height - 2
    shown = lines[:room]
    top = box.top + 1 + (room - len(shown)) // 2
    for row, (text, style) in enumerate(shown, top):
        grid.write(box.left + 2, row, cut(text, box.width - 4), style)
