"""Columns: values over time as short JSON. Most of a scene is as it was half a second ago, so a
column of words holds each word once and the places where it changes; a column of counts holds
differences."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any


def words(values: Iterable[Hashable]) -> dict[str, list[Any]]:
    """Return a column of values that repeat: ``words``, each value once, and ``runs``, pairs of how
    many places since the last change and the index of the value from there on."""
    index: dict[Hashable, int] = {}
    runs: list[int] = []
    before, changed_at = None, 0
    for place, value in enumerate(values):
        found = index.setdefault(value, len(index))
        if found != before:
            runs += (place - changed_at, found)
            before, changed_at = found, place
    return {"words": list(index), "runs": runs}


def counts(values: Sequence[int]) -> list[int]:
    """Return a column of whole numbers: the first, then the difference of each from the one
    before."""
    return [now - before for before, now in zip((0, *values), values, strict=False)]
