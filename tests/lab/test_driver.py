"""The driver: who does what, in which order, and how it ends. The layer here is a fake."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from cachedesk.core.errors import Closed, NotACounter, OutcomeUnknown, Unavailable
from cachedesk.core.policy import Policy
from cachedesk.core.reads import Read, ReadSource
from cachedesk.core.writes import Level, Receipt
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.load import client
from cachedesk.lab.load.client import GaveUp, Target
from cachedesk.lab.load.driver import Driver, Load
from cachedesk.lab.load.operations import Operation, Verb


class FakeLayer:
    """Takes every write, remembers who did what, and fails when ``fail`` says so."""

    def __init__(self, fail: Callable[[int], None] | None = None) -> None:
        self.done: list[tuple[str, Operation]] = []
        self._fail = fail
        self._calls = itertools.count(1)
        self._seqs = itertools.count(1)

    def read(self, key: bytes) -> Read:
        """Return that the key is absent."""
        self._do(Operation(Verb.GET, key))
        return Read(None, ReadSource.DATABASE, 0, 0)

    def write(self, call: tuple[Any, ...]) -> Receipt:
        """Take the write."""
        operation = Operation(*call)
        self._do(operation)
        value = operation.value
        return Receipt(
            next(self._seqs), Level.APPLIED, value if isinstance(value, bytes) else b"%d" % value
        )

    def _do(self, operation: Operation) -> None:
        if self._fail is not None:
            self._fail(next(self._calls))
        self.done.append((threading.current_thread().name, operation))


def _driver(
    layer: FakeLayer, operations: Iterator[Operation], load: Load, **site: object
) -> Driver:
    return Driver(
        Target(cast(CacheLayer, layer), Ledger(), **site),  # type: ignore[arg-type]
        operations,
        load,
    )


def _sets(keys: int = 7) -> Iterator[Operation]:
    return (Operation(Verb.SET, b"key:%d" % (n % keys), b"%d" % n) for n in itertools.count())


def test_one_client_keeps_the_order_of_the_stream() -> None:
    layer = FakeLayer()
    driver = _driver(layer, _sets(), Load(clients=1, ops=1000))
    driver.start()
    assert driver.wait(60)
    assert [operation for _, operation in layer.done] == list(itertools.islice(_sets(), 1000))
    assert driver.finish().sets == 1000


def test_a_key_has_one_client_and_keeps_its_order() -> None:
    done: dict[int, list[Operation]] = {}

    class Noting(FakeLayer):
        def write(self, call: tuple[Any, ...]) -> Receipt:
            done.setdefault(threading.get_ident(), []).append(Operation(*call))
            return super().write(call)

    driver = _driver(Noting(), _sets(keys=50), Load(clients=4, ops=2000))
    driver.start()
    assert driver.wait(60)
    assert driver.finish().sets == 2000
    assert len(done) == 4
    key_sets = [{operation.key for operation in operations} for operations in done.values()]
    assert sum(map(len, key_sets)) == len(set().union(*key_sets)) == 50
    for operations in done.values():
        numbers = [int(operation.value or 0) for operation in operations]
        assert numbers == sorted(numbers)


def test_it_ends_after_its_seconds() -> None:
    driver = _driver(FakeLayer(), _sets(), Load(clients=2, rate=100, seconds=0.2))
    driver.start()
    assert driver.wait(60)
    assert 0.2 <= driver.seconds < 5
    assert 1 <= driver.finish().done <= 30


def test_stop_ends_an_endless_load_and_drops_what_waits() -> None:
    reached = threading.Event()
    driver = _driver(
        FakeLayer(lambda call: reached.set() if call == 500 else None), _sets(), Load(clients=3)
    )
    driver.start()
    assert reached.wait(60)
    driver.stop()
    assert driver.wait(60)
    assert driver.finish().done >= 499


def test_what_is_dealt_ahead_is_bounded() -> None:
    taken, hold, holding = itertools.count(1), threading.Event(), threading.Event()
    last = 0

    def source() -> Iterator[Operation]:
        nonlocal last
        for operation in _sets():
            last = next(taken)
            yield operation

    def fail(call: int) -> None:
        holding.set()
        assert hold.wait(60)

    driver = _driver(FakeLayer(fail), source(), Load(clients=1))
    driver.start()
    assert holding.wait(60)
    driver.stop()
    hold.set()
    assert driver.wait(60)
    driver.finish()
    assert last <= 5 * 64


def test_every_operation_is_counted_once() -> None:
    counted: list[int] = []
    driver = Driver(
        Target(cast(CacheLayer, FakeLayer()), Ledger()),
        _sets(),
        Load(clients=3, ops=400),
        on_count=counted.append,
    )
    driver.start()
    assert driver.wait(60)
    driver.finish()
    assert sorted(counted) == list(range(1, 401))


def test_outcomes_are_told_apart() -> None:
    errors = {2: NotACounter("x"), 3: Unavailable("x"), 4: OutcomeUnknown("x"), 5: Unavailable("x")}

    def fail(call: int) -> None:
        if call in errors:
            raise errors[call]

    operations = [Operation(Verb.INCR, b"k", 1)] * 4 + [Operation(Verb.GET, b"k")] * 2
    driver = _driver(FakeLayer(fail), iter(operations), Load(clients=1))
    driver.start()
    assert driver.wait(60)
    tally = driver.finish()
    assert (tally.incrs, tally.skipped, tally.unavailable_writes, tally.unknown_writes) == (
        1,
        1,
        1,
        1,
    )
    assert (tally.gets, tally.unavailable_reads, tally.misses, tally.hits) == (2, 1, 2, 0)
    assert tally.done == 6


def test_a_patient_client_tries_again_until_it_is_done() -> None:
    def fail(call: int) -> None:
        if call <= 2:
            raise Unavailable("not yet")

    layer = FakeLayer(fail)
    driver = _driver(layer, _sets(), Load(clients=1, ops=2), patience_seconds=30.0)
    driver.start()
    assert driver.wait(60)
    tally = driver.finish()
    assert (tally.sets, tally.retries, tally.unavailable_writes) == (2, 2, 0)


def test_an_unknown_set_is_written_again_but_not_an_unknown_incr() -> None:
    def fail(call: int) -> None:
        if call in (1, 3):
            raise OutcomeUnknown("maybe")

    operations = [Operation(Verb.SET, b"a", b"1"), Operation(Verb.INCR, b"b", 1)]
    driver = _driver(FakeLayer(fail), iter(operations), Load(clients=1), patience_seconds=30.0)
    driver.start()
    assert driver.wait(60)
    tally = driver.finish()
    assert (tally.sets, tally.incrs, tally.unknown_writes) == (1, 0, 1)


def test_a_stuck_client_says_so_and_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "STUCK_SECONDS", 0.05)
    stuck = threading.Event()

    def fail(call: int) -> None:
        raise Unavailable("never")

    driver = _driver(
        FakeLayer(fail), _sets(), Load(clients=1), patience_seconds=0.2, on_stuck=stuck.set
    )
    driver.start()
    assert driver.wait(60)
    with pytest.raises(GaveUp, match="never"):
        driver.finish()
    assert stuck.is_set()


def test_a_layer_that_was_closed_ends_the_load_quietly() -> None:
    def fail(call: int) -> None:
        if call == 10:
            raise Closed("closed")

    driver = _driver(FakeLayer(fail), _sets(), Load(clients=1))
    driver.start()
    assert driver.wait(60)
    assert driver.finish().sets == 9


def test_a_source_that_breaks_is_raised_at_the_end() -> None:
    def source() -> Iterator[Operation]:
        yield Operation(Verb.SET, b"k", b"v")
        raise ValueError("the file changed")

    driver = _driver(FakeLayer(), source(), Load(clients=2))
    driver.start()
    assert driver.wait(60)
    with pytest.raises(ValueError, match="the file changed"):
        driver.finish()


def test_a_driver_that_never_started_can_be_finished() -> None:
    assert _driver(FakeLayer(), _sets(), Load()).finish().done == 0


def test_a_new_rate_wakes_a_driver_that_would_have_slept_for_hours() -> None:
    layer = FakeLayer()
    driver = _driver(layer, _sets(), Load(clients=2, rate=1e-4, ops=300))
    driver.start()
    assert not driver.wait(0.05)
    driver.set_rate(5000.0)
    assert driver.rate == 5000.0
    assert driver.wait(60)
    tally = driver.finish()
    # On a busy machine it may be late, and then it sheds: that is counted too.
    assert tally.done + tally.shed == 300
    assert driver.seconds >= 300 / 5000


def test_a_slow_driver_stops_at_once() -> None:
    driver = _driver(FakeLayer(), _sets(), Load(rate=1e-4))
    driver.start()
    driver.stop()
    assert driver.wait(60)
    assert driver.ended


def test_a_rate_may_be_lifted_and_set_and_each_key_keeps_its_order() -> None:
    done: dict[bytes, list[int]] = {}

    class Noting(FakeLayer):
        def policy(self, key: bytes) -> Policy:
            return Policy.WRITE_THROUGH if int(key[4:]) % 3 else Policy.WRITE_BEHIND

        def write(self, call: tuple[Any, ...]) -> Receipt:
            operation = Operation(*call)
            done.setdefault(operation.key, []).append(int(operation.value or 0))
            return super().write(call)

    for first in (20_000.0, None):
        done.clear()
        driver = _driver(Noting(), _sets(keys=50), Load(clients=8, rate=first, ops=6000))
        driver.start()
        for rate in (None, 30_000.0, 9_000.0, None, 100_000.0) * 3:
            driver.set_rate(rate)
            driver.wait(0.01)
        driver.set_rate(None)
        assert driver.wait(60)
        tally = driver.finish()
        assert tally.done + tally.shed == 6000
        assert len(done) == 50
        assert all(numbers == sorted(numbers) for numbers in done.values())
