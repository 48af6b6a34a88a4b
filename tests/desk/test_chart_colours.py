"""The bars of the charts can be read in every theme, also on a projector."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color

from cachedesk.desk.contrast import contrast, faded, readable
from cachedesk.desk.themes import NAMES
from cachedesk.desk.views.chart_layout import GUTTER
from cachedesk.desk.widgets.chart import CREST_CONTRAST, Chart

from .piloting import desk, drive
from .scenes import ALL_DOWN, FixedSource

COLOURS = st.tuples(*[st.integers(0, 255)] * 3).map(lambda rgb: Color(*rgb))
BLOCKS = "▁▂▃▄▅▆▇█"


def test_contrast_is_that_of_the_web():
    black, white = Color(0, 0, 0), Color(255, 255, 255)
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(white, white) == 1
    assert contrast(Color(119, 119, 119), white) == pytest.approx(4.48, abs=0.01)


@given(COLOURS, COLOURS)
def test_a_readable_colour_has_the_contrast_it_is_asked_for(colour, ground):
    assert contrast(readable(colour, ground, 4.5), ground) >= 4.5
    if contrast(colour, ground) >= 4.5:
        assert readable(colour, ground, 4.5) == colour


@given(COLOURS, COLOURS)
def test_a_faded_colour_is_nearer_to_the_ground_but_visible(colour, ground):
    crest = readable(colour, ground, CREST_CONTRAST)
    assert 2.6 <= contrast(faded(crest, ground, 2.6), ground) <= contrast(crest, ground)


def test_the_palette_of_the_terminal_is_left_alone():
    blue = Color.parse("ansi_blue")
    assert readable(blue, Color(0, 0, 0), 4.5) == blue
    assert faded(blue, Color(0, 0, 0), 2.6) == blue


def tops(chart):
    """Yield the style of the topmost cell of each bar of ``chart``."""
    rows = [
        [(cell, style) for text, style, _ in chart.render_line(y) for cell in text]
        for y in range(chart.size.height)
    ]
    for column in range(GUTTER, chart.size.width):
        cells = (row[column] for row in rows)
        style = next((style for cell, style in cells if cell in BLOCKS), None)
        if style is not None:
            yield style


@pytest.mark.slow
def test_the_top_of_each_bar_is_bright_in_every_theme():
    app = desk(source=FixedSource(ALL_DOWN))
    weak, seen = [], set()

    async def script(pilot):
        for theme in sorted(NAMES):
            app.theme = theme
            await pilot.pause()
            for chart in app.desk.query(Chart):
                for style in tops(chart):
                    seen.add(theme)
                    if style.bgcolor.is_default:
                        # What the terminal's own palette looks like is unknown, but not its text
                        # and its alerts.
                        if not style.color.is_default and not style.bold:
                            weak.append((theme, chart.id, style))
                        continue
                    colour, ground = map(Color.from_rich_color, (style.color, style.bgcolor))
                    if contrast(colour, ground) < 4.5:
                        weak.append((theme, chart.id, colour, ground))

    drive(app, script, (120, 40))
    assert seen == NAMES
    assert not weak
