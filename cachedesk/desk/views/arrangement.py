"""Which panels are on the desk: what a size of screen shows by itself, and what the user wants."""

from __future__ import annotations

from collections.abc import Mapping

from cachedesk.desk.views.titles import (
    HIT_RATE,
    LATENCY,
    QUEUE_DEPTH,
    STALENESS,
    THROUGHPUT,
    TITLES,
)

_SIDE_BY_SIDE = {HIT_RATE, QUEUE_DEPTH, STALENESS, LATENCY, THROUGHPUT}
CHART_WIDTH = 30
"""There are only so many charts in the row that each has this many cells, but always three."""

VAST_WIDTH = 180
"""From this many cells on, five charts stand side by side and can be read."""


def arranged(width: int, wishes: Mapping[int, bool], expanded: int | None = None) -> frozenset[int]:
    """Return the numbers of the panels that are shown.

    Args:
        width: cells of the screen.
        wishes: by number, whether the user wants a panel shown; the others are as usual.
        expanded: the panel that has the whole screen, if one has.
    """
    if expanded is not None:
        return frozenset((expanded,))
    usual = set(TITLES) if width >= VAST_WIDTH else set(TITLES) - {LATENCY, THROUGHPUT}
    shown = {number for number in TITLES if wishes.get(number, number in usual)}
    # What was asked for by name goes before what is there by itself.
    row = sorted(shown & _SIDE_BY_SIDE, key=lambda number: (number not in wishes, number))
    return frozenset(shown - set(row[max(3, width // CHART_WIDTH) :]))
