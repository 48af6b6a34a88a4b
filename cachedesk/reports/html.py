"""A report as one self-contained HTML page: no script, no network, no other file.

It is also well-formed XML. It follows the reader's light or dark mode; in print it is light. The
template is ``page.html.jinja``, in which every text is escaped.
"""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cachedesk.reports.chart import Chart
from cachedesk.reports.document import Document, Table, Tone
from cachedesk.reports.style import report_style
from cachedesk.reports.svg import draw
from cachedesk.reports.words import number, visible

WIDTHS = {"wide": 720, "narrow": 340}

_LONG_WORD, _SHORT_TEXT = 28, 16
_FOLDER = Path(__file__).parent
_SIGNS = {Tone.KEPT: "\N{CHECK MARK}", Tone.BROKEN: "\N{MULTIPLICATION X}", Tone.OPEN: "?"}


def as_html(document: Document) -> str:
    """Return ``document`` as a page."""
    names = (f"c{each}" for each in count(1))

    def drawn(chart: Chart, width: str) -> Markup:
        return Markup(draw(chart, next(names), WIDTHS[width]))

    def made(form: str) -> str:
        return time.strftime(form, time.localtime(document.origin.made_at))

    page = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    page.filters |= {
        "drawn": drawn,
        "kind": lambda block: type(block).__name__,
        "lines": lambda text: Markup("\n").join(visible(line) for line in text.split("\n")),
        "look": _look,
        "number": number,
    }
    style = Markup(report_style())
    template = page.get_template("page.html.jinja")
    return template.render(
        document=document, made=made, style=style, sign=_SIGNS[document.finding.tone]
    )


def _look(text: str, column: int, table: Table) -> str:
    """Return the style of a cell: a long word must wrap, a short text must not."""
    if any(len(word) > _LONG_WORD for word in text.split()):
        return "long"
    looks = ("" if column in table.words else "figure", "short" * (len(text) <= _SHORT_TEXT))
    return " ".join(filter(None, looks))
