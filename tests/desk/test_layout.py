"""At every size of a terminal the panels fit: three keys at least, and every frame closed."""

from __future__ import annotations

import random
from contextlib import ExitStack

import pytest
from textual.events import Resize
from textual.geometry import Size

from . import scenes
from .fitting import is_whole, misfits
from .monkey import MODES
from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text
from .scenes import FixedSource

pytestmark = pytest.mark.slow

COLUMNS = (60, 75, 76, 111, 112, 120, 160, 179, 180, 250)
ROWS = (20, 22, 23, 26, 28, 29, 32, 35, 36, 40, 44, 47, 48, 50, 55, 61, 63, 64, 72, 80)
CORNERS = ((60, 20), (80, 24), (60, 80), (250, 20), (250, 80))
SCENES = (scenes.REDIS_DOWN, scenes.JUST_KILLED, scenes.ALL_DOWN, scenes.DRAINING)


def test_the_panels_fit_whatever_the_size():
    source = ChangingSource(scenes.REDIS_DOWN)
    app = desk(RecordingControl(), source)
    draw = random.Random(3)
    sizes = [(draw.choice((draw.randint(60, 250), draw.choice(COLUMNS))), rows) for rows in ROWS]
    sizes += [(draw.choice(COLUMNS), draw.randint(20, 80)) for _ in range(10)]
    found = {}

    async def script(pilot):
        for number, size in enumerate((*sizes, *CORNERS)):
            app.desk.apply(SCENES[number % len(SCENES)])
            await pilot.resize_terminal(*size)
            await pilot.pause()
            if words := misfits(app):
                found[number % len(SCENES), size] = words

    drive(app, script, (80, 24))
    assert not found, found


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "live"])
def test_every_other_screen_fits_whatever_the_size(mode):
    draw = random.Random(mode)
    sizes = [(draw.randint(60, 250), draw.randint(20, 80)) for _ in range(8)]
    found = {}
    with ExitStack() as stack:
        app = MODES[mode](stack).app

        async def script(pilot):
            for size in (*sizes, *CORNERS):
                await pilot.resize_terminal(*size)
                await pilot.pause()
                if words := misfits(app):
                    found[size] = words

        drive(app, script, (80, 24))
    assert not found, found


def test_the_past_leaves_three_keys():
    app = desk(RecordingControl(), FixedSource(scenes.HEALTHY))

    async def script(pilot):
        await pilot.press("left")
        for size in ((60, 20), (80, 23), (80, 24), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert "PAST" in screen_text(app)
            assert misfits(app) == [], size

    drive(app, script, (80, 24))


@pytest.mark.parametrize("mode", MODES)
def test_a_small_terminal_keeps_the_top_line_and_the_buttons(mode):
    with ExitStack() as stack:
        app = MODES[mode](stack).app

        async def script(pilot):
            for size in ((40, 15), (30, 9), (20, 5), (12, 3)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
                assert is_whole(app), size
                first, *_, last = screen_text(app).splitlines()
                assert first.strip(), size
                assert "quit" in last, size

        drive(app, script, (80, 24))


def test_a_storm_of_sizes_leaves_the_desk_as_if_opened_at_the_last():
    app = desk(RecordingControl(), FixedSource(scenes.REDIS_DOWN))
    looks = []

    async def script(pilot):
        draw = random.Random(1)
        for _ in range(60):
            width, height = draw.randint(1, 250), draw.randint(1, 80)
            app._driver._size = (width, height)
            app.post_message(Resize(Size(width, height), Size(width, height)))
            if draw.random() < 0.1:
                await pilot.pause()
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        looks.append(screen_text(app))

    async def only_look(pilot):
        looks.append(screen_text(pilot.app))

    drive(app, script, (80, 24))
    drive(desk(RecordingControl(), FixedSource(scenes.REDIS_DOWN)), only_look, (120, 40))
    assert looks[0] == looks[1]


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
