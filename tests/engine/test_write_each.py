"""Independent requests that share commits: each is made or fails by itself, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.errors import CachedeskError, CounterOverflow, LogFull, NotACounter
from cachedesk.core.events import Op
from cachedesk.core.settings import LogSettings, Settings, WorkerSettings
from cachedesk.core.writes import Change, Outcome
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.write_behind import WriteBehind
from cachedesk.stack.stack import Stack

from . import scenarios
from .until import Task, until

OpenStack = Callable[..., Stack]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One stack for the many small tests that each use keys of their own."""
    with scenarios.running(tmp_path_factory.mktemp("shared")) as stack:
        yield stack


def put(key: str, value: str) -> Change:
    return Change(Op.SET, key.encode(), value.encode())


def incr(key: str, amount: int = 1) -> Change:
    return Change(Op.INCR, key.encode(), amount)


def told(outcomes: Sequence[Outcome]) -> list[object]:
    """Return the values of each request, or the type of its error."""
    return [
        type(it) if isinstance(it, CachedeskError) else [receipt.value for receipt in it]
        for it in outcomes
    ]


@pytest.mark.parametrize("prefix", ["views", "order"])
def test_one_that_fails_fails_alone(shared: Stack, prefix: str) -> None:
    name, count, most = f"{prefix}:name", f"{prefix}:count", f"{prefix}:most"
    outcomes = shared.layer.write_each(
        [
            [put(name, "Ann")],
            [incr(count)],
            [put(f"{prefix}:lost", "x"), incr(name)],
            [incr(count), incr(count, 5)],
            [put(most, str(2**63 - 1))],
            [incr(most)],
            [],
            [incr(count)],
        ]
    )
    assert told(outcomes) == [
        [b"Ann"], [b"1"], NotACounter, [b"2", b"7"], [b"%d" % (2**63 - 1)], CounterOverflow, [],
        [b"8"],
    ]  # fmt: skip
    assert shared.layer.get(f"{prefix}:lost") is None
    assert shared.layer.get(count) == b"8"


def test_a_request_of_both_paths_has_its_receipts_in_order(shared: Stack) -> None:
    (receipts,) = shared.layer.write_each(
        [[put("views:both", "a"), put("order:both", "b"), incr("views:two"), incr("order:two")]]
    )
    assert not isinstance(receipts, CachedeskError)
    assert [(it.level, it.value) for it in receipts] == [
        ("durable", b"a"), ("applied", b"b"), ("durable", b"1"), ("applied", b"1"),
    ]  # fmt: skip


def test_many_requests_share_one_append(open_stack: OpenStack) -> None:
    stack = open_stack()
    before = stack.snapshot(hot_values=False).books.accepted
    appends = []
    append = stack.log.append
    stack.log.append = lambda events: (appends.append(len(events)), append(events))  # type: ignore[method-assign]
    stack.layer.write_each([[incr(f"views:{number % 7}")] for number in range(500)])
    assert appends == [500]
    assert stack.snapshot(hot_values=False).books.accepted == before + 500


def test_one_that_is_too_large_for_a_record_keeps_its_place(open_stack: OpenStack) -> None:
    stack = open_stack()
    many = [incr("views:many") for _ in range(2_500)]
    outcomes = stack.layer.write_each([[incr("views:many")], many, [incr("views:many")]])
    first, middle, last = outcomes
    assert not isinstance(first, CachedeskError)
    assert not isinstance(last, CachedeskError)
    assert not isinstance(middle, CachedeskError)
    assert (first[0].value, middle[-1].value, last[0].value) == (b"1", b"2501", b"2502")


def test_none_overtakes_one_that_found_the_log_full(open_stack: OpenStack) -> None:
    settings = Settings(
        log=LogSettings(limit_events=3, when_full="reject"),
        worker=WorkerSettings(batch_age_seconds=3600),
    )
    stack = open_stack(settings)
    two = [put("views:a", "1"), put("views:b", "1")]
    outcomes = stack.layer.write_each([two, two, [put("views:a", "late")], [put("views:c", "1")]])
    assert told(outcomes) == [[b"1", b"1"], LogFull, LogFull, LogFull]
    assert stack.layer.get_many(["views:a", "views:c"]) == [b"1", None]


def test_one_without_room_waits_and_those_after_it_too(open_stack: OpenStack) -> None:
    settings = Settings(
        log=LogSettings(limit_events=2, when_full="block", block_seconds=60),
        worker=WorkerSettings(batch_age_seconds=3600),
    )
    stack = open_stack(settings)
    requests = [[put("views:a", str(number)), incr("views:n")] for number in range(4)]
    task = Task(stack.layer.write_each, requests)
    until(lambda: stack.snapshot().log.word == "full")
    assert task.is_alive()

    def stepped() -> bool:
        stack.worker.controls.step()
        return not task.is_alive()

    until(stepped)
    assert told(task.result()) == [[b"%d" % it, b"%d" % (it + 1)] for it in range(4)]


def test_a_full_log_writes_the_rest_through_in_order(open_stack: OpenStack) -> None:
    settings = Settings(
        log=LogSettings(limit_events=2, when_full="write-through"),
        worker=WorkerSettings(batch_age_seconds=3600),
    )
    stack = open_stack(settings)
    outcomes = stack.layer.write_each([[put("views:a", str(number))] for number in range(5)])
    levels = [it[0].level for it in outcomes if not isinstance(it, CachedeskError)]
    assert levels == ["durable"] * 2 + ["applied"] * 3
    assert stack.layer.get("views:a") == b"4"


operations = st.lists(
    st.lists(
        st.one_of(
            st.builds(put, st.sampled_from("abc"), st.sampled_from(["1", "x"])),
            st.builds(incr, st.sampled_from("abc"), st.integers(-3, 3)),
            st.builds(lambda key: Change(Op.DELETE, key.encode(), None), st.sampled_from("abc")),
        ),
        min_size=1,
        max_size=3,
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(requests=operations, behind=st.booleans())
def test_together_they_come_to_what_they_come_to_one_by_one(
    shared: Stack, requests: list[list[Change]], behind: bool
) -> None:
    def named(name: str) -> list[list[Change]]:
        prefix = f"{'views' if behind else 'order'}:{name}:".encode()
        return [[it._replace(key=prefix + it.key) for it in each] for each in requests]

    def cleared(layer: CacheLayer, name: str) -> None:
        keys = {it.key for each in named(name) for it in each}
        layer.write_many([("delete", key) for key in keys])

    for name in ("together", "single"):
        cleared(shared.layer, name)
    together = told(shared.layer.write_each(named("together")))
    single = [told(shared.layer.write_each([each]))[0] for each in named("single")]
    assert together == single


def test_the_order_rests_on_the_reference_to_the_request_before(
    open_stack: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: each request only looks for room for itself."""
    from cachedesk.engine import write_behind

    plain = write_behind._BehindRequest.__init__

    def alone(self: Any, changes: Any, deadline: float, bases: Any, after: Any = None) -> None:
        plain(self, changes, deadline, bases)

    monkeypatch.setattr(write_behind._BehindRequest, "__init__", alone)
    assert WriteBehind.write_each
    with pytest.raises(AssertionError):
        test_none_overtakes_one_that_found_the_log_full(open_stack)
