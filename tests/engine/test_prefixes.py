"""Hit rates by key prefix: of the window, bounded, and honest about the rest."""

from __future__ import annotations

import pytest

from cachedesk.core.commands import Inject
from cachedesk.core.errors import Unavailable
from cachedesk.core.recorder import CallPath
from cachedesk.core.snapshot import PrefixRate
from cachedesk.observe.metrics import Metrics
from cachedesk.observe.prefix_rates import _MOST_TRACKED, REST, PrefixRates
from cachedesk.stack.stack import Stack


def test_a_prefix_goes_up_to_its_first_colon() -> None:
    rates = PrefixRates()
    rates.hit((b"views:article:1", b"views:2", b"plain", b":", b"\xff\x00:x"))
    rates.miss((b"views:3", b"plain"))
    assert set(rates.top(12)) == {
        PrefixRate(b"views:", 2, 1),
        PrefixRate(b"", 1, 1),
        PrefixRate(b":", 1, 0),
        PrefixRate(b"\xff\x00:", 1, 0),
    }


def test_the_most_read_come_first_and_the_rest_last() -> None:
    rates = PrefixRates()
    for number in range(20):
        rates.hit([b"%02d:" % number] * (20 - number))
    top = rates.top(12)
    assert [rate.prefix for rate in top] == [*(b"%02d:" % n for n in range(11)), REST]
    assert sum(rate.hits for rate in top) == sum(range(1, 21))


def test_exactly_as_many_as_fit_need_no_rest() -> None:
    rates = PrefixRates()
    rates.hit([b"%d:" % number for number in range(12)])
    assert REST not in {rate.prefix for rate in rates.top(12)}


def test_what_is_read_most_is_seen_though_thousands_came_before() -> None:
    rates = PrefixRates()
    for number in range(5_000):
        rates.miss((b"%d:x" % number,))
        assert len(rates._now) <= _MOST_TRACKED + 1
    for number in range(5_000, 10_000):
        rates.miss((b"%d:x" % number,))
        rates.hit((b"views:1",))
    top = rates.top(12)
    assert top[0] == PrefixRate(b"views:", 5_000, 0)
    assert top[-1].prefix == REST
    assert sum(rate.misses for rate in top) == 10_000


def test_what_is_older_than_the_window_is_forgotten() -> None:
    metrics = Metrics()
    metrics.took(CallPath.HIT, 0.001, (b"views:1",))
    for _ in range(10):
        metrics.tick(0, 0, 0.0)
    metrics.took(CallPath.OVERLAY, 0.001, (b"views:1",))
    assert metrics.prefixes(12) == (PrefixRate(b"views:", 1, 1),)
    for _ in range(10):
        metrics.tick(0, 0, 0.0)
    assert metrics.prefixes(12) == (PrefixRate(b"views:", 0, 1),)
    for _ in range(10):
        metrics.tick(0, 0, 0.0)
    assert metrics.prefixes(12) == ()


def test_writes_and_flushes_are_no_reads() -> None:
    metrics = Metrics()
    for path in (CallPath.WRITE_BEHIND, CallPath.WRITE_THROUGH):
        metrics.took(path, 0.001, (b"views:1",))
    assert metrics.prefixes(12) == ()


def test_every_read_of_the_stack_is_in_its_prefix(stack: Stack) -> None:
    stack.layer.set("order:1", b"x")
    stack.layer.get("order:1")
    stack.layer.get("order:2")
    stack.layer.get_many(["order:1", "order:2", "order:2", "plain"])
    stack.perform(Inject("database.gone"))
    for read in (lambda: stack.layer.get("plain"), lambda: stack.layer.get_many(["plain"] * 2)):
        with pytest.raises(Unavailable):
            read()
    snapshot = stack.snapshot()
    assert snapshot.prefixes == (PrefixRate(b"order:", 2, 3), PrefixRate(b"", 0, 4))
    assert (snapshot.reads.hits, snapshot.reads.misses) == (2, 7)
    assert {hot.key: hot.uses for hot in snapshot.hot} == {
        b"order:1": 3,
        b"order:2": 3,
        b"plain": 1,
    }
