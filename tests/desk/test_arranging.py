"""Where things stand: panels by number, buttons by room, charts by time. Pure decisions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.desk.arrangement import VAST_WIDTH, arranged
from cachedesk.desk.buttons import height_of, places
from cachedesk.desk.deeds import DEEDS
from cachedesk.desk.timespan import NOW, WINDOWS, Timespan
from cachedesk.desk.titles import (
    FLOW,
    HIT_RATE,
    KEYS,
    LATENCY,
    QUEUE_DEPTH,
    STALENESS,
    THROUGHPUT,
    TITLES,
)


def test_a_vast_screen_shows_everything_and_a_smaller_one_the_essentials():
    assert arranged(VAST_WIDTH, {}) == set(TITLES)
    assert arranged(80, {}) == set(TITLES) - {LATENCY, THROUGHPUT}


def test_what_the_user_wants_goes_before_what_is_usual_and_one_panel_before_all():
    assert FLOW not in arranged(200, {FLOW: False})
    assert arranged(80, {LATENCY: True}) >= {LATENCY, HIT_RATE, QUEUE_DEPTH}
    assert STALENESS not in arranged(80, {LATENCY: True}), "three fit side by side"
    assert STALENESS in arranged(120, {LATENCY: True})
    assert arranged(80, {KEYS: False}, expanded=KEYS) == {KEYS}


@given(st.integers(40, 300), st.integers(15, 90))
def test_buttons_neither_overlap_nor_leave_the_bar(width, height):
    placed = places(DEEDS, width, height)
    assert {deed.name for deed in DEEDS if deed.usual} <= {place.deed.name for place in placed}
    for one, other in pairwise(placed):
        assert one.row < other.row or one.column + one.width < other.column
    assert all(place.column + place.width <= width for place in placed)
    assert height_of(placed) <= (3 if width >= 58 else 5)


@pytest.mark.parametrize(("width", "height", "count"), [(58, 20, 15), (78, 24, 15)])
def test_a_small_screen_has_two_rows_of_the_usual_buttons(width, height, count):
    placed = places(DEEDS, width, height)
    assert len(placed) == count
    assert height_of(placed) == 2


def test_a_large_screen_has_a_button_for_everything():
    assert len(places(DEEDS, 118, 40)) == len(DEEDS)


def test_zooming_goes_through_the_windows_and_stops_at_their_ends():
    assert NOW.seconds == 60
    assert NOW.zoomed(1).seconds == 30
    assert NOW.zoomed(1).zoomed(1).zoomed(1) == Timespan(15)
    assert NOW.zoomed(-1).zoomed(-1).zoomed(-1) == Timespan(300)
    assert Timespan(300).zoomed(0) == NOW


@given(st.sampled_from(WINDOWS), st.lists(st.integers(-5, 5), max_size=40))
def test_looking_back_stays_within_the_history(window, steps):
    looking = Timespan(window)
    for step in steps:
        looking = looking.moved(step)
        assert 0 <= looking.back_seconds <= 300
    assert looking.at_the_newest().back_seconds == 0
