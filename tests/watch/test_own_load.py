"""What watching costs, and how it stays within its budget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.watched_server import CommandCost, OwnCalls, ServerFigures
from cachedesk.watch.own_load import (
    CALL_SECONDS,
    FIRST_GUESS,
    ROUND_TRIP_SECONDS,
    MonitorCost,
    average_costs,
    calls_seconds,
)
from cachedesk.watch.pacing import Account, least_pause, next_window

from .windows import window


def test_calls_cost_what_the_server_says_and_a_little_more() -> None:
    costs = average_costs([CommandCost("info", 10, 0.001), CommandCost("memory", 4, 0.00001)])
    spent = calls_seconds(
        [OwnCalls("info", 8, 1, 1.0), OwnCalls("memory|usage", 100, 2, 1.0)], costs
    )
    assert spent["info"] == pytest.approx(8 * (0.0001 + CALL_SECONDS) + ROUND_TRIP_SECONDS)
    expected = 100 * (0.0000025 + CALL_SECONDS) + 2 * ROUND_TRIP_SECONDS
    assert spent["memory|usage"] == pytest.approx(expected)


def test_calls_cost_no_more_than_they_took() -> None:
    assert calls_seconds([OwnCalls("info", 1, 1, 1e-6)], {"info": 5.0}) == {"info": 1e-6}


def figures(at: float, commands: int, cpu: float) -> ServerFigures:
    return ServerFigures(at=at, commands=commands, cpu_seconds=cpu)


def test_monitor_costs_what_commands_take_longer_meanwhile() -> None:
    """Outside of windows a command takes 10 µs, within one 30 µs."""
    cost = MonitorCost()
    assert cost.share == FIRST_GUESS
    cost.look(figures(0.0, 0, 0.0))
    shown = replace(
        window([], seconds=1.0), before=figures(10.0, 10_000, 0.1), after=figures(11.0, 20_000, 0.4)
    )
    cost.add(shown)
    assert cost.spent == pytest.approx(0.2)
    cost.add(replace(shown, before=figures(20.0, 30_000, 0.5), after=figures(21.0, 40_000, 0.8)))
    assert cost.spent == pytest.approx(0.4)
    assert cost.share == pytest.approx(0.2)


def test_a_window_before_anything_is_known_is_dear_until_it_is_known_better() -> None:
    cost = MonitorCost()
    cost.add(replace(window([], seconds=1.0), after=figures(1.0, 10_000, 0.3)))
    assert cost.spent == pytest.approx(0.3)
    cost.look(figures(2.0, 20_000, 0.4))
    assert cost.spent == pytest.approx(0.2)


def test_a_restarted_server_is_no_measure() -> None:
    cost = MonitorCost()
    cost.look(figures(0.0, 0, 0.0))
    cost.look(figures(1.0, 1000, 0.01))
    cost.look(figures(2.0, 5, 0.0))
    cost.forget()
    cost.look(figures(3.0, 2_000_000, 50.0))
    before = figures(10.0, 2_001_000, 50.01)
    cost.add(replace(window([], seconds=0.2), before=before, after=replace(before, at=10.2)))
    assert cost.spent < 0.001


def test_an_account_pays_afterwards_and_waits() -> None:
    account = Account(0.01, 100.0)
    assert account.wait(0.0, 100.0) == 0
    account.pay(0.05)
    assert account.wait(0.0, 100.0) == pytest.approx(5.0)
    assert account.wait(0.0, 103.0) == pytest.approx(2.0)
    assert account.wait(0.01, 105.0) == pytest.approx(1.0)


def test_little_is_saved_up() -> None:
    account = Account(0.01, 0.0)
    assert account.wait(0.0, 10_000.0) == 0
    account.pay(0.1)
    assert account.wait(0.05, 10_000.0) == pytest.approx(5.0)


def test_monitor_is_off_most_of_the_time_but_on_a_large_budget() -> None:
    assert least_pause(0.25, 0.01) == pytest.approx(0.75)
    assert least_pause(0.25, 0.5) == 0
    assert next_window(0).seconds < next_window(1).seconds
