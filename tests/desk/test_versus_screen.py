"""The screen of two stacks: what its keys send to both, and what it looks like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cachedesk.core.commands import (
    EvictKey,
    EvictShare,
    Heal,
    Inject,
    PauseWorker,
    Record,
    StepWorker,
)
from cachedesk.core.errors import Unavailable
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.desk.modes.versus import VersusApp, closing_lines, versus_actions
from cachedesk.desk.screens.evict import EvictScreen
from cachedesk.desk.screens.faults import FaultsScreen
from cachedesk.desk.screens.help import HelpScreen
from cachedesk.desk.views.differences import Differences, Kind, differences
from cachedesk.desk.views.pair_headline import pair_headline
from cachedesk.desk.widgets.difference_table import column_widths
from cachedesk.lab.judge.verdict import unjudged
from cachedesk.lab.versus.pair import SideResult

from . import pairs
from .pairs import FixedPair
from .piloting import RecordingControl, drive, screen_text, until

SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))
SMALL = ((60, 20), (80, 24), (100, 30), (120, 24), (120, 40), (160, 50), (250, 70))


def app_of(scene=pairs.EXPOSED, control=None, **more) -> VersusApp:
    return VersusApp(FixedPair(scene), control, refresh_hz=None, **more)


async def shown(app: VersusApp, pilot: Pilot[None]) -> str:
    await until(pilot, lambda: app.versus.shown is not None, "a pair is shown")
    return screen_text(app)


class TestDifferences:
    def test_a_lost_counter_reads_less(self):
        found = differences(pairs.LEFT_LOST, pairs.RIGHT)
        assert found.rows[0].key == b"views:article:1"
        assert (found.rows[0].left, found.rows[0].right) == (b"10471", b"10483")
        assert found.rows[0].kind is Kind.READ
        assert found.rows[0].note == "left 12 less"
        assert [row.kind for row in found.rows] == sorted(row.kind for row in found.rows)

    def test_what_is_in_redis_only_reads_the_same_and_is_told_apart(self):
        found = differences(pairs.LEFT, pairs.RIGHT)
        assert found.count(Kind.READ) == 0
        notes = {row.key: row.note for row in found.rows if row.kind is Kind.TRUTH}
        assert notes[b"views:article:1"] == "left: 12 in Redis only"
        assert b"order:1029" not in notes

    def test_equal_sides_do_not_differ(self):
        found = differences(pairs.RIGHT, pairs.RIGHT)
        assert found.count(Kind.SAME) == len(found.rows) == len(pairs.RIGHT.hot)

    def test_an_unknown_value_is_not_compared(self):
        hidden = replace(pairs.RIGHT.hot[0], cached_known=False, cached=None, truth_known=False)
        found = differences(replace(pairs.RIGHT, hot=(hidden,)), pairs.RIGHT)
        assert found == Differences()

    def test_a_busy_key_is_not_compared(self):
        found = differences(pairs.LEFT_LOST, pairs.RIGHT, {b"views:article:1"})
        assert b"views:article:1" not in {row.key for row in found.rows}
        assert len(found.rows) == len(pairs.RIGHT.hot) - 1

    def test_without_read_repair_a_miss_reads_the_row(self):
        missed = replace(pairs.RIGHT.hot[0], cached=None)
        left = replace(pairs.RIGHT, hot=(missed,), safeguards=Safeguards(read_repair=False))
        (row,) = differences(left, pairs.RIGHT).rows
        assert (row.left, row.right, row.kind) == (b"10471", b"10483", Kind.READ)
        (row,) = differences(replace(left, safeguards=ALL_ON), pairs.RIGHT).rows
        assert row.kind is Kind.SAME

    @pytest.mark.parametrize(
        ("left", "right", "note"),
        [
            (b"7", b"5", "left 2 more"),
            (b"-3", b"5", "left 8 less"),
            (None, b"5", "absent left"),
            (b"x", None, "absent right"),
            (b"x", b"5", "differs"),
            (b"9" * 60, b"5", "differs"),
            (b"--5", b"5", "differs"),
        ],
    )
    def test_the_note_says_how(self, left, right, note):
        one, other = (
            replace(pairs.RIGHT.hot[0], cached=value, truth=value) for value in (left, right)
        )
        found = differences(replace(pairs.RIGHT, hot=(one,)), replace(pairs.RIGHT, hot=(other,)))
        assert found.rows[0].note == note

    def test_the_note_is_on_the_side_with_fewer_safeguards(self):
        one, other = (
            replace(pairs.RIGHT.hot[0], cached=value, truth=value) for value in (b"7", b"5")
        )
        left = replace(pairs.RIGHT, hot=(one,))
        right = replace(pairs.RIGHT, hot=(other,), safeguards=Safeguards(log=False))
        assert differences(left, right).rows[0].note == "right 2 less"


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (pairs.STARTING, "starting two stacks"),
        (pairs.LOST, "left lost 192 writes, right lost none"),
        (pairs.ENDED, "left (log=off) has ended; right goes on"),
        (pairs.EXPOSED, "lost if Redis died now: left 512, right 0"),
        (pairs.SILENT, "left (log=off) does not answer"),
        (pairs.pair(pairs.RIGHT, pairs.RIGHT), "both sides agree"),
        (pairs.pair(pairs.RIGHT, pairs.LEFT_LOST), "left lost none, right lost 192 writes"),
        (
            replace(pairs.ENDED, right=replace(pairs.ENDED.right, ended="closed")),
            "both sides have ended",
        ),
    ],
)
def test_the_headline_says_the_worst(scene, words):
    left, right = scene.left.snapshot, scene.right.snapshot
    found = differences(left, right) if left and right else Differences()
    assert words in pair_headline(scene, found).sentence


@pytest.mark.parametrize("width", range(40, 250, 7))
def test_the_columns_fit(width):
    key, value, note = column_widths(width)
    assert 2 + key + 2 + value + 2 + value + 2 + note <= max(width, 56)


@pytest.mark.parametrize("size", SMALL, ids=str)
@pytest.mark.parametrize("name", [*pairs.SCENES, "silent", "odd"])
def test_it_says_what_matters_at_each_size(size, name):
    scene = {**pairs.SCENES, "silent": pairs.SILENT, "odd": pairs.ODD}[name]
    app = app_of(scene)

    async def script(pilot):
        text = await shown(app, pilot)
        lines = text.split("\n")
        beside = size[0] >= 120
        row = next(line for line in lines if "LEFT" in line)
        assert ("RIGHT" in row) is beside
        assert "log=off" in text
        assert "log=on" in text
        assert "q quit" in text
        assert "\x1b" not in text

    drive(app, script, size)


def test_a_lost_side_is_shown_with_its_ids():
    app = app_of(pairs.LOST)

    async def script(pilot):
        text = await shown(app, pilot)
        for part in (
            "left lost 192 writes, right lost none",
            "192 acknowledged writes gone",
            f"#{pairs.LEFT_LOST.unaccounted[0]}",
            "left 12 less",
            "read differently",
            "0 lost (96 in the log)",
        ):
            assert part in text, part

    drive(app, script, (160, 50))


KEYS = {
    "k": [Inject("redis.kill")],
    "d": [Inject("redis.down")],
    "c": [Inject("worker.crash")],
    "l": [Inject("database.lock")],
    "h": [Heal()],
    "p": [PauseWorker()],
    "n": [StepWorker()],
    "e": [EvictKey(b"views:article:1")],
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_sends_its_command_to_both(key):
    control = RecordingControl()
    app = app_of(pairs.LOST, control)

    async def script(pilot):
        await shown(app, pilot)
        await pilot.press(key)
        await until(pilot, lambda: control.commands == KEYS[key], f"{key} is sent")

    drive(app, script, (120, 40))


def test_every_key_that_breaks_or_steers_is_there():
    names = {action.name for action in versus_actions(read_only=False)}
    assert {"kill-redis", "hold-redis-down", "crash-worker", "lock-database", "faults"} < names
    assert {"heal", "evict-key", "evict", "pause-worker", "step-worker", "steer", "record"} < names
    assert not any(action.commands for action in versus_actions(read_only=True))


def test_the_screens_of_the_desk_work_on_both():
    control = RecordingControl()
    app = app_of(pairs.EXPOSED, control)

    async def script(pilot):
        await shown(app, pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FaultsScreen), "the faults are open")
        await pilot.press("enter")
        await until(pilot, lambda: control.commands == [Inject("redis.kill")], "it is injected")
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, EvictScreen), "it asks what to evict")
        await pilot.press("end", "enter", *"25", "enter")
        await until(pilot, lambda: control.commands[1:] == [EvictShare(0.25)], "a share is evicted")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "help is open")
        await pilot.press("escape", "space")
        await until(pilot, lambda: app.versus.frozen, "it is frozen")
        await pilot.press("down", "space", "plus")
        await until(pilot, lambda: app.versus.timespan.seconds < 60, "it is zoomed")
        assert app.versus.table.selected == app.versus.table.found.rows[1].key

    drive(app, script, (120, 40))


def test_r_records_both_sides_to_files_of_one_number(tmp_path: Path):
    control = RecordingControl()
    app = app_of(pairs.EXPOSED, control, folder=tmp_path)
    folder = tmp_path / "recordings"

    async def script(pilot):
        await shown(app, pilot)
        folder.mkdir()
        (folder / "versus-004.right.rec").touch()
        await pilot.press("R")
        await until(pilot, lambda: control.commands != [], "it records")

    drive(app, script)
    assert control.commands == [Record(str(folder / "versus-005.rec"))]
    assert app.saved == [folder / "versus-005.left.rec", folder / "versus-005.right.rec"]


def test_an_error_is_shown():
    class Refusing(RecordingControl):
        def perform(self, command):
            raise Unavailable("the sides are still starting")

    app = app_of(pairs.EXPOSED, Refusing())

    async def script(pilot):
        await shown(app, pilot)
        await pilot.press("k")
        await until(pilot, lambda: "still starting" in screen_text(app), "the error is shown")

    drive(app, script, (120, 40))


def test_the_keys_of_a_side_that_has_ended_stay_as_they_were():
    source = FixedPair(pairs.LOST)
    app = VersusApp(source, None, refresh_hz=None)

    async def script(pilot):
        await shown(app, pilot)
        before = app.versus.table.found
        source.value = pairs.ended(pairs.EXPOSED, "killed by SIGKILL")
        await app._puller.once()
        await pilot.pause()
        assert app.versus.table.found == before
        assert "a side has ended" in screen_text(app)
        assert "ended with 512 fast writes in Redis only" in screen_text(app)
        assert "if Redis died now: 0 lost (96 in the log)" in screen_text(app), "the other side"

    drive(app, script, (120, 40))


def test_a_side_that_ended_at_once_is_not_waited_for():
    app = VersusApp(FixedPair(pairs.ENDED), None, refresh_hz=None)

    async def script(pilot):
        await shown(app, pilot)
        text = screen_text(app)
        assert "a side has ended before a key was compared" in text
        assert "yet" not in text

    drive(app, script, (120, 40))


def test_the_closing_lines_name_the_ids(tmp_path: Path):
    kept = replace(unjudged(900), judged=True)
    lost = replace(kept, lost=tuple(range(20, 40)))
    lines = list(
        closing_lines((SideResult("log=off", lost, ""), SideResult("log=on", kept, "")), ())
    )
    assert lines[0].startswith("left (log=off): 900 writes accepted, 20 LOST: #20 #21")
    assert lines[0].endswith(" …")
    assert lines[1] == "right (log=on): 900 writes accepted, none lost"
    gone = SideResult("log=off", None, "killed by SIGKILL")
    assert next(closing_lines((gone, gone), ())) == "left (log=off): killed by SIGKILL"


PICTURES = [
    pytest.param(name, size, id=f"{name}-{size[0]}x{size[1]}")
    for name in pairs.SCENES
    for size in SIZES
    if name == "lost" or size == (120, 40)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), PICTURES)
def test_picture(snap_compare, name, size):
    app = app_of(pairs.SCENES[name], RecordingControl())
    assert snap_compare(app, terminal_size=size)


@pytest.mark.slow
def test_light(snap_compare):
    app = app_of(pairs.LOST, RecordingControl())
    app.theme = "paper"
    assert snap_compare(app, terminal_size=(120, 40))


def test_every_picture_is_compared():
    kept = Path(__file__).parent / "__snapshots__" / "test_versus_screen"
    assert {path.stem for path in kept.iterdir()} == {
        "test_light",
        *(f"test_picture[{case.id}]" for case in PICTURES),
    }


def test_each_offered_action_exists():
    app = app_of(pairs.EXPOSED, RecordingControl())
    for action in versus_actions(read_only=False):
        name = action.app_action.partition("(")[0]
        assert hasattr(app, f"action_{name}"), action.name


def test_both_sides_are_drawn_with_one_scale_which_shrinks_again():
    app = app_of(pairs.EXPOSED)
    calm = tuple(replace(tick, depth=5) for tick in pairs.RIGHT.ticks)
    shrunk = pairs.pair(replace(pairs.LEFT, ticks=calm), replace(pairs.RIGHT, ticks=calm))

    def tops() -> list[list[float]]:
        return [
            [chart.top for chart in side.charts] for side in (app.versus.left, app.versus.right)
        ]

    async def script(pilot):
        await shown(app, pilot)
        await until(pilot, lambda: tops() == [[100.0, 600.0]] * 2, "one scale for both")
        app.versus.apply(shrunk)
        await until(pilot, lambda: tops() == [[100.0, 10.0]] * 2, "a smaller scale for both")

    drive(app, script, (160, 50))
