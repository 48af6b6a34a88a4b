"""Two recordings, played as one on the screen of two stacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cachedesk.desk.modes.versus_replay import VersusReplayApp
from cachedesk.lab.versus.pair_player import PairPlayer
from cachedesk.recording.recording_file import RecordingFile
from tests.lab.recorded import BEGAN_AT, record

from . import pairs
from .made_history import NOW, as_of, moved
from .piloting import drive, screen_text, until

RECORDS = 41
KILLED = 10.0
"""Redis dies after ten of twenty seconds."""
LEFT_LOST, RIGHT_KILLED = pairs.after_a_kill(KILLED)
LOST = LEFT_LOST.books.accepted - LEFT_LOST.books.applied - LEFT_LOST.books.pending


def scenes(before, after, count=RECORDS):
    """Yield a snapshot each half second."""
    for number in range(count):
        age = (RECORDS - 1 - number) / 2
        scene = as_of(after if age < KILLED else before, age)
        yield replace(moved(scene, BEGAN_AT + 20 - NOW), recording="x.rec")


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RecordingFile, ...]]:
    folder = tmp_path_factory.mktemp("pair")
    left = list(scenes(pairs.LEFT, LEFT_LOST))
    right = list(scenes(pairs.RIGHT, RIGHT_KILLED))
    with (
        RecordingFile(record(folder / "x.left.rec", left)) as one,
        RecordingFile(record(folder / "x.right.rec", right)) as other,
        RecordingFile(record(folder / "y.left.rec", left[:24])) as short,
    ):
        yield one, other, short


def test_both_sides_are_at_the_same_moment(tapes):
    player = PairPlayer(tapes[0], tapes[1], playing=False)
    for seconds in (0.0, 4.5, 20.0, 11.0, 3.0):
        player.seek(seconds)
        seen = player.snapshot()
        assert seen.left.snapshot.at == seen.right.snapshot.at == BEGAN_AT + seconds
        assert (seen.left.title, seen.right.title) == ("log=off", "log=on")
        assert seen.aligned
        assert seen.left.snapshot.recording == ""


def test_snapshots_of_one_look_are_matched_by_their_own_time(tapes, tmp_path: Path):
    # The right recorder has written each time just before the next look.
    late = list(scenes(pairs.RIGHT, RIGHT_KILLED))
    shifted = [late[0], *late[:-1]]
    with RecordingFile(record(tmp_path / "late.rec", shifted)) as right:
        player = PairPlayer(tapes[0], right, playing=False)
        for seconds in (2.0, 15.0, 8.0):
            player.seek(seconds)
            seen = player.snapshot()
            assert seen.left.snapshot.at == seen.right.snapshot.at


@pytest.mark.parametrize("swap", [False, True])
def test_the_longer_recording_leads(tapes, swap):
    short, long = tapes[2], tapes[1]
    player = PairPlayer(*((long, short) if swap else (short, long)), playing=False)
    assert player.where().length_seconds == long.length_seconds
    player.seek(5.0)
    seen = player.snapshot()
    assert not seen.left.ended
    assert not seen.right.ended
    player.seek(18.0)
    seen = player.snapshot()
    ended, goes_on = (seen.right, seen.left) if swap else (seen.left, seen.right)
    assert ended.ended == "its recording ends here"
    assert not goes_on.ended
    assert ended.snapshot.at == BEGAN_AT + 11.5


def test_sides_that_did_not_do_the_same_are_not_called_aligned(tapes, tmp_path: Path):
    more = [
        replace(one, reads=replace(one.reads, hits=one.reads.hits + 1))
        for one in scenes(pairs.RIGHT, RIGHT_KILLED)
    ]
    with RecordingFile(record(tmp_path / "more.rec", more)) as right:
        assert not PairPlayer(tapes[0], right, playing=False).snapshot().aligned


def test_a_recording_of_no_pair_has_the_name_of_its_file(tapes, tmp_path: Path):
    plain = [replace(one, workload="article") for one in scenes(pairs.RIGHT, pairs.RIGHT, 3)]
    with RecordingFile(record(tmp_path / "plain.rec", plain)) as right:
        assert PairPlayer(tapes[0], right).snapshot().right.title == "plain.rec"


def test_the_keys_of_a_replay_move_both(tapes):
    player = PairPlayer(tapes[0], tapes[1], playing=False)
    app = VersusReplayApp(player, label="x.left.rec | x.right.rec", follows=False)

    async def script(pilot):
        await until(pilot, lambda: app.versus.shown is not None, "a pair is shown")
        assert "REPLAY" in screen_text(app)
        assert "lost if Redis died now" in screen_text(app)
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: f"left lost {LOST} writes" in screen_text(app), "15 s are shown")
        text = screen_text(app)
        assert "left 12 less" in text
        assert "read only" in text
        assert "k kill" not in text
        await pilot.press("full_stop")
        await until(pilot, lambda: player.record == 31, "one record further")
        await pilot.press("home")
        await until(pilot, lambda: player.record == 0, "at the start")
        await pilot.press("space")
        assert player.where().playing
        await pilot.press("space", "k")
        assert not player.where().playing
        await pilot.press("q")

    drive(app, script, (160, 50))
    assert app.return_code == 0


@pytest.mark.slow
def test_replay(snap_compare, tapes):
    player = PairPlayer(tapes[0], tapes[1], playing=False)
    player.seek(14.0)
    app = VersusReplayApp(player, label="x.left.rec | x.right.rec", follows=False)
    assert snap_compare(app, terminal_size=(120, 40))
