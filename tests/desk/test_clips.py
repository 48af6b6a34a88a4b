"""Clips: every fault from a little before it to its recovery, to play and to save."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from cachedesk.core.snapshot import Mark
from cachedesk.desk.screens.clips import ClipsScreen
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.views.clips import Clip, clips
from cachedesk.desk.views.incidents import incidents
from cachedesk.recording.recording_file import RecordingFile

from .piloting import ChangingSource, desk, drive, screen_text, until
from .scenes import HEALTHY, NOW
from .test_incident_card import at
from .test_incidents import killed
from .test_looking_back import DOWN, LAST, SCENES, shows
from .test_replay import FAULTS, Replay
from .test_replay import SCENES as PLAYED
from .test_replay import shows as plays

DOWN_AT = SCENES[DOWN[0]].at


def with_marks(*marks: Mark, events=()):
    return replace(HEALTHY, marks=marks, events=tuple(events))


def test_a_clip_begins_before_its_fault_and_ends_after_it():
    newest = with_marks(Mark("redis.down", NOW - 60, NOW - 40), Mark("database.lock", NOW - 10))
    assert clips(newest, NOW - 300) == (
        Clip("database.lock", NOW - 10, NOW - 15, NOW, recovered=False),
        Clip("redis.down", NOW - 60, NOW - 65, NOW - 36),
    )


def test_it_ends_with_the_recovery_which_is_later_than_the_end_of_a_kill():
    mark, *_ = at(2, killed(40)).marks
    newest = at(2, killed(40))
    (clip,) = clips(newest, NOW - 300)
    (incident,) = incidents(newest.events, newest.marks)
    assert clip.recovered
    assert clip.end_at == incident.ended_at + 4 > mark.end_at + 4


def test_it_keeps_within_what_is_kept_and_bookmarks_are_no_faults():
    newest = with_marks(
        Mark("redis.kill", NOW - 90, NOW - 90),
        Mark("redis.empty", NOW - 59, NOW - 58),
        Mark("bookmark 1", NOW - 30, NOW - 30),
    )
    assert clips(newest, NOW - 60) == (Clip("redis.empty", NOW - 59, NOW - 60, NOW - 54),)


class Clock:
    """Stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def recorded(folder):
    clock = Clock()
    app = desk(None, ChangingSource(SCENES[-1]), folder=folder)
    app.time_machine._clock = clock
    for each in SCENES[:-1]:
        app.time_machine.ring.add(each)
    return app, clock


@pytest.mark.slow
def test_a_clip_plays_from_before_the_fault_and_stops_after_its_end(tmp_path):
    app, clock = recorded(tmp_path)

    async def script(pilot):
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ClipsScreen), "the list is open")
        assert "redis.down 15:29:20" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.desk, "it is closed")
        await shows(pilot, app, DOWN[0] - 10)
        line = next(line for line in screen_text(app).splitlines() if "CLIP" in line)
        assert "CLIP redis.down" in line
        assert "00:00 / 00:29" in line
        assert line.count("▼") == 1
        clock.now += 5.0
        await shows(pilot, app, DOWN[0])
        clock.now += 100.0
        # Four seconds after it was over.
        await shows(pilot, app, DOWN[-1] + 1 + 8)
        assert not app.time_machine.where().playing
        await pilot.press("P")
        clock.now += 2.0
        await shows(pilot, app, DOWN[-1] + 1 + 12)
        assert "PAST" in screen_text(app), "it plays on, beyond the clip"
        await pilot.press("end")
        await shows(pilot, app, LAST)

    drive(app, script, (120, 40))


@pytest.mark.slow
def test_a_clip_is_saved_as_a_recording_which_replay_takes(tmp_path):
    app, _ = recorded(tmp_path)

    async def script(pilot):
        await pilot.press("left", "left", "left", "left", "left", "B", "C")
        await until(pilot, lambda: isinstance(app.screen, ClipsScreen), "the list is open")
        await pilot.press("s")
        await until(pilot, lambda: app.saved, "it is saved")
        await until(pilot, lambda: "Saved recordings/redis.down-001" in screen_text(app), "said")

    drive(app, script, (120, 40))
    path = tmp_path / "recordings" / "redis.down-001.rec"
    with RecordingFile(path) as tape:
        snapshots = list(tape.snapshots())
    wanted = SCENES[DOWN[0] - 10 : DOWN[-1] + 1 + 9]
    assert [it.books for it in snapshots] == [it.books for it in wanted]
    assert [mark.name for mark in snapshots[-1].marks] == ["redis.down", "bookmark 1"]
    film = tmp_path / "film.html"
    command = [sys.executable, "-m", "cachedesk", "replay", str(path), "--html", str(film)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert "redis.down" in film.read_text()


@pytest.mark.slow
def test_the_menu_plays_and_saves_clips(tmp_path):
    app, _ = recorded(tmp_path)

    async def script(pilot):
        commands = {it.title: it for it in app.get_system_commands(app.screen)}
        assert "Save the clip of redis.down 15:29:20" in commands
        commands["Play the clip of redis.down 15:29:20"].callback()
        await shows(pilot, app, DOWN[0] - 10)
        await pilot.press("shift+right")
        await pilot.press("q")

    drive(app, script, (120, 40))


@pytest.mark.slow
def test_without_a_fault_there_is_no_clip():
    app = desk(None, ChangingSource(replace(HEALTHY, marks=())))

    async def script(pilot):
        await pilot.press("C")
        await pilot.pause()
        assert app.screen is app.desk
        assert "there is no clip" in screen_text(app)

    drive(app, script, (120, 40))


@pytest.mark.slow
def test_a_replay_has_the_clips_of_its_recording(tmp_path):
    from tests.lab.recorded import record

    with RecordingFile(record(tmp_path / "r", PLAYED)) as tape:
        replay = Replay(tape, at=0.0)

        async def script(pilot):
            await pilot.press("C")
            await until(pilot, lambda: isinstance(replay.app.screen, ClipsScreen), "it is open")
            await pilot.press("down", "enter")
            await until(pilot, lambda: replay.app.screen is replay.app.desk, "it is closed")
            began = FAULTS[0].start_at - tape.started_at - 5
            await plays(pilot, replay, int(2 * began))
            assert replay.player.where().playing

        replay.drive(script, (120, 40))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 20), (120, 40)], ids=["60x20", "120x40"])
def test_the_list_looks_like_this(snap_compare, size, tmp_path):
    app, _ = recorded(tmp_path)
    assert snap_compare(app, terminal_size=size, press=["C"])


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_clip_looks_like_this(snap_compare, size, tmp_path):
    app, _ = recorded(tmp_path)
    mark = Mark("bookmark 1", DOWN_AT + 12, DOWN_AT + 12)
    app.desk.set_reactive(DeskScreen.bookmarks, (mark,))
    assert snap_compare(app, terminal_size=size, press=["C", "enter", "right"])
