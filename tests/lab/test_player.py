"""The player: driven by an injected clock and by user input."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.recording.player import SPEEDS, Player
from cachedesk.recording.recording_file import RecordingFile

from .recorded import history
from .recorded import record as make

_RECORDS = 130
_SNAPSHOTS = list(history(_RECORDS))
_LENGTH = (_RECORDS - 1) / 2


class Clock:
    """A clock that advances only when a test moves it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingFile]:
    """A recording of 65 seconds."""
    with RecordingFile(make(tmp_path_factory.mktemp("tape") / "r", _SNAPSHOTS)) as opened:
        yield opened


def shows(player: Player) -> int:
    """Return which record the player shows, and see that it is exactly what was recorded."""
    record = player.where().record
    assert player.snapshot() == _SNAPSHOTS[record]
    return record


def test_it_plays_as_time_goes_by_and_stands_still_at_the_end(tape: RecordingFile) -> None:
    clock = Clock()
    player = Player(tape, clock=clock)
    assert shows(player) == 0
    for passed, record in ((0.4, 0), (0.2, 1), (1.0, 3), (10.0, 23)):
        clock.now += passed
        assert shows(player) == record
    assert player.where().playing
    clock.now += 1000
    assert shows(player) == _RECORDS - 1
    where = player.where()
    assert (where.seconds, where.playing, where.ended) == (_LENGTH, False, True)
    player.toggle()
    assert shows(player) == 0
    assert player.where().playing


def test_it_pauses_and_plays_on_from_there(tape: RecordingFile) -> None:
    clock = Clock()
    player = Player(tape, clock=clock)
    clock.now += 5
    player.toggle()
    clock.now += 50
    assert shows(player) == 10
    assert not player.where().playing
    player.toggle()
    clock.now += 1
    assert shows(player) == 12


def test_it_steps_record_by_record_and_pauses(tape: RecordingFile) -> None:
    player = Player(tape, clock=Clock())
    player.step(-1)
    assert shows(player) == 0
    for record in (1, 2, 3):
        player.step(1)
        assert shows(player) == record
    player.step(-1)
    assert shows(player) == 2
    assert not player.where().playing
    player.step(10_000)
    assert shows(player) == _RECORDS - 1


def test_a_step_back_from_between_two_records_goes_to_the_one_before(tape: RecordingFile) -> None:
    player = Player(tape, clock=Clock(), playing=False)
    player.seek(5.3)
    assert shows(player) == 10
    player.step(-1)
    assert shows(player) == 9


def test_it_seeks_and_goes_on_as_before(tape: RecordingFile) -> None:
    clock = Clock()
    player = Player(tape, clock=clock)
    for seconds, record in ((30.0, 60), (29.9, 59), (-5.0, 0), (12.25, 24)):
        player.seek(seconds)
        assert player.where().record == record
    player.skip(5.0)
    assert player.where().seconds == 17.25
    player.skip(-500.0)
    assert player.where().seconds == 0.0
    clock.now += 2
    assert shows(player) == 4
    player.seek(1e12)
    assert shows(player) == _RECORDS - 1
    assert player.where().ended


def test_speeds_go_up_and_down_and_no_further(tape: RecordingFile) -> None:
    clock = Clock()
    player = Player(tape, clock=clock)
    player.faster()
    clock.now += 3
    assert shows(player) == 12
    for _ in range(10):
        player.faster()
    assert player.where().speed == SPEEDS[-1] == 16
    for _ in range(20):
        player.slower()
    assert player.where().speed == SPEEDS[0] == 0.25
    clock.now += 4
    assert player.where().seconds == 7.0
    assert Player(tape, speed=3.0).where().speed == 3.0
    between = Player(tape, speed=3.0, clock=clock)
    between.slower()
    assert between.where().speed == 2.0


def test_a_clock_that_goes_back_moves_nothing(tape: RecordingFile) -> None:
    clock = Clock()
    player = Player(tape, clock=clock)
    clock.now += 5
    player.where()
    clock.now -= 3
    assert player.where().seconds == 5.0
    clock.now += 1
    assert player.where().seconds == 6.0


@given(
    deeds=st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.floats(0, 30)),
            st.tuples(st.just("step"), st.integers(-200, 200)),
            st.tuples(st.just("seek"), st.floats(-10, 100)),
            st.tuples(st.just("skip"), st.floats(-100, 100)),
            st.tuples(st.sampled_from(["toggle", "faster", "slower"]), st.none()),
        ),
        max_size=20,
    )
)
def test_whatever_is_done_it_shows_exactly_what_was_recorded(
    tape: RecordingFile, deeds: list[tuple[str, float | None]]
) -> None:
    clock = Clock()
    player = Player(tape, clock=clock)
    for deed, amount in deeds:
        if deed == "wait":
            clock.now += amount or 0.0
        elif amount is None:
            getattr(player, deed)()
        else:
            getattr(player, deed)(amount)
        where = player.where()
        assert 0 <= where.seconds <= where.length_seconds == _LENGTH
        assert shows(player) == where.record == min(_RECORDS - 1, int(where.seconds * 2))
