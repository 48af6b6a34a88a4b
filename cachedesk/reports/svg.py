"""A chart as an SVG picture that takes its colours from the surrounding page.

Colour is never the only distinction: lines differ in their dashes and are labelled, faults are
hatched, numbered and named. Every text is escaped here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cachedesk.reports.chart import Chart, FaultMark, Series, runs
from cachedesk.reports.words import visible

_LEFT = 62.0
_PLOT_HEIGHT = 128
_ROW_HEIGHT = 17
_BELOW = 24
_LETTER_WIDTH = 6.4
_MOST_ROWS = 3
_DOT_RADIUS = 3.2


@dataclass(frozen=True, slots=True)
class _Place:
    """The area in which a chart is drawn; converts its values into units of the picture."""

    chart: Chart
    width: float
    left: float
    right: float
    top: float

    @property
    def bottom(self) -> float:
        return self.top + _PLOT_HEIGHT

    @property
    def end(self) -> float:
        return self.width - self.right

    def x(self, value: float) -> float:
        begin, span = self.chart.x_begin, self.chart.x_end - self.chart.x_begin
        share = (value - begin) / span if span > 0 else 0.5
        return self.left + min(1.0, max(0.0, share)) * (self.end - self.left)

    def y(self, value: float) -> float:
        share = value / self.chart.y_end if self.chart.y_end > 0 else 0.0
        return self.bottom - min(1.0, max(0.0, share)) * _PLOT_HEIGHT


@dataclass(frozen=True, slots=True)
class _Tag:
    """The name of a fault, in a row above the plot, from ``x`` on."""

    x: float
    row: int
    text: str


def draw(chart: Chart, name: str, width: int) -> str:
    """Return ``chart`` as one SVG element.

    Args:
        chart: the chart.
        name: the prefix of its ids, unique in the page.
        width: in units; letters are 12 units high.
    """
    widest = max((len(text) for _, text in chart.y_ticks), default=0)
    # Stacked charts share a time axis, so their plots start at the same x.
    left = max(_LEFT, 10 + _LETTER_WIDTH * widest)
    bare = _Place(chart, width, left, 14, 0)
    tags = _tags(chart.marks, bare)
    rows = max((tag.row + 1 for tag in tags), default=0)
    legend_rows = 1 if len(chart.series) > 1 else 0
    place = _Place(chart, width, left, 14, 10 + _ROW_HEIGHT * (rows + legend_rows))
    height = place.bottom + _BELOW
    return "".join(
        (
            f'<svg viewBox="0 0 {width} {height:.0f}" role="img" class="chart"'
            f' aria-labelledby="{name}-t {name}-d">',
            f'<title id="{name}-t">{_text(chart.title)}</title>',
            f'<desc id="{name}-d">{_text(_description(chart))}</desc>',
            _hatch(name) if chart.marks else "",
            *(_band(mark, place, name) for mark in chart.marks),
            *_grid(place),
            *_divider(place),
            *(
                _line(series, number, place, chart)
                for number, series in enumerate(chart.series)
                if series.points
            ),
            *(_edges(mark, place) for mark in chart.marks),
            *(_label(tag, place) for tag in tags),
            *(_legend(chart.series, place) if legend_rows else ()),
            "</svg>",
        )
    )


def _description(chart: Chart) -> str:
    """Return the chart in words, for screen readers."""
    marks = "; ".join(mark.text for mark in chart.marks)
    return f"{chart.description} Faults: {marks}." if marks else chart.description


def _hatch(name: str) -> str:
    return (
        f'<defs><pattern id="{name}-h" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="6" class="hatch"/>'
        "</pattern></defs>"
    )


def _grid(place: _Place) -> list[str]:
    parts = []
    for value, text in place.chart.y_ticks:
        y = place.y(value)
        kind = "base" if value == 0 else "grid"
        parts.append(_segment(place.left, y, place.end, y, kind))
        parts.append(_words(place.left - 6, y + 4, text, "scale", "end"))
    clear = place.left - 9
    for value, text in place.chart.x_ticks:
        x, half = place.x(value), _LETTER_WIDTH * len(text) / 2
        middle = min(max(x, place.left + half - 8), place.width - half - 1)
        parts.append(_segment(x, place.bottom, x, place.bottom + 4, "base"))
        # A narrow picture has no room for some labels; their ticks are still drawn.
        if middle - half >= clear:
            parts.append(_words(middle, place.bottom + 17, text, "scale", "middle"))
            clear = middle + half + 8
    return parts


def _divider(place: _Place) -> list[str]:
    if place.chart.divider is None:
        return []
    at, text = place.chart.divider
    x = place.x(at)
    anchor, dx = "start", 4
    if x + dx + _LETTER_WIDTH * len(text) > place.width:
        anchor, dx, text = "end", -4, f"{text} \N{RIGHTWARDS ARROW}"
    return [
        _segment(x, place.top, x, place.bottom, "divider"),
        _words(x + dx, place.top + 11, text, "scale", anchor),
    ]


def _line(series: Series, number: int, place: _Place, chart: Chart) -> str:
    parts = []
    for stretch in runs(series.points):
        points = [(place.x(x), place.y(y)) for x, y in stretch]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        if chart.filled:
            first, last = points[0][0], points[-1][0]
            corners = f"{first:.1f},{place.bottom:.1f} {path} {last:.1f},{place.bottom:.1f}"
            parts.append(f'<polygon class="area s{number % 6}" points="{corners}"/>')
        if len(points) > 1:
            parts.append(f'<polyline class="line s{number % 6}" points="{path}"/>')
        if chart.dots or len(points) == 1:
            parts += (
                f'<circle class="dot s{number % 6}" cx="{x:.1f}" cy="{y:.1f}" r="{_DOT_RADIUS}"/>'
                for x, y in points
            )
    return "".join(parts)


def _band(mark: FaultMark, place: _Place, name: str) -> str:
    x = place.x(mark.start)
    width = max(0.0, place.x(_end(mark, place.chart)) - x)
    box = f'x="{x:.1f}" y="{place.top:.1f}" width="{width:.1f}" height="{_PLOT_HEIGHT}"'
    return f'<rect class="band" {box}/><rect {box} fill="url(#{name}-h)"/>' if width else ""


def _edges(mark: FaultMark, place: _Place) -> str:
    x = place.x(mark.start)
    start = _segment(x, place.top - 3, x, place.bottom, "struck")
    if mark.end is None or mark.end == mark.start:
        return start
    x = place.x(mark.end)
    return start + _segment(x, place.top, x, place.bottom, "healed")


def _end(mark: FaultMark, chart: Chart) -> float:
    return chart.x_end if mark.end is None else mark.end


def _tags(marks: Sequence[FaultMark], place: _Place) -> list[_Tag]:
    """Return a tag for each mark that has room for its name, or at least for its number."""
    tags: list[_Tag] = []
    free_from = [0.0] * _MOST_ROWS
    for mark in marks:
        x = place.x(mark.start)
        for text in (f"{mark.number} {visible(mark.name)}", str(mark.number)):
            wide = _LETTER_WIDTH * len(text) + 4
            begin = min(x - 2, place.width - wide)
            row = next((row for row in range(_MOST_ROWS) if free_from[row] <= begin), None)
            if row is not None:
                free_from[row] = begin + wide + 4
                tags.append(_Tag(begin, row, text))
                break
    return tags


def _label(tag: _Tag, place: _Place) -> str:
    # The row next to the plot is filled first.
    y = place.top - 6 - _ROW_HEIGHT * tag.row
    return _words(tag.x, y, tag.text, "fault", "start")


def _legend(series: Sequence[Series], place: _Place) -> list[str]:
    parts, x = [], place.left
    for number, each in enumerate(series):
        parts.append(_segment(x, 8, x + 22, 8, f"line s{number % 6}"))
        parts.append(_words(x + 27, 12, each.name, "scale", "start"))
        x += 27 + _LETTER_WIDTH * len(each.name) + 18
    return parts


def _segment(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _words(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(text)}</text>'
    )


def _text(text: str) -> str:
    return escape(visible(text))
