"""The look for a projector: headline, balance and flow alone, live, in a story and in a replay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cachedesk.core.commands import Inject
from cachedesk.core.snapshot import Health
from cachedesk.desk.modes.live_story import StoryApp
from cachedesk.desk.modes.playback import ReplayApp
from cachedesk.desk.views.flow_model import ARROWS, flow_model
from cachedesk.desk.views.flow_projector import LEAST_HEIGHT, LEAST_WIDTH, projector_lines
from cachedesk.recording.player import Player
from cachedesk.recording.recording_file import RecordingFile
from tests.lab.recorded import record

from . import scenes
from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text, until
from .stories import LOST, STEP, Fixed

SIZES = ((60, 20), (80, 24), (100, 30), (120, 40), (160, 50), (250, 70))
ELSEWHERE = ("Hot keys", "Hit rate", "Queue depth", "Events", "views:article:1", "q quit")
"""Words of what a projector does not show."""

NAMES = ("HEALTHY", "REDIS_DOWN", "ALL_DOWN", "EMPTY", "HUGE", "JUST_KILLED", "DRAINING")


def drawn(scene, width, height):
    lines = projector_lines(flow_model(scene), width, height)
    return ["".join(piece for piece, _ in line) for line in lines]


@pytest.mark.parametrize("name", NAMES)
@given(
    width=st.integers(LEAST_WIDTH, 260),
    height=st.integers(LEAST_HEIGHT, 80),
)
def test_the_picture_fills_its_room_to_the_cell(name, width, height):
    lines = drawn(getattr(scenes, name), width, height)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    text = "\n".join(lines)
    for word in ("app", "Redis", "SQLite", "Log", "Worker", "reads", "writes"):
        assert word in text


@given(width=st.integers(58, 260), height=st.integers(LEAST_HEIGHT, 80))
def test_every_way_and_every_state_is_told(width, height):
    text = "\n".join(drawn(scenes.ALL_DOWN, width, height))
    for word in ("✗ held down", "✗ not readable", "✗ disk full", "◐ retrying"):
        assert word in text
    model = flow_model(scenes.ALL_DOWN)
    for way in ARROWS:
        # A figure may be drawn as large digits, apart from its word.
        assert getattr(model, way).label.partition(" ")[0] in text, way


def test_a_wall_has_large_figures():
    text = "\n".join(drawn(scenes.HEALTHY, 118, 36))
    assert "2,650" not in text
    assert "┗━╸,┗━┛╺━┛┗━┛ keys" in text, "the last row of its digits"
    assert "hit 1,600/s" not in text
    assert "hit ╺┻╸,┗━┛┗━┛┗━┛/s" in text


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_only_headline_balance_and_flow_are_shown(size):
    app = desk(RecordingControl())

    async def script(pilot):
        before = screen_text(app)
        await pilot.press("Z")
        await pilot.pause()
        text = screen_text(app)
        for word in (
            "all well",
            "286,520" if size[0] > 60 else "287k",
            "Redis",
            "¹behind 320/s",
            "Z shows everything",
        ):
            assert word in text
        assert not [word for word in ELSEWHERE if word in text]
        flow = app.desk.panels[1].region
        assert flow.bottom == size[1], "the picture goes down to the last row"
        assert flow.height >= size[1] - 6
        await pilot.press("Z")
        await pilot.pause()
        assert screen_text(app) == before

    drive(app, script, size)


@pytest.mark.parametrize("key", ["escape", "1", "z", "slash"])
def test_a_key_of_another_look_leaves_it(key):
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.press("Z")
        await until(pilot, lambda: app.desk.projected, "it is on")
        await pilot.press(key)
        await until(pilot, lambda: not app.desk.projected, "it is off")
        await pilot.pause()
        assert "Hot keys" in screen_text(app)

    drive(app, script, (120, 40))


def test_it_stays_live_and_faults_can_be_injected():
    source, control = ChangingSource(scenes.HEALTHY), RecordingControl()
    app = desk(control, source, hz=20.0)

    async def script(pilot):
        await pilot.press("Z")
        await pilot.press("d")
        await until(pilot, lambda: Inject("redis.down") in control.commands, "it is injected")
        source.value = scenes.REDIS_DOWN
        await until(pilot, lambda: "✗ held down" in screen_text(app), "Redis is down")
        assert "✗ fill" in screen_text(app)
        source.value = scenes.HEALTHY
        await until(pilot, lambda: "✗" not in screen_text(app).partition("gone")[2], "it is back")

    drive(app, script, (100, 30))


def test_it_resizes():
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.press("Z")
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.desk.panels[1].region.bottom == size[1]
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert "Redis" in screen_text(app)

    drive(app, script, (80, 24))


def test_a_story_is_told_above_it():
    app = StoryApp(Fixed(STEP, LOST), refresh_hz=None, follows=False)

    async def script(pilot):
        await pilot.press("Z")
        await until(pilot, lambda: app.desk.projected, "it is on")
        await pilot.pause()
        text = screen_text(app)
        assert "Redis is killed" in text, "the narration"
        assert "━ set 0/s" in text
        assert "should be" not in text
        assert app.desk.panels[1].region.bottom == 24

    drive(app, script, (80, 24))


def test_a_replay_has_its_strip_below_it(tmp_path):
    locked = replace(scenes.HEALTHY.database, health=Health.DEGRADED, word="locked")
    shown = [scenes.HEALTHY, replace(scenes.HEALTHY, at=scenes.NOW + 1, database=locked)]
    with RecordingFile(record(tmp_path / "run.rec", shown)) as recording:
        player = Player(recording, playing=False)
        app = ReplayApp(player, data_label="run.rec")

        async def script(pilot):
            await pilot.press("Z")
            await until(pilot, lambda: app.desk.projected, "it is on")
            await until(pilot, lambda: "━ ²set 380/s" in screen_text(app), "the picture")
            await pilot.press("full_stop")
            await until(pilot, lambda: "◐ locked" in screen_text(app), "the next record")
            assert "00:0" in screen_text(app), "the time code"

        drive(app, script, (80, 24))
