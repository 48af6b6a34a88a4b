"""A paper as one HTML page that needs nothing else: no script, no network, no other file.

It is well-formed XML too. Light or dark is the reader's choice; on paper it is light.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape
from pathlib import Path

from cachedesk.reports.chart import Chart
from cachedesk.reports.document import Balance, Block, Code, Listing, Paper, Prose, Table, Tone
from cachedesk.reports.svg import draw
from cachedesk.reports.words import number, visible

WIDE, NARROW = 720, 340

_LONG_WORD, _SHORT_TEXT = 28, 16

_SIGNS = {Tone.KEPT: "\N{CHECK MARK}", Tone.BROKEN: "\N{MULTIPLICATION X}", Tone.OPEN: "?"}


def as_html(paper: Paper) -> str:
    """Return ``paper`` as a page."""
    return "\n".join(_Page(paper).lines()) + "\n"


class _Page:
    """One page; it numbers its pictures."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self._pictures = 0

    def lines(self) -> Iterator[str]:
        paper = self._paper
        made = time.localtime(paper.origin.made_at)
        title = _text(paper.title)
        yield "<!DOCTYPE html>"
        yield '<html lang="en"><head><meta charset="utf-8"/>'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        yield '<meta name="color-scheme" content="light dark"/>'
        yield f"<title>{title}: {_text(paper.finding.word)} · cachedesk</title>"
        yield f"<style>{Path(__file__).with_name('report.css').read_text()}</style>"
        yield "</head><body><main>"
        yield f'<header><p class="kind">cachedesk · {_text(paper.kind)}</p>'
        yield f"<h1>{title}</h1>"
        yield (
            f'<p class="when"><time datetime="{time.strftime("%Y-%m-%dT%H:%M:%S%z", made)}">'
            f"{time.strftime('%d %B %Y, %H:%M', made).lstrip('0')}</time></p></header>"
        )
        yield from self._finding()
        for section in paper.sections:
            yield f"<section><h2>{_text(section.title)}</h2>"
            for block in section.blocks:
                yield self._block(block)
            yield "</section>"
        yield from self._origin()
        yield "</main></body></html>"

    def _finding(self) -> Iterator[str]:
        finding = self._paper.finding
        yield f'<section class="finding {finding.tone}" aria-label="Verdict">'
        yield (
            f'<p class="word"><span class="sign" aria-hidden="true">{_SIGNS[finding.tone]}</span>'
            f"{_text(finding.word)}</p>"
        )
        for sentence in finding.sentences:
            yield f"<p>{_text(sentence)}</p>"
        yield "</section>"

    def _origin(self) -> Iterator[str]:
        origin = self._paper.origin
        yield "<footer><h2>To do it again</h2>"
        yield f"<pre><code>{_lines(origin.command)}</code></pre><dl>"
        if origin.seed is not None:
            yield f"<div><dt>seed</dt><dd>{origin.seed}</dd></div>"
        for name, version in origin.versions.items():
            yield f"<div><dt>{_text(name)}</dt><dd>{_text(version)}</dd></div>"
        yield "</dl></footer>"

    def _block(self, block: Block) -> str:
        match block:
            case Prose(text):
                return f"<p>{_text(text)}</p>"
            case Code(text):
                return f"<pre><code>{_lines(text)}</code></pre>"
            case Listing(lines, numbered):
                kind = "ol" if numbered else "ul"
                items = "".join(f"<li>{_text(line)}</li>" for line in lines)
                return f"<{kind}>{items}</{kind}>"
            case Balance():
                return _balance(block)
            case Table():
                return _table(block)
            case Chart():
                return self._figure(block)

    def _figure(self, chart: Chart) -> str:
        self._pictures += 1
        wide = draw(chart, f"c{self._pictures}w", WIDE)
        narrow = draw(chart, f"c{self._pictures}n", NARROW)
        return (
            f"<figure><figcaption><strong>{_text(chart.title)}</strong>"
            f" {_text(chart.description)}</figcaption>"
            f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div></figure>'
        )


def _balance(books: Balance) -> str:
    """Draw the books as the sum that they are."""
    terms = [
        ("accepted", books.accepted, "", ""),
        ("applied", books.applied, "=", ""),
        ("pending", books.pending, "+", ""),
        ("dead", books.dead, "+", ""),
    ]
    if books.lost:
        terms.append(("lost", books.lost, "+", "alarm"))
    if not books.known:
        terms = terms[:1]
    shown = " ".join(
        (f'<span class="sign">{sign}</span> ' if sign else "")
        + f'<span class="term {kind}"><b>{number(count)}</b> <small>{name}</small></span>'
        for name, count, sign, kind in terms
    )
    if not books.known:
        return f'<p class="books">{shown}</p>'
    aside = " ".join(
        f'<span class="term{" alarm" if count else ""}"><b>{number(count)}</b>'
        f" <small>{name}</small></span>"
        for name, count in (("lost", books.lost), ("duplicated", books.duplicated))
        if name == "duplicated" or not count
    )
    return f'<p class="books">{shown}</p>\n<p class="books aside">{aside}</p>'


def _table(table: Table) -> str:
    def cell(column: int, text: str, kind: str, scope: str = "") -> str:
        look = "" if column in table.words else "figure"
        if any(len(word) > _LONG_WORD for word in text.split()):
            look = "long"
        elif len(text) <= _SHORT_TEXT:
            look = f"{look} short".lstrip()
        return f"<{kind}{scope}{_class(look)}>{_text(text)}</{kind}>"

    heads = "".join(
        cell(column, name, "th", ' scope="col"') for column, name in enumerate(table.columns)
    )
    rows = "".join(
        f"<tr{_class('alarm' if place in table.alarming else '')}>"
        + cell(0, row[0], "th", ' scope="row"')
        + "".join(cell(column, text, "td") for column, text in enumerate(row[1:], start=1))
        + "</tr>"
        for place, row in enumerate(table.rows)
    )
    head = f"<thead><tr>{heads}</tr></thead>" if any(table.columns) else ""
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>'
        f"{head}<tbody>{rows}</tbody></table></div>"
    )


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _text(text: str) -> str:
    return escape(visible(text))


def _lines(text: str) -> str:
    return "\n".join(_text(line) for line in text.split("\n"))
