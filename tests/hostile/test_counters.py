"""Counters at the edges of 64 bits, and texts that look like numbers but are none."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine.scenarios import BEHIND, THROUGH, running

from cachedesk.core.errors import CounterOverflow, InvalidValue, NotACounter
from cachedesk.engine.cache_layer import CacheLayer

from .cases import check_message, each

LOW, HIGH = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Count:
    """A value that is incremented, and what it comes to: a number, or an error."""

    name: str
    value: bytes | None
    amount: object
    comes_to: int | type[Exception]


def text(name: str, value: bytes) -> Count:
    return Count(name, value, 1, NotACounter)


COUNTS = [
    Count("absent", None, 5, 5),
    Count("absent to the top", None, HIGH, HIGH),
    Count("absent to the bottom", None, LOW, LOW),
    Count("to the top", b"9223372036854775806", 1, HIGH),
    Count("beyond the top", b"9223372036854775807", 1, CounterOverflow),
    Count("to the bottom", b"-9223372036854775807", -1, LOW),
    Count("beyond the bottom", b"-9223372036854775808", -1, CounterOverflow),
    Count("from end to end", b"-9223372036854775808", HIGH, -1),
    Count("down by the whole", b"-1", LOW, CounterOverflow),
    Count("up by the whole", b"1", HIGH, CounterOverflow),
    Count("nothing at the top", b"9223372036854775807", 0, HIGH),
    Count("by more than there is", b"1", HIGH + 1, CounterOverflow),
    Count("by less than there is", b"1", LOW - 1, CounterOverflow),
    Count("by a million digits", b"1", 10**1_000_000, CounterOverflow),
    Count("by a fraction", b"1", 1.0, InvalidValue),
    Count("by a text", b"1", "1", InvalidValue),
    Count("by True", b"1", True, InvalidValue),
    Count("by nothing", b"1", None, InvalidValue),
    text("one above the top", b"9223372036854775808"),
    text("one below the bottom", b"-9223372036854775809"),
    text("zeros in front", b"007"),
    text("a space in front", b" 1"),
    text("a space behind", b"1 "),
    text("a line break behind", b"1\n"),
    text("a NUL behind", b"1\0"),
    text("a plus", b"+1"),
    text("minus zero", b"-0"),
    text("a float", b"1.0"),
    text("an exponent", b"1e3"),
    text("hexadecimal", b"0x10"),
    text("an underscore", b"1_000"),
    text("a comma", b"1,000"),
    text("Arabic digits", "\u0661\u0662".encode()),
    text("wide digits", "\uff11".encode()),
    text("no bytes", b""),
    text("only a minus", b"-"),
    text("a million digits", b"1" * 1_000_000),
    text("not a number", b"nan"),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheLayer]:
    with running(tmp_path_factory.mktemp("counters")) as stack:
        yield stack.layer


@pytest.mark.parametrize("policy", [THROUGH, BEHIND])
@each(COUNTS)
def test_a_counter(case: Count, policy: str, cache: CacheLayer) -> None:
    key = uuid.uuid4().hex
    if case.value is not None:
        cache.set(key, case.value, policy=policy)
    before = cache.snapshot().books.accepted
    if isinstance(case.comes_to, int):
        assert cache.incr(key, case.amount, policy=policy) == case.comes_to  # type: ignore[arg-type]
        cache.drain(60)
        cache.evict(key)
        assert cache.get(key) == b"%d" % case.comes_to
        return
    with pytest.raises(case.comes_to) as caught:
        cache.incr(key, case.amount, policy=policy)  # type: ignore[arg-type]
    check_message(str(caught.value), ())
    assert cache.get(key) == case.value
    assert cache.snapshot().books.accepted == before


def test_the_edges_survive_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        with running(tmp_path) as stack:
            for policy in (THROUGH, BEHIND):
                stack.layer.set(policy, LOW, policy=policy)
                assert stack.layer.incr(policy, HIGH, policy=policy) == -1
                assert stack.layer.incr(policy, LOW + 1, policy=policy) == LOW
    with running(tmp_path) as stack:
        assert dict(stack.layer.items()) == dict.fromkeys(
            (THROUGH.encode(), BEHIND.encode()), b"%d" % LOW
        )
