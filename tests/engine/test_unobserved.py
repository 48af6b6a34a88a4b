"""A stack that is not observed counts and times nothing, and still says how it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import cachedesk
from cachedesk.core.commands import Inject, PauseWorker
from cachedesk.core.snapshot import Latencies, Percentiles, Reads, Writes
from cachedesk.observe.metrics import TICK_SECONDS
from cachedesk.stack.stack import Stack

from .until import unhurried, until


def use(cache: cachedesk.CacheLayer) -> None:
    """Read and write on every path."""
    cache.set("order:1", b"paid")
    cache.write_many([("incr", "views:1", 1)] * 3)
    cache.drain(60)
    for _ in range(5):
        cache.get("order:1")
    cache.get_many(["order:1", "views:1", "none"])
    with pytest.raises(cachedesk.NotACounter):
        cache.incr("order:1")


def test_a_bare_library_is_not_observed_and_says_so(tmp_path: Path) -> None:
    with cachedesk.open(tmp_path, settings=unhurried()) as cache:
        use(cache)
        opened_at = cache.snapshot().uptime_seconds
        until(lambda: cache.snapshot().uptime_seconds > opened_at + 3 * TICK_SECONDS)
        seen = cache.snapshot()
    assert not seen.observed
    assert (seen.reads, seen.writes) == (Reads(), Writes())
    assert (seen.latencies, seen.lag) == (Latencies(), Percentiles())
    assert (seen.ticks, seen.hot, seen.prefixes) == ((), (), ())


def test_how_the_parts_are_is_known_all_the_same(tmp_path: Path) -> None:
    stack = Stack(tmp_path, unhurried(), observe=False)
    try:
        use(stack.layer)
        stack.perform(PauseWorker())
        stack.layer.incr("views:1")
        stack.perform(Inject("redis.kill"))
        until(lambda: stack.snapshot().redis.restarts == 1 and stack.snapshot().redis.known)
        seen = stack.snapshot()
    finally:
        stack.close()
    assert (seen.books.accepted, seen.books.pending, seen.books.balanced) == (5, 1, True)
    assert (seen.log.depth, seen.database.rows, seen.worker.paused) == (1, 2, True)
    assert (seen.worker.events, seen.worker.rows) == (3, 1)
    assert seen.redis.pid
    assert "redis.died" in [event.code for event in seen.events]
    assert [mark.name for mark in seen.marks] == ["worker.pause", "redis.kill"]


def test_one_that_is_asked_to_observe_counts_all_of_it(tmp_path: Path) -> None:
    with cachedesk.open(tmp_path, settings=unhurried(), observe=True) as cache:
        use(cache)
        until(lambda: cache.snapshot().ticks)
        seen = cache.snapshot()
    assert seen.observed
    assert seen.reads.hits + seen.reads.misses == 8
    assert (seen.writes.through, seen.writes.behind, seen.writes.refused) == (1, 3, 1)
    assert {key.key for key in seen.hot} >= {b"order:1", b"views:1"}
    assert seen.latencies.write_through.count == 1
