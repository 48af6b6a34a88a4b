"""The time machine: whatever is pressed, what is shown is one snapshot that was pulled, whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.snapshot import Books, Mark, Snapshot, Tick
from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.time_machine import TimeMachine
from cachedesk.desk.views.past import past_badge
from cachedesk.desk.views.timespan import Later, Timespan
from cachedesk.recording.ring import Ring
from tests.lab.recorded import BEGAN_AT, history

from .piloting import desk

HISTORY = list(history(1500))
"""Twelve and a half minutes: more than the five that a snapshot has itself."""


class Clock:
    """Stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Script:
    """A source that gives one snapshot after another."""

    def __init__(self, snapshots: list[Snapshot]) -> None:
        self._rest = iter(snapshots)

    def snapshot(self) -> Snapshot:
        return next(self._rest)


def pulled(count: int, clock: Clock | None = None, **limits: float) -> TimeMachine:
    machine = TimeMachine(Script(HISTORY), Ring(**limits), clock or Clock())
    for number in range(count):
        assert machine.snapshot() is HISTORY[number], "what is pulled is passed on as it is"
    return machine


MOVES = st.one_of(
    st.tuples(st.just("skip"), st.sampled_from([-30.0, -5.0, 5.0, 30.0])),
    st.tuples(st.just("step"), st.sampled_from([-1, 1, -7])),
    st.tuples(st.just("go_to"), st.floats(BEGAN_AT - 5, BEGAN_AT + 800)),
    st.tuples(st.just("part"), st.floats(0, 400), st.floats(0, 30)),
    st.tuples(st.sampled_from(["stand", "go_back_to_now", "snapshot", "play"])),
)


@settings(max_examples=80)
@given(count=st.integers(1, 700), moves=st.lists(MOVES, max_size=25))
def test_every_moment_is_a_snapshot_that_was_pulled(count, moves):
    clock = Clock()
    machine = pulled(count, clock, most_seconds=60.0)
    for name, *values in moves:
        clock.now += 0.4
        if name == "play":
            machine.toggle()
        elif name == "part":
            machine.play(BEGAN_AT + values[0], BEGAN_AT + sum(values))
        else:
            getattr(machine, name)(*values)
        moment, where = machine.moment(), machine.where()
        assert (moment is None) is (where is None) is (not machine.looks_back)
        if moment is not None:
            assert moment.snapshot == HISTORY[moment.record]
            assert machine.ring.first <= moment.record < len(machine.ring)
            assert 0 <= where.record < where.records
            assert 0 <= where.seconds <= where.length_seconds


def test_back_and_forward_again_is_now():
    machine = pulled(100)
    machine.skip(5)
    assert not machine.looks_back, "there is nothing after now"
    machine.skip(-5)
    machine.skip(-5)
    assert machine.moment().snapshot is not None
    assert machine.moment().record == 99 - 20
    machine.step(1)
    assert machine.moment().record == 99 - 19
    machine.skip(5)
    assert machine.moment().record == 99 - 9
    machine.skip(5)
    assert not machine.looks_back


def test_it_stands_still_while_the_stack_goes_on():
    machine = pulled(100)
    machine.stand()
    for _ in range(50):
        machine.snapshot()
    assert machine.moment().snapshot == HISTORY[99]
    machine.step(1)
    assert machine.moment().snapshot == HISTORY[100]
    machine.go_back_to_now()
    assert machine.moment() is None


def test_before_the_first_pull_there_is_no_past():
    machine = TimeMachine(Script([]))
    machine.stand()
    machine.skip(-5)
    machine.go_to(BEGAN_AT)
    assert machine.moment() is None


def test_it_plays_on_from_a_moment():
    clock = Clock()
    machine = pulled(100, clock)
    machine.skip(-10)
    machine.player.toggle()
    clock.now += 4.0
    assert machine.moment().record == 99 - 12
    clock.now += 100
    assert machine.moment().record == 99
    assert not machine.where().playing


@pytest.mark.parametrize("record", [1400, 900, 200, 0])
def test_the_charts_know_what_came_after_however_old_the_moment(record):
    machine = pulled(len(HISTORY))
    machine.go_to(HISTORY[record].at)
    moment = machine.moment()
    assert moment.snapshot == HISTORY[record]
    span = Timespan(300.0, moment.later)
    shown_at = HISTORY[record].ticks[-1].at
    end_at = span.end_at(shown_at)
    assert end_at == min(shown_at + 150.0, HISTORY[-1].at)
    wanted = [it.at - BEGAN_AT for it in HISTORY if end_at - 300.0 < it.at <= end_at]
    assert [tick.at - BEGAN_AT for tick in moment.later.ticks if tick.at <= end_at][
        -len(wanted) :
    ] == wanted


def test_a_fault_of_then_has_the_end_that_is_known_now():
    then = replace(HISTORY[0], marks=(Mark("redis.down", BEGAN_AT),))
    over = Mark("redis.down", BEGAN_AT, BEGAN_AT + 9)
    now = replace(HISTORY[40], marks=(over,))
    assert Later.of(then, now, now).marks == (over,)
    assert Later.of(replace(then, ticks=()), now, now) is None


def test_the_cursor_goes_to_the_middle_and_stays_there():
    ticks = (Tick(1000.0),)
    for back, end_at in ((0, 1000), (10, 1000), (30, 1000), (31, 999), (500, 530)):
        assert Timespan(60.0, Later(ticks, (), 1000.0)).end_at(1000.0 - back) == end_at
    assert Timespan(60.0).end_at(5.0) == 5.0


def test_the_badge_says_when_and_how_far_back():
    at = 1_754_049_600.0
    assert past_badge(at, at + 20) == "12:00:00 · 20.0 s back — End: live"
    assert past_badge(at, at + 20, brief=True) == "12:00:00 · 20.0 s back"
    assert past_badge(at, at + 125) == "12:00:00 · 2 min 05 s back — End: live"
    assert past_badge(at, at - 1).startswith("12:00:00 · 0.0 s back"), "a clock was set back"


def test_the_next_desk_takes_over_the_past():
    first, second = desk(), desk()
    for each in HISTORY[:5]:
        first.time_machine.ring.add(each)
    first.desk.set_reactive(DeskScreen.bookmarks, (Mark("bookmark 3", BEGAN_AT, BEGAN_AT),))
    second.take_over_past(first)
    assert second.time_machine.ring.at(4) == HISTORY[4]
    assert second.desk.bookmarks == first.desk.bookmarks


def test_books_of_the_past_are_those_of_the_past():
    machine = pulled(100)
    machine.go_to(HISTORY[30].at)
    assert machine.moment().snapshot.books == Books(300, 270, 30)
