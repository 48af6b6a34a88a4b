"""The flow in four or five lines, for a small screen: the paths from the app to each component.

A component is a bar with its state beside it. What goes upwards, the fill of Redis and the flush of
the log, has an upward arrow or a line at the right edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cachedesk.core.snapshot import Health
from cachedesk.desk.views.components import ComponentView, Fact, state_mark
from cachedesk.desk.views.flow_grid import LINES, UPRIGHT, Grid, Run, label_style
from cachedesk.desk.views.flow_model import STEPS, Arrow, FlowModel
from cachedesk.desk.views.formats import cut
from cachedesk.desk.views.headline import Tone

LEAST_WIDTH, LEAST_HEIGHT = 56, 4
_LEAST_WIDE = 88
"""The width from which log and worker fit side by side."""

_ALIGNED_WIDTH = 70
"""The width from which names and states stand in columns of their own."""

_TRUNK = 3
_NAME_CELLS, _WORD_CELLS = 6, 9
_USUAL_WORDS = ("up", "idle", "flushing")
_BARS = {
    Tone.IDLE: ("│", "idle"),
    Tone.WELL: ("┃", "frame"),
    Tone.WARNING: ("┃", "lit"),
    Tone.BROKEN: ("╏", "blocked"),
}


def sketch_fits(width: int, height: int) -> bool:
    """Return whether ``sketch_lines`` has room for every component and its state."""
    return width >= LEAST_WIDTH and height >= LEAST_HEIGHT


def sketch_lines(model: FlowModel, width: int, height: int) -> list[list[Run]]:
    """Return the sketch as ``height`` lines of ``width`` cells, each a list of runs.

    Args:
        model: the flow to draw.
        width: as ``sketch_fits`` says.
        height: likewise; from the fifth line on, what is set in Redis has a line of its own.
    """
    grid = Grid(width, height)
    if height > LEAST_HEIGHT and width >= _LEAST_WIDE:
        _draw_wide(grid, model)
    else:
        _draw_narrow(grid, model, own_line=height > LEAST_HEIGHT)
    return grid.lines()


def _draw_wide(grid: Grid, model: FlowModel) -> None:
    edge, bar = grid.width - 1, 26
    worker = bar + (grid.width - bar) * 52 // 100
    ways = (model.hit, model.set, model.miss, model.through, model.behind)
    _draw_trunk(grid, model.calls, "┬├├├╰")
    for row, arrow in enumerate(ways):
        _draw_way(grid, row, _TRUNK + 1, bar, arrow)
    _draw_node(grid, (0, 1), (bar, edge), model.redis)
    _draw_runs(grid, 1, bar + 2, _upwards(model.fill))
    legend = model.legend(edge - bar - 2 - _cells(_upwards(model.fill)) - 2)
    grid.write(edge - cell_len(legend), 1, legend, "label")
    database_end = _draw_node(grid, (2, 3), (bar, edge - 5), model.database)
    log_end = _draw_node(grid, (4,), (bar, worker - _way_cells(model.take)), model.log)
    _draw_way(grid, 4, log_end + 1, worker, model.take)
    worker_end = _draw_node(grid, (4,), (worker, edge - 3), model.worker)
    _draw_return(grid, (2, 4), (database_end, worker_end), model.flush)
    label = _labels(model.flush)
    _draw_runs(grid, 3, edge - 1 - _cells(label), label)


def _draw_narrow(grid: Grid, model: FlowModel, *, own_line: bool) -> None:
    aligned = grid.width >= _ALIGNED_WIDTH
    edge, bar = grid.width - 1, 38 if aligned else 36
    fill = _Piece(2, _upwards(model.fill))
    if own_line:
        _draw_trunk(grid, model.calls, "┬├├╰")
        _draw_way(grid, 0, _TRUNK + 1, bar, model.hit)
        _draw_way(grid, 1, _TRUNK + 1, bar, model.set)
        _draw_node(grid, (0, 1), (bar, edge), model.redis)
        _draw_runs(grid, 1, bar + 2, fill.runs)
    else:
        _draw_trunk(grid, model.calls, "┬├╰")
        _draw_way(grid, 0, _TRUNK + 1, bar, model.hit, model.set)
        _draw_node(grid, (0,), (bar, edge), model.redis, () if aligned else (fill,))
    database, log, worker = (2, 3, 4) if own_line else (1, 2, 3)
    _draw_way(grid, database, _TRUNK + 1, bar, model.miss, model.through)
    _draw_way(grid, log, _TRUNK + 1, bar, model.behind)
    start = bar - _way_cells(model.take)
    grid.write(0, worker, model.legend(start - 4 - 2), "label")
    grid.write(start - 4, worker, "Log", "label")
    _draw_way(grid, worker, start, bar, model.take)
    filled = (fill,) if aligned and not own_line else ()
    database_end = _draw_node(grid, (database,), (bar, edge - 3), model.database, filled)
    _draw_node(grid, (log,), (bar, edge - 1), model.log)
    # The mark of the step may be enough: there are about as many rows as events from the log.
    labels = (_labels(model.flush), _labels(model.flush, brief=True), ())
    room = edge - bar - _needed(model.worker)
    label = next((each for each in labels if _cells(each) + 3 < room), ())
    reserved = _cells(label) + 3 if label else 2
    worker_end = _draw_node(grid, (worker,), (bar, edge - reserved), model.worker)
    _draw_return(grid, (database, worker), (database_end, worker_end), model.flush)
    if label:
        _draw_runs(grid, worker, edge - _cells(label) - 2, ((" ", ""), *label, (" ", "")))


def _needed(part: ComponentView) -> int:
    """Return the cells that a component needs at least, without its bar."""
    return 3 + len(part.name) + (len(part.state) + 1 if _is_important(part) else 0)


def _is_important(part: ComponentView) -> bool:
    return part.tone is not Tone.WELL or part.state not in _USUAL_WORDS


def _draw_trunk(grid: Grid, calls: Arrow, corners: str) -> None:
    grid.write(0, 0, "app", "name")
    for row, corner in enumerate(corners):
        grid.write(_TRUNK, row, corner, LINES[calls.state][4])


def _labels(arrow: Arrow, *, brief: bool = False) -> tuple[Run, ...]:
    """Return the label of an arrow and the sign of an armed failpoint."""
    text = arrow.label[:1] if brief and arrow.label.startswith(STEPS) else arrow.label
    label = ((text, label_style(arrow)),)
    return (*label, (" ", ""), ("◇", "armed")) if arrow.armed else label


def _upwards(arrow: Arrow) -> tuple[Run, ...]:
    _, _, _, head, style = LINES[arrow.state]
    return (head, style), (" ", ""), *_labels(arrow)


def _cells(runs: Iterable[Run]) -> int:
    return sum(cell_len(text) for text, _ in runs)


def _draw_runs(grid: Grid, row: int, column: int, runs: Iterable[Run]) -> None:
    for text, style in runs:
        grid.write(column, row, text, style)
        column += cell_len(text)


def _way_cells(arrow: Arrow) -> int:
    return _cells(_labels(arrow)) + 5


def _draw_way(grid: Grid, row: int, start: int, end: int, *arrows: Arrow) -> None:
    """Draw one arrow with the labels of ``arrows``, each in its own style from its label on."""
    column = start
    for arrow in arrows:
        line, head, _, _, style = LINES[arrow.state]
        grid.write(column, row, line * (end - column - 1) + head, style)
        room = end - column - 3
        for text, label in ((" ", ""), *_labels(arrow), (" ", "")):
            shown = cut(text, room + 1)
            grid.write(column + 1, row, shown, label)
            column += cell_len(shown)
            room -= cell_len(shown)
        column += 1
        grid.write(end - 1, row, head, style)


def _draw_return(grid: Grid, rows: tuple[int, int], starts: tuple[int, int], arrow: Arrow) -> None:
    """Draw the way from the worker, at the right edge, up to SQLite."""
    line, head, _, _, style = LINES[arrow.state]
    (top, bottom), (database_end, worker_end) = rows, starts
    edge = grid.width - 1
    back = {"▶": "◀"}.get(head, head)
    first = max(database_end + 1, edge - 8)
    grid.write(first, top, back + line * (edge - first - 1) + "╮", style)
    for row in range(top + 1, bottom):
        grid.write(edge, row, UPRIGHT[arrow.state], style)
    grid.write(worker_end + 1, bottom, line * (edge - worker_end - 1) + "╯", style)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a line; that of the lowest rank is kept longest."""

    rank: int
    runs: tuple[Run, ...]


def _draw_node(
    grid: Grid,
    rows: Sequence[int],
    between: tuple[int, int],
    part: ComponentView,
    more: Iterable[_Piece] = (),
) -> int:
    """Draw a component into these rows and ``between`` two columns, with what fits there.

    Returns:
        The column after its first row.
    """
    column, end = between
    glyph, _ = state_mark(part.health, part.word)
    bar, style = _BARS[part.tone]
    for row in rows:
        grid.write(column, row, bar, style)
    ink = "up" if part.tone is Tone.WELL else style
    room = end - column - 2
    aligned = grid.width >= _ALIGNED_WIDTH
    name = part.name.ljust(_NAME_CELLS if aligned else 0)
    word_room = room - cell_len(name) - 3
    word = cut(part.state if cell_len(part.state) <= word_room else part.word, word_room)
    pieces = [
        _Piece(0, ((f"{glyph} ", ink), (name, "name"))),
        _Piece(
            1 if _is_important(part) else 4,
            ((word.ljust(_WORD_CELLS) if len(rows) > 1 else word, ink),),
        ),
        *_facts(part),
        *more,
    ]
    at = column + 2
    for piece in _fitting(pieces, room):
        _draw_runs(grid, rows[0], at, piece.runs)
        at += _cells(piece.runs) + 1
    return at - 1


def _facts(part: ComponentView) -> Iterable[_Piece]:
    if part.note:
        return
    ink = "label" if part.health is Health.DOWN else "figure"
    yield _Piece(3, ((part.lead.brief or part.lead.value, ink),))
    for rank, fact in enumerate(part.facts, 5):
        yield _Piece(rank, _fact(fact, ink))


def _fact(fact: Fact, ink: str) -> tuple[Run, ...]:
    return (f" {fact.label} ", "label"), (fact.value, ink)


def _fitting(pieces: Sequence[_Piece], room: int) -> list[_Piece]:
    """Return the pieces that fit into ``room`` cells in their order, with a gap after each."""
    kept: set[int] = set()
    for index in sorted(range(len(pieces)), key=lambda index: pieces[index].rank):
        cells = _cells(pieces[index].runs)
        if cells > room:
            break
        room -= cells + 1
        kept.add(index)
    return [piece for index, piece in enumerate(pieces) if index in kept]
