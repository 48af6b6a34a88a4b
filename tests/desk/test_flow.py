"""The flow: every way has its rate, its state and its failpoints, at every size."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from cachedesk.core.failpoints import POINTS
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Health
from cachedesk.desk.views.flow_layout import LEAST_HEIGHT, LEAST_WIDTH, diagram_fits, flow_lines
from cachedesk.desk.views.flow_model import ARROWS, STEPS, ArrowState, arrow_of, flow_model
from cachedesk.desk.views.flow_sketch import sketch_lines

from . import scenes

NOTHING_LEFT = replace(scenes.REDIS_DOWN, safeguards=Safeguards(log=False))
ALL_ARMED = replace(scenes.HEALTHY, armed=tuple(POINTS))
SCENES = (
    scenes.HEALTHY,
    scenes.REDIS_DOWN,
    scenes.ALL_DOWN,
    scenes.EMPTY,
    scenes.HUGE,
    scenes.paused(scenes.HEALTHY),
    ALL_ARMED,
)


def text(scene, width=118, height=11):
    lines = flow_lines(flow_model(scene), width, height)
    return "\n".join("".join(piece for piece, _ in line) for line in lines)


def test_all_is_well_and_every_way_says_how_much():
    model = flow_model(scenes.HEALTHY)
    assert (model.reads, model.writes) == ("1,600/s", "380/s")
    assert {getattr(model, way).state for way in ARROWS} == {ArrowState.WELL}
    drawn = text(scenes.HEALTHY)
    for word in ("hit 1,600/s", "miss 62/s", "¹through 60/s", "¹behind 320/s", "³180 rows/s"):
        assert word in drawn
    assert "²set 380/s" in drawn, "both ways of writing put the value into Redis"
    assert "fill 62/s" in drawn, "what a miss found is put into Redis"


def test_only_misses_that_were_answered_fill_redis():
    missed = scenes.tick(0, misses=100, overlay=10, database=30, unavailable=60)
    model = flow_model(replace(scenes.HEALTHY, ticks=(missed,)))
    assert (model.miss.label, model.fill.label) == ("miss 200/s", "fill 80/s")


def test_without_redis_nothing_is_put_into_it():
    model = flow_model(scenes.REDIS_DOWN)
    assert (model.set.label, model.fill.label) == ("²set 0/s", "fill 0/s")
    assert model.set.state is model.fill.state is ArrowState.BLOCKED
    assert "✗ fill" in text(scenes.REDIS_DOWN)


def test_without_the_log_redis_alone_takes_what_the_log_would():
    off = replace(scenes.HEALTHY, safeguards=Safeguards(log=False))
    model = flow_model(off)
    assert model.set.state is ArrowState.LIT
    assert model.behind.state is ArrowState.BLOCKED
    assert not any(step in text(off) for step in STEPS), "a write has no such order then"


def test_without_redis_the_way_to_the_database_lights_up():
    model = flow_model(scenes.REDIS_DOWN)
    assert model.hit.state is ArrowState.BLOCKED
    assert model.miss.state is ArrowState.LIT
    assert model.through.state is ArrowState.WELL
    assert "✗ held down" in text(scenes.REDIS_DOWN)


def test_when_everything_is_down_nothing_gets_through():
    model = flow_model(scenes.ALL_DOWN)
    ways = [way for way in ARROWS if way not in ("calls", "take")]
    assert {getattr(model, way).state for way in ways} == {ArrowState.BLOCKED}
    assert model.take.state is ArrowState.IDLE
    assert {int(re.search(r"\d+", getattr(model, way).label)[0]) for way in ways} == {0}


def test_a_locked_database_can_still_be_read():
    locked = replace(scenes.HEALTHY.database, health=Health.DEGRADED, word="locked")
    model = flow_model(replace(scenes.HEALTHY, database=locked))
    assert model.through.state is ArrowState.BLOCKED
    assert model.flush.state is ArrowState.BLOCKED
    assert model.miss.state is ArrowState.WELL, "nothing of Redis comes this way"


def test_a_slow_database_lights_every_way_to_it_up():
    slow = replace(scenes.HEALTHY.database, health=Health.DEGRADED, word="slow")
    model = flow_model(replace(scenes.HEALTHY, database=slow))
    assert {way.state for way in (model.miss, model.through, model.flush)} == {ArrowState.LIT}


def test_a_paused_worker_holds_its_ways():
    model = flow_model(scenes.paused(scenes.HEALTHY))
    assert model.take.state is model.flush.state is ArrowState.HELD
    assert "‖" in text(scenes.paused(scenes.HEALTHY))


def test_nothing_flows_before_anything_is_known():
    model = flow_model(scenes.EMPTY)
    assert model.calls.state is ArrowState.IDLE


@pytest.mark.parametrize("point", POINTS)
def test_every_failpoint_has_its_way(point):
    assert arrow_of(point) in ARROWS
    armed = replace(scenes.HEALTHY, armed=(point,))
    assert "◇" in text(armed, LEAST_WIDTH, LEAST_HEIGHT + 1)
    assert "◇" in text(armed, 108, LEAST_HEIGHT)
    assert f"◇ {point.partition('.')[2]}" in text(armed, 168)


ROOMS = st.tuples(st.integers(LEAST_WIDTH, 260), st.integers(LEAST_HEIGHT, 30)).filter(
    lambda room: diagram_fits(*room)
)


@given(st.sampled_from(SCENES), ROOMS)
def test_the_picture_fills_its_room_to_the_cell(scene, room):
    width, height = room
    lines = flow_lines(flow_model(scene), width, height)
    assert len(lines) == height
    assert all(cell_len("".join(text for text, _ in line)) == width for line in lines)


@given(st.sampled_from(SCENES), ROOMS)
def test_every_part_is_named_at_every_size(scene, room):
    drawn = text(scene, *room)
    for word in ("user", "app", "cache layer", "Redis", "SQLite", "Log", "Worker"):
        assert word in drawn


@pytest.mark.parametrize("name", ["HEALTHY", "REDIS_DOWN", "JUST_KILLED"])
@given(room=ROOMS)
@example(room=(108, 11))
@example(room=(76, 12))
def test_every_way_has_its_label_at_every_size(name, room):
    scene = getattr(scenes, name)
    model = flow_model(scene)
    drawn = text(scene, *room)
    assert all(getattr(model, way).label in drawn for way in ARROWS)


def test_each_part_says_what_it_is_for_where_there_is_room():
    drawn = text(scenes.HEALTHY)
    for role in ("copies, may be lost", "accepted, on disk", "database, the truth"):
        assert role in drawn
    assert " truth " in text(scenes.HEALTHY, LEAST_WIDTH, LEAST_HEIGHT + 1)


def test_reads_are_what_the_arrows_carry_when_redis_has_just_gone():
    straddling = scenes.tick(0, hits=50, misses=100)
    model = flow_model(replace(scenes.REDIS_DOWN, ticks=(straddling,)))
    assert (model.hit.label, model.miss.label, model.reads) == ("hit 0/s", "miss 200/s", "200/s")


@pytest.mark.parametrize(
    ("scene", "long", "short"),
    [
        (scenes.HEALTHY, "write ¹→²→ok, ³ later", "¹→²→ok→³"),
        (scenes.REDIS_DOWN, "write ¹→ok, ³ later", "¹→ok→³"),
        (scenes.LOST, "fast write: set→ok", "fast: set→ok"),
        (NOTHING_LEFT, "fast write: refused", "fast: refused"),
    ],
)
def test_where_the_caller_is_answered_is_in_the_legend(scene, long, short):
    model = flow_model(scene)
    assert model.legend(80) == long
    assert model.legend(len(short)) == short
    assert model.legend(len(short) - 1) == ""


@pytest.mark.parametrize(("width", "height"), [(56, 4), (80, 4), (88, 5), (90, 12), (120, 12)])
def test_every_drawing_has_the_answer(width, height):
    fits = diagram_fits(width, height)
    draw = flow_lines if fits else sketch_lines
    lines = draw(flow_model(scenes.HEALTHY), width, height)
    drawn = ["".join(text for text, _ in line) for line in lines]
    assert any("¹→²→ok" in line for line in drawn), drawn
    assert all(cell_len(line) == width for line in drawn)
