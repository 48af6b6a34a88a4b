"""The flow diagram as characters: boxes and arrows on a grid of styled cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cachedesk.core.snapshot import Health
from cachedesk.desk.views.components import ComponentView, Fact, state_mark
from cachedesk.desk.views.flow_grid import (
    LINES,
    PLAIN,
    UPRIGHT,
    Box,
    Grid,
    Run,
    label_style,
    write_armed,
)
from cachedesk.desk.views.flow_model import Arrow, FlowModel
from cachedesk.desk.views.formats import cut
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.views.scales import gauge
from cachedesk.desk.views.shortening import shortened

LEAST_WIDTH, LEAST_HEIGHT = 76, 11
MOST_WIDTH, MOST_HEIGHT = 168, 18
LEAST_REDIS_HEIGHT = 3
_LOW_WIDTH = 108
"""The least width at the least height, which has one line for two arrows."""

_FRAMES = {
    Tone.IDLE: ("╭─╮│╰─╯", "idle"),
    Tone.WELL: ("╭─╮│╰─╯", "frame"),
    Tone.WARNING: ("╭─╮│╰─╯", "lit"),
    Tone.BROKEN: ("┏╍┓╏┗╍┛", "blocked"),
}
_GLOWING = "┏━┓┃┗━┛", "lit"
"""The frame of a component that works again since a moment."""


@dataclass(frozen=True, slots=True)
class _Layout:
    layer: Box
    redis: Box
    database: Box
    log: Box
    worker: Box
    gap_row: int

    @classmethod
    def within(cls, width: int, height: int) -> _Layout:
        """Divide the space: the boxes grow first, then the gap between them."""
        grown = [0, 0, 0, 0, 0]  # the lower boxes, Redis, SQLite, the two gaps
        for step in range(height - LEAST_HEIGHT):
            grown[(1, 3, 0, 2, 1, 4, 0)[step % 7]] += 1
        lower, upper, middle, filled, gap = grown
        entry = 12 if width < 100 else 18
        layer_width = 17 if width < 100 else 22
        right = min(60, max(28, width * 36 // 100))
        redis_height, database_height = LEAST_REDIS_HEIGHT + upper, 4 + middle
        gap_row = redis_height + filled + database_height
        lower_top = gap_row + 1 + gap
        right_left = width - right
        log_width = min(right, right_left - entry - 12)
        return cls(
            layer=Box(entry, 0, layer_width, gap_row),
            redis=Box(right_left, 0, right, redis_height),
            database=Box(right_left, redis_height + filled, right, database_height),
            log=Box(entry, lower_top, log_width, 3 + lower),
            worker=Box(right_left, lower_top, right, 3 + lower),
            gap_row=gap_row,
        )


def diagram_fits(width: int, height: int) -> bool:
    """Return whether ``flow_lines`` has room for every arrow and its label."""
    least_height = LEAST_HEIGHT if width >= _LOW_WIDTH else LEAST_HEIGHT + 1
    return width >= LEAST_WIDTH and height >= least_height


def flow_lines(model: FlowModel, width: int, height: int) -> list[list[Run]]:
    """Return the diagram as ``height`` lines of ``width`` cells, each a list of runs.

    Args:
        model: the flow to draw.
        width: as ``diagram_fits`` says; beyond ``MOST_WIDTH`` there are margins at both sides.
        height: likewise; beyond ``MOST_HEIGHT`` there are margins.
    """
    inner_width, inner_height = min(width, MOST_WIDTH), min(height, MOST_HEIGHT)
    grid = Grid(inner_width, inner_height)
    layout = _Layout.within(inner_width, inner_height)
    _draw_layer(grid, layout.layer, model)
    for box, part in (
        (layout.redis, model.redis),
        (layout.database, model.database),
        (layout.log, model.log),
        (layout.worker, model.worker),
    ):
        _draw_component(grid, box, part)
    _draw_calls(grid, layout.layer, model.calls)
    upper = layout.layer.right, layout.redis.left
    _draw_into_redis(grid, layout.redis, upper, model)
    _draw_fill(grid, layout.redis.left + 4, layout, model.fill)
    _draw_across(grid, layout.database.top + 1, upper, model.miss)
    _draw_across(grid, layout.database.bottom - 2, upper, model.through)
    lower = layout.log.right, layout.worker.left
    _draw_across(grid, layout.log.top + layout.log.height // 2, lower, model.take)
    _draw_down(
        grid,
        layout.layer.left + min(layout.layer.width // 2, 12),
        layout.gap_row,
        layout.log.top,
        model.behind,
    )
    _draw_up(grid, layout.worker.left + 4, layout.gap_row, layout.worker.top, model.flush)
    return _centred(grid.lines(), width - inner_width, height - inner_height, width)


def _draw_layer(grid: Grid, box: Box, model: FlowModel) -> None:
    _frame(grid, box, "╭─╮│╰─╯", "frame")
    grid.write(box.left + 2, box.top, " cache layer ", "name")
    middle = box.height // 2
    inner = box.width - 4
    for row, (label, figure) in enumerate((("reads", model.reads), ("writes", model.writes))):
        gap = " " * max(1, inner - len(label) - cell_len(figure))
        grid.write(box.left + 2, box.top + middle - 1 + row, label, "label")
        grid.write(box.left + 2 + len(label), box.top + middle - 1 + row, gap + figure, "figure")
    grid.write(box.left + 2, box.bottom - 2, model.legend(inner), "label")


def _draw_calls(grid: Grid, box: Box, arrow: Arrow) -> None:
    """Draw the way in: from the user to the app, from the app to the cache layer."""
    line, head, _, _, style = LINES[arrow.state]
    row = box.top + box.height // 2
    grid.write(0, row, "user", "name")
    space = box.left - len("user") - len("app") - 3
    first = space // 2
    grid.write(5, row, line * (first - 1) + head, style)
    grid.write(5 + first + 1, row, "app", "name")
    start = 5 + first + 5
    grid.write(start, row, line * (box.left - start - 1) + head, style)
    write_armed(grid, 0, row + 2, box.left - 1, arrow)


def _draw_across(
    grid: Grid, row: int, between: tuple[int, int], arrow: Arrow, *, headless: bool = False
) -> None:
    start, end = between
    line, head, _, _, style = LINES[arrow.state]
    grid.write(start, row, line * (end - start - 1) + (line if headless else head), style)
    room = end - start - 5
    # Without room for both, the armed failpoint matters more than the label.
    label = cut(arrow.label, room - 4 if arrow.armed else room)
    grid.write(start + 1, row, f" {label} ", label_style(arrow))
    armed_room = room - cell_len(label) - 2
    write_armed(grid, start + cell_len(label) + 4, row, armed_room, arrow)


def _draw_into_redis(grid: Grid, box: Box, between: tuple[int, int], model: FlowModel) -> None:
    """Draw what reads and what writes Redis: an arrow for each, or one line with two halves if the
    box has only one line."""
    start, end = between
    row = box.top + 1
    if box.height > LEAST_REDIS_HEIGHT:
        _draw_across(grid, row, between, model.hit)
        _draw_across(grid, row + 1, between, model.set)
        return
    middle = start + (end - start) * 11 // 20
    _draw_across(grid, row, (middle - 1, end), model.set)
    _draw_across(grid, row, (start, middle), model.hit, headless=True)


def _draw_fill(grid: Grid, column: int, layout: _Layout, arrow: Arrow) -> None:
    """Draw the way from SQLite up to Redis; without a row between them, in the frame of Redis."""
    bottom = layout.redis.bottom
    if layout.database.top > bottom:
        _draw_up(grid, column, bottom, layout.database.top, arrow)
        return
    _, _, _, head, style = LINES[arrow.state]
    grid.write(column - 1, bottom - 1, f" {head} ", style)
    grid.write(column + 2, bottom - 1, f"{arrow.label} ", label_style(arrow))
    after = column + 3 + cell_len(arrow.label)
    write_armed(grid, after, bottom - 1, layout.redis.right - after - 2, arrow)


def _draw_down(grid: Grid, column: int, top: int, bottom: int, arrow: Arrow) -> None:
    _draw_upright(grid, column, range(top, bottom), arrow)
    _, _, head, _, style = LINES[arrow.state]
    grid.write(column, bottom - 1, head, style)


def _draw_up(grid: Grid, column: int, top: int, bottom: int, arrow: Arrow) -> None:
    _draw_upright(grid, column, range(top, bottom), arrow)
    _, _, _, head, style = LINES[arrow.state]
    grid.write(column, top, head, style)


def _draw_upright(grid: Grid, column: int, rows: Sequence[int], arrow: Arrow) -> None:
    for row in rows:
        grid.write(column, row, UPRIGHT[arrow.state], LINES[arrow.state][4])
    middle = rows[len(rows) // 2]
    grid.write(column + 2, middle, arrow.label, label_style(arrow))
    after = column + 3 + cell_len(arrow.label)
    write_armed(grid, after, middle, grid.width - after, arrow)


def _draw_component(grid: Grid, box: Box, part: ComponentView) -> None:
    glyph, tone = state_mark(part.health, part.word)
    frame, frame_style = _GLOWING if part.tone is not tone else _FRAMES[tone]
    _frame(grid, box, frame, frame_style)
    room = box.width - len(part.name) - 8
    state = f"{glyph} {part.state}"
    state = state if cell_len(state) <= room else cut(f"{glyph} {part.word}", room)
    grid.write(box.left + 2, box.top, f" {part.name}  ", "name")
    grid.write(
        box.left + 5 + len(part.name),
        box.top,
        f"{state} ",
        "up" if part.tone is Tone.WELL else frame_style,
    )
    free = box.width - len(part.name) - cell_len(state) - 10
    role = next((role for role in part.roles if len(role) <= free), "")
    if role:
        grid.write(box.right - len(role) - 4, box.top, f" {role} ", "label")
    ink = "label" if part.health is Health.DOWN else "figure"
    lines = _content(part, box.width - 4, box.height - 2)
    for row, pieces in enumerate(lines, box.top + 1):
        column = box.left + 2
        for text, style in pieces:
            grid.write(column, row, text, ink if style == "figure" else style)
            column += cell_len(text)


def _content(part: ComponentView, width: int, rows: int) -> list[list[Run]]:
    """Return the content of a box: the leading figure, its gauge, then the facts in pairs."""
    if part.note and rows == 1:
        return [[(shortened(part.note, width), "blocked")]]
    lines: list[list[Run]] = []
    lines.append(_pair(part.lead, part.facts[0] if part.facts else None, width, leads=True))
    facts = part.facts[1:]
    if part.fill is not None and rows > 1:
        filled, empty = gauge(part.fill, width)
        lines.append([(filled, "gauge"), (empty, "idle")])
    for at in range(0, len(facts), 2):
        lines.append(_pair(facts[at], facts[at + 1] if at + 1 < len(facts) else None, width))
    if part.note:
        lines = [*lines[: rows - 1], [(shortened(part.note, width), "blocked")]]
    return lines[:rows]


def _pair(first: Fact, second: Fact | None, width: int, *, leads: bool = False) -> list[Run]:
    """Return two facts as a line, the second at the right; without room for both, the first."""
    left: list[Run] = [(f"{first.label} ", "label"), (first.value, "figure")]
    used = cell_len(first.label) + 1 + cell_len(first.value)
    if second is None:
        return left
    wanted = cell_len(second.label) + 1 + cell_len(second.value)
    if leads and used + 2 + wanted > width:
        # The leading label is dropped first: the name of the box implies it.
        left = left[1:]
        used = cell_len(first.value)
    if used + 2 + wanted > width:
        return [(f"{first.label} ", "label"), (first.value, "figure")]
    gap = " " * (width - used - wanted)
    return [*left, (f"{gap}{second.label} ", "label"), (second.value, "figure")]


def _frame(grid: Grid, box: Box, lines: str, style: str) -> None:
    top_left, across, top_right, side, bottom_left, below, bottom_right = tuple(lines)
    inner = box.width - 2
    grid.write(box.left, box.top, top_left + across * inner + top_right, style)
    for row in range(box.top + 1, box.bottom - 1):
        grid.write(box.left, row, side, style)
        grid.write(box.right - 1, row, side, style)
    grid.write(box.left, box.bottom - 1, bottom_left + below * inner + bottom_right, style)


def _centred(lines: list[list[Run]], across: int, down: int, width: int) -> list[list[Run]]:
    left, right = " " * (across // 2), " " * (across - across // 2)
    blank: list[Run] = [(" " * width, PLAIN)]
    above = down // 2
    return [
        *[blank] * above,
        *([(left, PLAIN), *line, (right, PLAIN)] for line in lines),
        *[blank] * (down - above),
    ]
