"""The hit rates of a comparison, against an LRU that knows nothing of Redis or of cachedesk.

Redis only approximates LRU: of five keys at random it evicts the one that was used longest ago, by
a clock of one second. So the two agree to some percent, and better the longer the traffic takes.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from cachedesk.lab.compare.comparing import compare
from cachedesk.lab.compare.varying import variants
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.run.watch import wait
from tests.engine.until import unhurried

pytestmark = pytest.mark.slow

KEYS, READS = 4_000, 12_000
VALUE = b"v" * 1000
TOLERANCE = 0.06


@dataclass(frozen=True)
class LoadThenRead:
    """Each key is written once, and then they are read."""

    reads: Sequence[int]
    title = "load, then read"
    exact = True
    fill_bytes = 0
    count = None
    share = None
    pauses = 0

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def operations(self) -> Iterator[Operation]:
        for key in range(KEYS):
            yield Operation(Verb.SET, b"item:%d" % key, VALUE)
        for key in self.reads:
            yield Operation(Verb.GET, b"item:%d" % key)

    def stop(self) -> None:
        """Nothing waits."""


def lru_hit_rate(reads: Sequence[int], capacity: int) -> float:
    """Return the hit rate of an exact LRU of so many keys."""
    cached: OrderedDict[int, None] = OrderedDict()

    def use(key: int) -> bool:
        hit = key in cached
        cached[key] = None
        cached.move_to_end(key)
        if len(cached) > capacity:
            cached.popitem(last=False)
        return hit

    for key in range(KEYS):
        use(key)
    return sum(map(use, reads)) / len(reads)


def test_hit_rates_over_memory_are_those_of_an_lru() -> None:
    chance = random.Random(11)
    reads = [int(KEYS * chance.random() ** 2) for _ in range(READS)]
    made = variants(["maxmemory=2mb,3mb,64mb"], unhurried(), Load(clients=4))
    compared = compare(made, LoadThenRead(reads), (), lambda title: wait).compared
    found = [(one.figures.keys, one.figures.hit_rate or 0.0) for one in compared]
    assert found[-1] == (KEYS, 1.0)
    keys = [held for held, _ in found]
    rates = [rate for _, rate in found]
    assert keys == sorted(set(keys))
    assert rates == sorted(set(rates))
    for held, rate in found:
        assert abs(rate - lru_hit_rate(reads, held)) < TOLERANCE, (held, rate)
