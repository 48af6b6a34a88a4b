"""What a restart would cost, against reads that are played on."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from cachedesk.watch.restart_cost import PatternReads, restart_cost


def reads(chance: random.Random, count: int, keys: int) -> list[int]:
    """Return which keys are read: some very often, most hardly ever."""
    return [min(keys - 1, int(chance.paretovariate(0.6)) - 1) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_the_estimate_and_the_most_are_around_what_happens(seed: int) -> None:
    chance, keys, per_second = random.Random(seed), 20_000, 500
    seen = Counter(reads(chance, 3_000, keys))
    there = len(set(reads(chance, 300_000, keys)))
    found = restart_cost([PatternReads(there, per_second, tuple(seen.values()))], there)
    assert found is not None
    happened = len(set(reads(chance, 60 * per_second, keys)))
    assert 0.5 * happened < found.first_minute < 1.3 * happened
    assert found.first_minute_most >= happened
    assert found.warm_seconds is not None
    assert found.until_warm <= there


def test_even_reads_of_few_keys_cost_each_key_once() -> None:
    counts = tuple([50] * 100)
    found = restart_cost([PatternReads(100, 1000.0, counts)], 100)
    assert found is not None
    assert found.first_minute == pytest.approx(100, abs=0.1)
    assert found.first_minute_most == pytest.approx(100, abs=0.1)
    assert found.warm_seconds is not None
    assert found.warm_seconds < 1


def test_without_a_hit_nothing_is_known() -> None:
    assert restart_cost([PatternReads(100, 0.0, ())], 100) is None
