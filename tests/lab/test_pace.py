"""Pace: never faster than asked, never slower when asked often, and old debts are forgiven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.lab.load.pace import Pace

_rates = st.floats(0.1, 50_000)


@given(rate=_rates, pauses=st.lists(st.floats(0, 0.4), max_size=50))
def test_what_was_dealt_is_what_the_rate_allows(rate: float, pauses: list[float]) -> None:
    pace, now, dealt = Pace(rate, 100.0), 100.0, 0
    for pause in pauses:
        now += pause
        dealt += pace.due(now, 10**9)
        assert (now - 100.0) * rate - 1.01 <= dealt <= (now - 100.0) * rate + 0.01


@given(rate=_rates, outage=st.floats(1, 10_000))
def test_an_outage_is_not_made_up_for(rate: float, outage: float) -> None:
    pace = Pace(rate, 0.0)
    assert pace.due(outage, 10**9) <= rate * 0.5 + 2


def test_the_next_one_is_due_when_it_says() -> None:
    pace = Pace(10.0, 5.0)
    assert pace.due(5.05, 100) == 0
    assert pace.next_at() == pytest.approx(5.1)
    assert pace.due(5.1001, 100) == 1


def test_no_rate_is_as_many_as_there_is_room_for() -> None:
    assert Pace(None, 0.0).due(0.0, 64) == 64


_changes = st.lists(st.tuples(st.floats(0, 0.4), _rates | st.none()), max_size=50)


@given(changes=_changes)
def test_a_rate_may_change_at_any_time_and_nothing_is_dealt_twice_or_lost(
    changes: list[tuple[float, float | None]],
) -> None:
    pace, now, dealt, owed = Pace(7.0, 0.0), 0.0, 0, 0.0
    for pause, rate in changes:
        now += pause
        if pace.rate is not None:
            owed += pause * pace.rate
            dealt += pace.due(now, 10**9)
        pace.change(rate, now)
        assert pace.rate == rate
        if rate is None:
            owed = float(dealt)
            assert pace.due(now, 64) == 64
        assert owed - 1.01 <= dealt <= owed + 0.01


def test_a_change_forgives_what_was_late() -> None:
    pace = Pace(100.0, 0.0)
    pace.change(10.0, 0.4)
    assert pace.due(0.401, 10**9) == 1
    assert pace.due(0.402, 10**9) == 0
