"""Scales have few steps and fit what is visible, and bars tell little from nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.desk.views.scales import bar, fitted, gauge, step_up, step_up_seconds


@pytest.mark.parametrize(
    ("value", "top"),
    [
        (0, 100),
        (100, 100),
        (100.5, 200),
        (201, 300),
        (501, 600),
        (801, 1000),
        (10**9, 10**9),
    ],
)
def test_steps_of_events(value, top):
    assert step_up(value, 100) == top


@pytest.mark.parametrize(
    ("value", "top"), [(0, 0.1), (0.3, 0.3), (0.31, 0.4), (0.7, 0.8), (1.2, 2), (31, 40)]
)
def test_steps_of_seconds(value, top):
    assert step_up(value, 0.1) == top


@given(st.floats(0, 1e15), st.floats(1e-3, 1e6))
def test_a_step_holds_the_value_and_is_the_smallest(value, least):
    top = step_up(value, least)
    assert top >= value
    assert top >= least
    assert top <= max(value, least) * 2 * (1 + 1e-9)
    assert f"{top:e}"[0] in "123468"


@pytest.mark.parametrize(
    ("seconds", "top"),
    [(0, 0.1), (0.21, 0.3), (41, 60), (61, 120), (874, 1200), (1300, 1800), (90_000, 2 * 86_400)],
)
def test_steps_of_spans(seconds, top):
    assert step_up_seconds(seconds, 0.1) == top


HIGHEST = st.lists(st.floats(0, 1e12), min_size=1, max_size=30)


@given(HIGHEST, st.sampled_from([(0.1, step_up_seconds), (10.0, step_up)]))
def test_a_scale_holds_what_is_visible_and_wastes_little(highest, chart):
    least, step = chart
    top = least
    for value in highest:
        top = fitted(top, value, least, step)
        assert max(value, least) <= top <= step(max(value, least) / 0.8, least)
        assert fitted(top, value, least, step) == top, "another drawing changes nothing"


@given(st.floats(0.1, 1e9), st.lists(st.floats(0.8, 1), min_size=1, max_size=30))
def test_a_scale_does_not_change_to_and_fro(peak, shares):
    tops = [fitted(step_up(peak, 10), peak * share, 10, step_up) for share in shares]
    top = step_up(peak, 10)
    assert set(tops) == {top}


def test_a_scale_shrinks_after_an_incident():
    top = fitted(10, 54_974, 10, step_up)
    assert top == 60_000
    assert fitted(top, 5, 10, step_up) == 10


def test_bars():
    assert bar(0, 2) == "  "
    assert bar(1, 2) == "██"
    assert bar(0.5, 2) == " █"
    assert bar(0.25, 2) == " ▄"
    assert bar(0.75, 2) == "▄█"
    assert bar(0.0001, 2) == " ▁", "little is not nothing"
    assert bar(7, 2) == "██", "more than the scale is full"
    assert bar(-1, 2) == "  "


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 20))
def test_a_lower_value_is_never_drawn_higher(one, other, height):
    low, high = sorted((one, other))
    levels = [sum(" ▁▂▃▄▅▆▇█".index(cell) for cell in bar(value, height)) for value in (low, high)]
    assert levels[0] <= levels[1]
    assert len(bar(one, height)) == height


def test_gauges():
    assert gauge(0, 4) == ("", "────")
    assert gauge(0.5, 4) == ("━━", "──")
    assert gauge(0.001, 4) == ("━", "───")
    assert gauge(9, 4) == ("━━━━", "")
