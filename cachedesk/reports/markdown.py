"""A document as Markdown: the same content, with a line of block characters for each chart."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator

from cachedesk.reports.chart import Chart, Series
from cachedesk.reports.document import Balance, Block, Code, Document, Listing, Prose, Table
from cachedesk.reports.words import NOTHING, number, span, visible

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&])")
_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 60


def as_markdown(document: Document) -> str:
    """Return ``document`` as Markdown."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def _lines(document: Document) -> Iterator[str]:
    origin, finding = document.origin, document.finding
    made = time.strftime("%Y-%m-%d %H:%M %z", time.localtime(origin.made_at))
    yield from (f"# {_text(document.title)}", "")
    yield from (f"**{_text(finding.word)}**", "")
    for sentence in finding.sentences:
        yield from (_text(sentence), "")
    yield from (f"cachedesk {_text(document.kind)}, {made}", "")
    for section in document.sections:
        yield from (f"## {_text(section.title)}", "")
        for block in section.blocks:
            yield from (*_block(block), "")
    yield from ("## To reproduce", "", *_fenced(origin.command), "")
    if origin.seed is not None:
        yield f"- seed: {origin.seed}"
    for name, version in origin.versions.items():
        yield f"- {_text(name)}: {_text(version)}"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Prose(text):
            yield _text(text)
        case Code(text):
            yield from _fenced(text)
        case Listing(lines, numbered):
            for place, line in enumerate(lines, start=1):
                yield f"{f'{place}.' if numbered else '-'} {_text(line)}"
        case Balance():
            yield _balance(block)
        case Table(columns, rows, words):
            yield f"| {' | '.join(map(_text, columns))} |"
            yield _row("---" if column in words else "---:" for column in range(len(columns)))
            yield from (_row(row) for row in rows)
        case Chart():
            yield f"**{_text(block.title)}.** {_text(block.description)}"
            # If there are few points, the description is enough.
            if not block.dots:
                yield from ("", *_fenced("\n".join(_drawn(block))))


def _balance(books: Balance) -> str:
    if not books.known:
        return f"{number(books.accepted)} accepted"
    lost = f" + **{number(books.lost)} lost**" if books.lost else ""
    apart = "" if books.lost else "; 0 lost"
    return (
        f"{number(books.accepted)} accepted = {number(books.applied)} applied"
        f" + {number(books.pending)} pending + {number(books.dead)} dead{lost}{apart};"
        f" {number(books.duplicated)} duplicated"
    )


def _drawn(chart: Chart) -> Iterator[str]:
    """Draw each line of ``chart`` in block characters, and the faults below."""
    (_, low), (_, high) = chart.y_ticks[0], chart.y_ticks[-1]
    width = min(_WIDTH, max(len(series.points) for series in chart.series))
    for series in chart.series:
        yield f"|{_bars(chart, series, width)}| {series.name}, {low} to {high}"
    if chart.marks:
        yield f"|{_axis(chart, width)}|"
    yield f" {chart.x_ticks[0][1]} to {span(chart.x_end)}"
    yield from (f" {mark.text}" for mark in chart.marks)


def _bars(chart: Chart, series: Series, width: int) -> str:
    found: list[list[float]] = [[] for _ in range(width)]
    for x, y in series.points:
        if y is not None:
            found[_column(chart, x, width)].append(y)
    highest = len(_BARS) - 1
    return "".join(
        # A value above zero is always visible, however low it is.
        _BARS[min(highest, max(1, round(max(values) / chart.y_end * highest)))]
        if values and max(values) > 0
        else "·"
        if values
        else " "
        for values in found
    )


def _axis(chart: Chart, width: int) -> str:
    cells = ["·"] * width
    for mark in chart.marks:
        start = _column(chart, mark.start, width)
        end = width - 1 if mark.end is None else _column(chart, mark.end, width)
        cells[start : end + 1] = ["━"] * (end - start + 1)
    for mark in chart.marks:
        cells[_column(chart, mark.start, width)] = str(mark.number % 10)
    return "".join(cells)


def _column(chart: Chart, x: float, width: int) -> int:
    # A point stands for the time before it.
    share = x / chart.x_end if chart.x_end > 0 else 0.0
    return min(width - 1, max(0, math.ceil(share * width - 1e-6) - 1))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_text(cell) or NOTHING for cell in cells) + " |"


def _fenced(text: str) -> Iterator[str]:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (fence, *(visible(line) for line in text.split("\n")), fence)


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", visible(text))
