"""Which panels are shown: those for the size of the screen, and those the user asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cachedesk.desk.panels.spec import AnyPanel, Area

CHART_WIDTH = 30
"""The minimum width of a chart in the row, in cells; three charts always fit."""

_LEAST_CHARTS = 3
_LOW_ROWS = 16
"""The height below which the charts and the events would leave no room for a key, in rows."""


def arranged(
    panels: Sequence[AnyPanel],
    width: int,
    height: int,
    wishes: Mapping[int, bool],
    expanded: int | None = None,
) -> frozenset[int]:
    """Return the numbers of the panels to show.

    Args:
        panels: all panels.
        width: the width of the screen, in cells.
        height: the height of the screen, in rows.
        wishes: maps the number of a panel to whether the user wants it shown; for panels that are
            not in it, the size decides.
        expanded: the number of the panel that fills the screen; ``None``: no panel does.
    """
    if expanded is not None:
        return frozenset((expanded,))
    usual = {
        panel.number
        for panel in panels
        if panel.is_shown_at(width) and (height >= _LOW_ROWS or panel.area in (Area.TOP, Area.MAIN))
    }
    shown = {panel.number for panel in panels if wishes.get(panel.number, panel.number in usual)}
    charts = [
        panel.number for panel in panels if panel.area is Area.CHART and panel.number in shown
    ]
    # Charts that the user asked for take precedence over those shown by default.
    charts.sort(key=lambda number: (number not in wishes, number))
    return frozenset(shown.difference(charts[max(_LEAST_CHARTS, width // CHART_WIDTH) :]))
