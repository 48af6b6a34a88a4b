"""The sketch of the flow: every path, rate and state in four or five lines of a small screen."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cachedesk.core.failpoints import POINTS
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Health
from cachedesk.desk.views.flow_model import flow_model
from cachedesk.desk.views.flow_sketch import LEAST_HEIGHT, LEAST_WIDTH, sketch_lines

from . import scenes
from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text
from .test_flow import ALL_ARMED, SCENES

LOCKED = replace(
    scenes.HEALTHY,
    database=replace(scenes.HEALTHY.database, health=Health.DEGRADED, word="locked"),
)
SIZES = ((58, 4), (78, 4), (78, 5), (98, 5), (118, 5))


def rows(scene, width, height):
    lines = sketch_lines(flow_model(scene), width, height)
    return ["".join(piece for piece, _ in line) for line in lines]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_path_has_its_rate(size):
    drawn = "\n".join(rows(scenes.HEALTHY, *size))
    for label in ("hit 1,600/s", "²set 380/s", "fill 62/s", "miss 62/s", "¹through 60/s"):
        assert label in drawn
    assert "¹behind 320/s" in drawn
    assert re.search("─ 340/s ─*▶", drawn), "from the log to the worker"
    assert "¹→²→ok" in drawn
    if size[0] > 58:
        assert "³180 rows/s" in drawn


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_without_the_log_a_write_has_no_such_steps(size):
    off = replace(scenes.HEALTHY, safeguards=Safeguards(log=False))
    drawn = "\n".join(rows(off, *size))
    assert "╌ no log ╌" in drawn
    assert not any(step in drawn for step in "¹²³")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_broken_component_ends_its_paths_and_says_why(size):
    drawn = rows(scenes.REDIS_DOWN, *size)
    assert "✗╏ ✗ Redis" in drawn[0]
    assert "held down" in drawn[0]
    assert not any("✗╏" in row for row in drawn if "SQLite" in row or "Log" in row)
    drawn = "\n".join(rows(scenes.ALL_DOWN, *size))
    assert drawn.count("✗╏") >= 3
    for word in ("down", "not re", "disk full", "retrying"):
        assert word in drawn


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_locked_database_refuses_writes_and_is_still_read(size):
    (row,) = (row for row in rows(LOCKED, *size) if "SQLite" in row)
    assert "◐ SQLite" in row
    assert "locked" in row
    assert "✗╌" in row, "the flush ends before it"
    way = row.partition("┃")[0]
    assert ("╌✗" in way) == ("through" in way), "the way of a miss is open"


@given(
    st.sampled_from((*SCENES, LOCKED, scenes.DRAINING, scenes.JUST_KILLED)),
    st.integers(LEAST_WIDTH, 260),
    st.integers(LEAST_HEIGHT, 10),
)
def test_the_sketch_fills_its_room_to_the_cell(scene, width, height):
    drawn = rows(scene, width, height)
    assert len(drawn) == height
    assert {cell_len(row) for row in drawn} == {width}
    for name in ("app", "Redis", "SQLite", "Log", "Worker"):
        assert any(name in row for row in drawn)


@pytest.mark.parametrize(
    "point", [point for point in POINTS if not point.startswith(("boot", "close"))]
)
def test_an_armed_failpoint_is_marked(point):
    armed = replace(scenes.HEALTHY, armed=(point,))
    for size in SIZES[1:]:
        assert "◇" in "\n".join(rows(armed, *size)), size
    assert "◇" in "\n".join(rows(ALL_ARMED, *SIZES[0]))


def test_the_desk_has_a_picture_of_the_flow_in_every_usual_window():
    source = ChangingSource(scenes.HEALTHY)
    app = desk(RecordingControl(), source)

    async def script(pilot):
        for size in ((60, 20), (80, 24), (100, 30), (80, 40), (120, 30), (120, 40), (200, 60)):
            await pilot.resize_terminal(*size)
            for scene in (scenes.HEALTHY, scenes.REDIS_DOWN):
                app.desk.apply(scene)
                await pilot.pause()
                text = screen_text(app)
                for label in ("hit ", "²set ", "miss ", "¹through 60/s", "¹behind 320/s"):
                    assert label in text, (size, label)
                assert ("✗╏" in text) == (scene is scenes.REDIS_DOWN), size

    drive(app, script, (80, 24))
