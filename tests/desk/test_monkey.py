"""A seeded monkey types, clicks, drags, turns the wheel and resizes: no screen ends by it."""

from __future__ import annotations

import pytest

from cachedesk.desk.widgets.key_table import KeyTable

from .monkey import MODES, play

pytestmark = pytest.mark.slow

ACTS = {"live": 800, "story": 300, "replay": 300, "versus": 300, "watch": 300}
SESSION_ACTS = 400
SESSIONS = [
    (mode, seed, min(SESSION_ACTS, acts - SESSION_ACTS * (seed - 1)))
    for mode, acts in ACTS.items()
    for seed in range(1, 1 + -(-acts // SESSION_ACTS))
]


@pytest.mark.parametrize(("mode", "seed", "acts"), SESSIONS)
def test_a_monkey_does_not_end_the_desk(mode, seed, acts, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not (crash := play(mode, seed, acts)), crash


def test_the_monkey_finds_a_defect(monkeypatch):
    def defect(self):
        raise ValueError("a planted defect")

    monkeypatch.setattr(KeyTable, "cycle_order", defect)
    assert any("a planted defect" in play("live", seed, 60) for seed in range(1, 9))


def test_every_screen_has_a_monkey():
    assert set(ACTS) == set(MODES)
    assert sum(acts for _, _, acts in SESSIONS) == 2_000
