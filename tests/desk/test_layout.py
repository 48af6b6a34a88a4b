"""At every size of a terminal the panels fit: three keys at least, and every frame closed."""

from __future__ import annotations

import random

import pytest

from . import scenes
from .piloting import RecordingControl, desk, drive, screen_text
from .scenes import FixedSource

pytestmark = pytest.mark.slow

COLUMNS = (60, 75, 76, 111, 112, 120, 160, 179, 180, 250)
ROWS = (20, 22, 23, 26, 28, 29, 32, 35, 36, 40, 44, 47, 48, 50, 55, 61, 63, 64, 72, 80)


def misfits(app) -> list[str]:
    """Return what does not fit at the present size, in words."""
    found = []
    screen = app.desk
    for number, panel in screen.panels.items():
        if not panel.display:
            continue
        place = screen.find_widget(panel)
        if place.visible_region != place.region or place.region.height < 1:
            found.append(f"panel {number}: {place.visible_region} of {place.region}")
    keys = screen.key_table
    if keys.display and keys.size.height - 1 < 3:
        found.append(f"{keys.size.height - 1} keys")
    bar = screen.find_widget(screen.action_bar)
    if bar.visible_region != bar.region:
        found.append(f"the buttons: {bar.visible_region} of {bar.region}")
    return found


def test_the_panels_fit_whatever_the_size():
    app = desk(RecordingControl(), FixedSource(scenes.REDIS_DOWN))
    draw = random.Random(3)
    sizes = [(draw.choice((draw.randint(60, 250), draw.choice(COLUMNS))), rows) for rows in ROWS]
    sizes += [(draw.choice(COLUMNS), draw.randint(20, 80)) for _ in range(10)]
    found = {}

    async def script(pilot):
        for size in sizes:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            if words := misfits(app):
                found[size] = words

    drive(app, script, (80, 24))
    assert not found, found


def test_a_resized_desk_looks_as_if_opened_at_that_size():
    # One cell more or less: of the charts side by side some change their width and some do not.
    sizes = ((121, 40), (122, 40), (123, 40), (83, 24), (82, 24))
    resized, opened = {}, {}

    def script_for(looks, *others):
        async def script(pilot):
            for size in others:
                await pilot.resize_terminal(*size)
                await pilot.pause()
                looks[size] = screen_text(pilot.app)

        return script

    def app():
        return desk(RecordingControl(), FixedSource(scenes.REDIS_DOWN))

    drive(app(), script_for(resized, *sizes), (120, 40))
    for size in sizes:
        drive(app(), script_for(opened, size), size)
    for size in sizes:
        assert resized[size] == opened[size], size


def test_charts_give_way_to_the_lists_on_a_tall_screen_that_is_not_roomy():
    app = desk(RecordingControl(), FixedSource(scenes.REDIS_DOWN))
    heights = []

    async def script(pilot):
        for rows in (36, 39, 40, 36):
            await pilot.resize_terminal(120, rows)
            await pilot.pause()
            heights.append(app.desk.query_one("#charts").outer_size.height)

    drive(app, script, (120, 36))
    assert heights == [8, 8, 9, 8]


@pytest.mark.parametrize(("size", "events"), [((120, 40), 5), ((160, 50), 7)], ids=str)
def test_there_is_room_for_the_events_of_a_fault_and_for_the_keys(size, events):
    app = desk(RecordingControl(), FixedSource(scenes.HEALTHY))

    async def script(pilot):
        await pilot.pause()
        assert app.desk.query_one("#events").size.height == events
        assert app.desk.query_one("#keys").outer_size.height >= 8

    drive(app, script, size)
