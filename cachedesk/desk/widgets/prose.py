"""A column of text, drawn by one widget: a widget for each passage takes a hundred times as long to
lay out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from cachedesk.desk.views.formats import left

TERM = "bold $text-primary"
"""The style of a term."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A wrapped text, with ``term`` to its left in ``term_cells`` cells, and the number of empty
    lines ``before`` and ``after`` it."""

    text: str
    style: str = ""
    term: str = ""
    term_cells: int = 0
    before: int = 0
    after: int = 0
    wraps: bool = True


def heading(text: str) -> Passage:
    """Return a heading, with an empty line above it."""
    return Passage(text, "bold $text-accent", before=1)


def picture(text: str) -> Passage:
    """Return a picture made of characters, which is not wrapped."""
    return Passage(text, "$text-primary", before=1, after=1, wraps=False)


def sentence(text: str) -> Passage:
    """Return a sentence without a style."""
    return Passage(text)


def entry(term: str, meaning: str, term_cells: int) -> Passage:
    """Return a term with its meaning at the right."""
    return Passage(meaning, term=term, term_cells=term_cells)


def prose_lines(passages: Sequence[Passage], width: int) -> list[Content]:
    """Return the lines of all passages within ``width`` cells."""
    lines: list[Content] = []
    for passage in passages:
        lines += [Content()] * passage.before
        lines += _passage_lines(passage, width)
        lines += [Content()] * passage.after
    return lines


def _passage_lines(passage: Passage, width: int) -> list[Content]:
    text = Content.styled(passage.text, passage.style)
    if not passage.wraps:
        return text.split("\n")
    texts = text.wrap(max(1, width - passage.term_cells))
    if not passage.term:
        return texts
    terms = Content(passage.term).wrap(passage.term_cells)
    return [
        Content.assemble((left(term.plain, passage.term_cells), TERM), line)
        for term, line in zip_longest(terms, texts, fillvalue=Content())
    ]


class Prose(Widget):
    """Draws passages one below the other.

    Args:
        passages: the passages.
    """

    DEFAULT_CSS = """
    Prose { height: auto; text-wrap: nowrap; }
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        super().__init__()
        self._passages = passages
        self._laid_out: tuple[int, list[Content]] = (0, [])

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines at this width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Return the lines."""
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        if self._laid_out[0] != width:
            self._laid_out = (width, prose_lines(self._passages, width))
        return self._laid_out[1]
