"""Which panels are on the desk: those for the width of the screen, and what the user asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cachedesk.desk.panels.spec import AnyPanel, Area

CHART_WIDTH = 30
"""The least width of a chart in the row, in cells; the row always has room for three."""

_LEAST_CHARTS = 3


def arranged(
    panels: Sequence[AnyPanel],
    width: int,
    wishes: Mapping[int, bool],
    expanded: int | None = None,
) -> frozenset[int]:
    """Return the numbers of the panels to show.

    Args:
        panels: every panel there is.
        width: of the screen, in cells.
        wishes: by number, whether the user wants the panel shown; without a wish, the width
            decides.
        expanded: the number of the panel that has the whole screen, if one has.
    """
    if expanded is not None:
        return frozenset((expanded,))
    shown = {panel.number for panel in panels if wishes.get(panel.number, panel.is_shown_at(width))}
    charts = [
        panel.number for panel in panels if panel.area is Area.CHART and panel.number in shown
    ]
    # A chart that the user asked for has a place before one that is there by itself.
    charts.sort(key=lambda number: (number not in wishes, number))
    return frozenset(shown.difference(charts[max(_LEAST_CHARTS, width // CHART_WIDTH) :]))
