"""The focus shows without colour: a heavy line or a reversed title marks the panel that has it."""

from __future__ import annotations

import pytest

from cachedesk.desk.panels.registry import PANELS

from .piloting import RecordingControl, desk, drive

SIZES = ((60, 20), (80, 24), (100, 30), (120, 40), (160, 50), (250, 70))


def marks(app, region):
    """Return how many cells in ``region`` are part of a heavy line, and how many are reversed."""
    heavy = reversed_cells = 0
    for row, strip in enumerate(app.screen._compositor.render_strips()):
        if not region.y <= row < region.bottom:
            continue
        for segment in strip.crop(region.x, region.right):
            heavy += sum(segment.text.count(glyph) for glyph in "┃┏┓┗┛")
            if segment.style is not None and segment.style.reverse:
                reversed_cells += len(segment.text.strip())
    return heavy, reversed_cells


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_panel_that_has_the_focus_is_marked_without_colour(size):
    app = desk(RecordingControl())

    async def script(pilot):
        for panel in (panel.number for panel in PANELS):
            widget = app.desk.panels[panel]
            if not widget.region.area:
                continue
            app.screen.set_focus(None)
            await pilot.pause()
            before = marks(app, widget.region)
            widget.take_focus()
            await pilot.pause()
            after = marks(app, widget.region)
            assert after[0] > before[0] or after[1] > before[1], (panel, size)

    drive(app, script, size)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
def test_only_one_panel_is_marked(size):
    app = desk(RecordingControl())

    async def script(pilot):
        app.screen.set_focus(None)
        await pilot.pause()
        unmarked = marks(app, app.screen.region)
        charts = [app.desk.panels[number] for number in (2, 3, 4)]
        seen = set()
        for chart in charts:
            chart.take_focus()
            await pilot.pause()
            elsewhere = [marks(app, other.region) for other in charts if other is not chart]
            assert set(elsewhere) == {(0, 0)}
            seen.add(marks(app, app.screen.region) > unmarked)
        assert seen == {True}

    drive(app, script, size)
