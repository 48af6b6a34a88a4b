"""Shortening of sentences: whole clauses are dropped, those with a number last."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

from cachedesk.desk.views.formats import cut

_END = r"[;:,] | · | → | \("
_CLAUSE = re.compile(rf" \([^()]*\)|(?:^|[;:,] | · | → )(?:(?!{_END}).)*")


def shortened(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` cells.

    Clauses are dropped from the end, first those without a number; the first clause stays. Only a
    first clause that is itself too wide is truncated.
    """
    if cell_len(text) <= width:
        return text
    clauses = _CLAUSE.findall(text)
    if "".join(clauses) != text:
        return cut(text, width)
    while len(clauses) > 1 and sum(map(cell_len, clauses)) > width:
        _drop(clauses)
    return cut("".join(clauses), width)


def fitted(forms: Sequence[str], width: int) -> str:
    """Return the first of ``forms``, the longest first, that fits into ``width`` cells, or else
    the last one, shortened."""
    return next((it for it in forms if cell_len(it) <= width), shortened(forms[-1], width))


def _drop(clauses: list[str]) -> None:
    """Remove the least important clause but the first."""
    places = range(1, len(clauses))
    plain = [place for place in places if not re.search(r"\d", clauses[place])]
    dropped = (plain or places)[-1]
    said = clauses.pop(dropped)
    # What stands after a colon is followed by commas.
    if said.startswith(": ") and dropped < len(clauses) and clauses[dropped].startswith(", "):
        clauses[dropped] = f": {clauses[dropped].removeprefix(', ')}"
