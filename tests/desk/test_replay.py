"""A replay: the desk over a recording, and every key and every place of the mouse on it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cachedesk.core.snapshot import Books, Event, EventKind, Mark, Snapshot
from cachedesk.desk.modes.playback import REPLAY_ACTIONS, ReplayApp
from cachedesk.desk.widgets.action_bar import ActionButton
from cachedesk.desk.widgets.event_list import EventList
from cachedesk.desk.widgets.replay_strip import (
    bar_of,
    cell_of,
    seconds_of,
    state_of,
    timecode,
)
from cachedesk.recording.player import Playback, Player
from cachedesk.recording.recording_file import RecordingFile
from tests.lab.recorded import BEGAN_AT, record

from .piloting import drive, screen_text, until
from .scenes import HEALTHY

RECORDS = 121
LENGTH = 60.0
FAULTS = (Mark("redis.kill", BEGAN_AT + 15, BEGAN_AT + 17), Mark("redis.down", BEGAN_AT + 45))

EVENTS = (Event(BEGAN_AT + 45, EventKind.FAULT, "Redis was killed"),)


def scenes() -> Iterator[Snapshot]:
    """Yield a minute of a stack, each half second with other books."""
    for number in range(RECORDS):
        at = BEGAN_AT + number / 2
        yield replace(
            HEALTHY,
            at=at,
            books=Books(90_000 + number, 90_000 + number),
            marks=tuple(mark for mark in FAULTS if mark.start_at <= at),
            events=tuple(event for event in EVENTS if event.at <= at),
            recording="run.rec",
        )


SCENES = list(scenes())


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingFile]:
    """A recording of a minute."""
    with RecordingFile(record(tmp_path_factory.mktemp("replay") / "run.rec", SCENES)) as opened:
        yield opened


class Clock:
    """Stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Replay:
    """A replay under test: its app, its player and the clock they go by."""

    def __init__(self, tape: RecordingFile, *, at: float = 20.0, playing: bool = False) -> None:
        self.clock = Clock()
        self.player = Player(tape, clock=self.clock, playing=playing)
        self.player.seek(at)
        self.app = ReplayApp(self.player, data_label="run.rec")

    @property
    def shown(self) -> int | None:
        """Which record is on the screen, exactly; ``None`` when none is."""
        shown = self.app.desk.shown
        if shown is None:
            return None
        number = shown.books.accepted - 90_000
        assert shown == replace(SCENES[number], recording="")
        return number

    def drive(
        self, script: Callable[..., Awaitable[None]], size: tuple[int, int] = (80, 24)
    ) -> None:
        """Run ``script`` once the first snapshot is shown."""

        async def begin(pilot) -> None:
            await until(pilot, lambda: self.shown is not None, "something is shown")
            await script(pilot)

        drive(self.app, begin, size)


async def shows(pilot, replay: Replay, number: int) -> None:
    """Wait until this record is shown, and said to be."""
    await until(pilot, lambda: replay.shown == number, f"record {number}, not {replay.shown}")
    assert replay.player.where().record == number
    await pilot.pause()
    assert f"accepted {90_000 + number:,}" in screen_text(replay.app)


PRESSED = {
    "replay-skip-back": (25, 40),
    "replay-skip-on": (25, 60),
    "replay-skip-far-back": (45, 30),
    "replay-skip-far-on": (20, 100),
    "replay-step-back": (20, 39),
    "replay-step-on": (20, 41),
    "replay-start": (20, 0),
    "replay-end": (20, RECORDS - 1),
}
"""Actions that show another record: where they begin, in seconds, and what they show."""
OTHERS = {"replay-toggle", "replay-slower", "replay-faster"}


def find(name: str):
    return next(action for action in REPLAY_ACTIONS if action.name == name)


def test_every_key_of_the_replay_is_tested():
    own = {action.name for action in REPLAY_ACTIONS if action.name.startswith("replay-")}
    assert own == set(PRESSED) | OTHERS
    assert len({action.key for action in REPLAY_ACTIONS}) == len(REPLAY_ACTIONS)
    assert not any(action.commands for action in REPLAY_ACTIONS)
    assert "toggle_frozen" not in {action.app_action for action in REPLAY_ACTIONS}


@pytest.mark.parametrize("playing", [False, True], ids=["paused", "playing"])
def test_a_key_goes_where_it_says(tape, playing):
    replay = Replay(tape)

    async def script(pilot):
        for name, (at, number) in PRESSED.items():
            replay.player.seek(at)
            if replay.player.where().playing != playing:
                replay.player.toggle()
            await pilot.press(find(name).key)
            await shows(pilot, replay, number)
            goes_on = playing and not name.startswith("replay-step") and name != "replay-end"
            assert replay.player.where().playing == goes_on

    replay.drive(script)


def test_space_plays_and_pauses(tape):
    replay = Replay(tape)

    async def script(pilot):
        assert "‖ paused 1x" in screen_text(replay.app)
        replay.clock.now += 100
        await shows(pilot, replay, 40)
        await pilot.press("space")
        await until(pilot, lambda: "▶ 1x" in screen_text(replay.app), "it says that it plays")
        replay.clock.now += 3
        await shows(pilot, replay, 46)
        assert "00:23 / 01:00" in screen_text(replay.app)
        await pilot.press("space")
        replay.clock.now += 100
        await shows(pilot, replay, 46)
        await pilot.press("space")
        replay.clock.now += 100
        await shows(pilot, replay, RECORDS - 1)
        await until(pilot, lambda: "■ end 1x" in screen_text(replay.app), "it says that it ended")
        await pilot.press("space")
        await shows(pilot, replay, 0)
        assert replay.player.where().playing

    replay.drive(script)


def test_brackets_change_the_speed(tape):
    replay = Replay(tape, at=0, playing=True)

    async def script(pilot):
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: "▶ 4x" in screen_text(replay.app), "it is four times as fast")
        replay.clock.now += 5
        await shows(pilot, replay, 40)
        await pilot.press(*["left_square_bracket"] * 9)
        await until(pilot, lambda: "▶ 0.25x" in screen_text(replay.app), "it is slow")
        await pilot.press(*["right_square_bracket"] * 9)
        await until(pilot, lambda: "▶ 16x" in screen_text(replay.app), "it is fast")

    replay.drive(script)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_every_button_does_what_its_key_does(tape, size):
    replay = Replay(tape)

    async def script(pilot):
        for button in replay.app.desk.query(ActionButton):
            name = button.action.name
            if name in PRESSED and button.display:
                at, number = PRESSED[name]
                replay.player.seek(at)
                assert await pilot.click(button)
                await shows(pilot, replay, number)
        playing = replay.player.where().playing
        replay.player.seek(0)
        await pilot.click("#action-replay-toggle")
        assert replay.player.where().playing != playing
        if not replay.app.desk.query_one("#action-replay-faster").display:
            return
        await pilot.click("#action-replay-faster")
        assert replay.player.where().speed == 2
        await pilot.click("#action-replay-slower")
        assert replay.player.where().speed == 1

    replay.drive(script, size)


@pytest.mark.parametrize("size", [(60, 20), (120, 40)], ids=str)
def test_the_mouse_seeks_on_the_bar_and_plays_beside_it(tape, size):
    replay = Replay(tape, at=0)

    async def script(pilot):
        line = next(line for line in screen_text(replay.app).splitlines() if "REPLAY" in line)
        first, cells = line.index("●"), line.count("●") + line.count("─") + line.count("▼")
        await pilot.click(replay.app.strip, offset=(first + cells - 1, 0))
        await shows(pilot, replay, RECORDS - 1)
        await pilot.click(replay.app.strip, offset=(first + cells // 2, 0))
        await until(pilot, lambda: 50 < replay.shown < 70, "the middle is shown")
        # The bar may not move under the mouse, whatever is said beside it.
        await pilot.mouse_down(replay.app.strip, offset=(first + 1, 0))
        await pilot.hover(replay.app.strip, offset=(first, 0))
        await shows(pilot, replay, 0)
        await pilot.mouse_up(replay.app.strip, offset=(first, 0))
        await pilot.hover(replay.app.strip, offset=(first + 5, 0))
        await shows(pilot, replay, 0)
        assert not replay.player.where().playing
        await pilot.click(replay.app.strip, offset=(10, 0))
        assert replay.player.where().playing

    replay.drive(script, size)


@pytest.mark.parametrize("size", [(60, 20), (112, 29), (250, 70), (20, 6)])
def test_the_strip_fits_every_size(tape, size):
    replay = Replay(tape, at=35)

    async def script(pilot):
        if size[0] >= 60:
            text = screen_text(replay.app)
            line = next(line for line in text.splitlines() if "REPLAY" in line)
            assert "00:35 / 01:00" in line
            assert line.count("●") == 1
            assert line.count("▼") == len(FAULTS)
            assert ("recorded 2025-08-01 12:00:35" in line) is (size[0] > 101)

    replay.drive(script, size)


def test_a_replay_is_read_only_and_is_not_being_recorded(tape):
    replay = Replay(tape)

    async def script(pilot):
        text = screen_text(replay.app)
        assert "read only" in text
        assert "recording" not in text
        for key in ("k", "d", "c", "l", "h", "e", "E", "p", "n"):
            await pilot.press(key)
        await shows(pilot, replay, 40)

    replay.drive(script, (120, 40))


def test_enter_on_an_event_goes_to_the_moment_before_it(tape):
    replay = Replay(tape, at=59.0)

    async def script(pilot):
        replay.app.desk.query_one(EventList).take_focus()
        at = replay.app.desk.query_one(EventList).selection.shown_at
        assert BEGAN_AT < at < BEGAN_AT + LENGTH
        await pilot.press("enter")
        await shows(pilot, replay, int(2 * (at - 1 - BEGAN_AT)))

    replay.drive(script, (120, 40))


def test_a_bookmark_is_on_the_strip_and_in_the_menu(tmp_path):
    recorded = Mark("bookmark 7", BEGAN_AT + 30, BEGAN_AT + 30)
    scenes = [*SCENES[:-1], replace(SCENES[-1], marks=(*FAULTS, recorded))]
    with RecordingFile(record(tmp_path / "r", scenes)) as tape:
        replay = Replay(tape, at=10.0)

        async def script(pilot):
            await pilot.press("B")
            await pilot.pause()
            line = next(line for line in screen_text(replay.app).splitlines() if "REPLAY" in line)
            # The position covers the mark that was just made.
            assert line.count("◆") == 1
            assert line.count("▼") == len(FAULTS)
            titles = [it.title for it in replay.app.get_system_commands(replay.app.screen)]
            assert "Go to: bookmark 8, 12:00:10" in titles
            commands = replay.app.get_system_commands(replay.app.screen)
            next(it for it in commands if "bookmark 7" in it.title).callback()
            await shows(pilot, replay, 60)

        replay.drive(script, (120, 40))


def test_help_and_menu_know_the_keys_of_the_replay(tape):
    replay = Replay(tape)

    async def script(pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: replay.app.screen is not replay.app.desk, "help is open")
        assert "next record" in screen_text(replay.app)
        # What is pressed there is not meant for the replay behind it.
        await pilot.press("space", "home", "right")
        assert replay.player.where().seconds == 20
        assert not replay.player.where().playing
        await pilot.press("escape")
        await pilot.press("right")
        await shows(pilot, replay, 50)
        titles = [command.title for command in replay.app.get_system_commands(replay.app.screen)]
        assert sum("slower" in title.lower() for title in titles) == 1
        assert not any("freeze" in title.lower() for title in titles)

    replay.drive(script, (120, 50))


def test_a_filter_that_is_typed_is_not_meant_for_the_replay(tape):
    replay = Replay(tape)

    async def script(pilot):
        await pilot.press("slash", "o", "comma", "space", "full_stop", "home", "right", "end")
        await pilot.press("left_square_bracket")
        where = replay.player.where()
        assert (where.record, where.playing, where.speed) == (40, False, 1.0)
        await pilot.press("escape", "full_stop")
        await shows(pilot, replay, 41)

    replay.drive(script)


def test_a_key_in_the_middle_of_a_pull_is_not_forgotten(tape):
    replay = Replay(tape)

    async def script(pilot):
        await pilot.press(*["full_stop"] * 8, "comma")
        await shows(pilot, replay, 47)

    replay.drive(script)


def test_a_recording_that_is_cut_off_while_it_plays_is_said_and_the_desk_goes_on(tmp_path):
    path = record(tmp_path / "r", SCENES)
    with RecordingFile(path) as tape:
        replay = Replay(tape)

        async def script(pilot):
            os.truncate(path, path.stat().st_size - 10)
            await pilot.press("end")
            await until(pilot, lambda: "was truncated while" in replay.app.desk.lost, "it is said")
            await pilot.press("home")
            await shows(pilot, replay, 0)
            assert "source lost" not in screen_text(replay.app)

        replay.drive(script, (120, 40))


def test_words_and_cells_of_the_strip():
    assert timecode(100.9, 100.9) == "01:40"
    assert timecode(12.0, 4000.0) == "0:00:12"
    assert timecode(360_000, 400_000) == "100:00:00"
    where = Playback(5, 10, 30.0, 60.0, playing=False, speed=0.25)
    assert state_of(where) == "‖ paused 0.25x"
    assert state_of(replace(where, record=9), brief=True) == "■ 0.25x"
    assert bar_of(where, (15.0, 45.0, 61.0, -1.0), 9) == "━━▼━●─▼──"
    assert bar_of(where, (15.0,), 0) == ""
    assert bar_of(replace(where, seconds=0.0, length_seconds=0.0), (0.0,), 3) == "●──"
    for cells in (1, 2, 7, 200):
        for cell in range(cells):
            assert cell_of(seconds_of(cell, 61.5, cells), 61.5, cells) == cell
    assert seconds_of(-5, 60.0, 10) == 0.0
    assert seconds_of(99, 60.0, 10) == 60.0


def test_a_recording_of_one_record_can_be_looked_at(tmp_path: Path):
    with RecordingFile(record(tmp_path / "r", SCENES[:1])) as tape:
        replay = Replay(tape)

        async def script(pilot):
            await pilot.press("space", "right", "full_stop", "end", "home", "left", "comma")
            await pilot.click(replay.app.strip, offset=(50, 0))
            await shows(pilot, replay, 0)

        replay.drive(script)


SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))
RECORDED = Path(__file__).parents[2] / "assets" / "recorded" / "desk.rec"


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
def test_a_replay_looks_like_this(snap_compare, size):
    with RecordingFile(RECORDED) as recording:
        player = Player(recording, clock=Clock(), playing=False)
        player.seek(4.0)
        app = ReplayApp(player, data_label="desk.rec", follows=False)
        assert snap_compare(app, terminal_size=size)
