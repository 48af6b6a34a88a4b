"""Texts with figures in them: ``{100 * hits / gets} % of {gets} reads``."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping

from cachedesk.lab.stories import expressions

_FIGURE = re.compile(r"\{([^{}]*)\}")
_FEW = 10


def check_text(text: str, known: Collection[str]) -> None:
    """Check that every figure in ``text`` can be evaluated; errors as ``expressions.check``."""
    for figure in _FIGURE.findall(text):
        expressions.check(figure, known)


def filled(text: str, figures: Mapping[str, float]) -> str:
    """Return ``text``, which was checked before, with its figures."""
    return _FIGURE.sub(lambda match: _short(expressions.value(match[1], figures)), text)


def _short(number: float) -> str:
    """Return a figure as it is read: 12,345 or 72 or 3.7; a question mark if there is none."""
    if not math.isfinite(number):
        return "?"
    if float(number).is_integer() or abs(number) >= _FEW:
        return f"{number:,.0f}"
    return f"{number:,.1f}"
