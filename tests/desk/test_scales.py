"""Scales step 1-2-5, and bars never lie about nothing and little."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.desk.views.scales import bar, gauge, step_up


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 100), (100, 100), (100.5, 200), (201, 500), (501, 1000), (1001, 2000), (10**9, 10**9)],
)
def test_steps_of_events(value, top):
    assert step_up(value, 100) == top


@pytest.mark.parametrize(("value", "top"), [(0, 0.1), (0.3, 0.5), (0.7, 1), (1.2, 2), (30, 50)])
def test_steps_of_seconds(value, top):
    assert step_up(value, 0.1) == top


@given(st.floats(0, 1e15), st.floats(1e-3, 1e6))
def test_a_step_holds_the_value_and_is_the_smallest(value, least):
    top = step_up(value, least)
    assert top >= value
    assert top >= least
    assert top <= max(value, least) * 2.5 * (1 + 1e-9)
    assert f"{top:e}"[0] in "125"


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
