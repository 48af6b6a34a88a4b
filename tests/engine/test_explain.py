"""``cache.explain(key)``: what each place holds, and why a read gets what it gets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import cachedesk
from cachedesk.core.commands import EvictKey, Inject
from cachedesk.core.events import Op, entries_of
from cachedesk.core.key_report import AnswerSource
from cachedesk.stack.stack import Stack

from . import poison
from .scenarios import PATIENT, THROUGH, wait_until_trusted
from .until import until

OpenStack = Callable[..., Stack]
KEY = "views:1"


@pytest.fixture
def slow(open_stack: OpenStack) -> Stack:
    """A stack that flushes only when told to, with a row of 10 and +2 pending."""
    stack = open_stack(PATIENT)
    stack.layer.set(KEY, 10, policy=THROUGH)
    stack.layer.incr(KEY, 2)
    return stack


def lines(report: cachedesk.KeyReport) -> dict[str, str]:
    """What the text says, by its first word or words."""
    return {line[:10].strip(): line[10:] for line in str(report).splitlines()}


def test_a_copy_in_redis_answers(slow: Stack) -> None:
    told = lines(slow.layer.explain(KEY))
    assert told["key"] == KEY
    assert told["policy"] == "write-behind (views:*)"
    assert told["Redis"] == "12"
    assert told["log"].startswith("1 event pending, oldest ")
    assert told["database"].startswith("10 (seq ")
    assert told["event"].endswith("incr +2 = 12")
    assert told["a read"] == (
        "gets 12, from Redis: it has a copy, which is what the database and the log come to"
    )


def test_an_evicted_key_is_folded(slow: Stack) -> None:
    slow.perform(EvictKey(KEY.encode()))
    report = slow.layer.explain(KEY)
    assert report.source is AnswerSource.OVERLAY
    assert lines(report)["Redis"] == "no copy"
    assert report.reason == (
        "from the database and the log: Redis has no copy; 1 pending event folded into the row"
    )
    # To look fills nothing.
    assert slow.layer.explain(KEY).cached.value is None
    read = slow.layer.read(KEY)
    assert (read.value, read.source.value) == (b"12", report.source.value)


def test_an_absent_key(slow: Stack) -> None:
    report = slow.layer.explain("order:none")
    told = lines(report)
    assert told["database"] == "no row"
    assert told["a read"].startswith("gets absent, from the database: Redis has no copy, and no")
    slow.layer.set("order:1", "x")
    seq = slow.layer.delete("order:1").seq
    assert lines(slow.layer.explain("order:1"))["database"] == f"deleted by seq {seq}"


def test_a_copy_that_is_not_the_truth_is_called_stale(slow: Stack) -> None:
    slow.cache.put(entries_of({KEY.encode(): b"11"}))
    report = slow.layer.explain(KEY)
    assert report.agrees is False
    assert report.reason == "from Redis: it has a copy, which is STALE: the truth is 12"


def test_a_redis_that_is_down_is_unknown_and_not_empty(slow: Stack) -> None:
    slow.layer.set("order:1", "x")
    slow.perform(Inject("redis.down"))
    until(lambda: not slow.cache.trusted)
    report = slow.layer.explain("order:1")
    assert not report.cached.known
    assert lines(report)["Redis"].startswith("unknown: ")
    assert report.reason == "from the database: Redis cannot answer, and no event is pending"


def test_dead_letters_are_part_of_it(open_stack: OpenStack) -> None:
    stack = open_stack()
    wait_until_trusted(stack)
    stack.layer.set("likes:1", "x", policy=THROUGH)
    seq = poison.append(stack, Op.INCR, b"likes:1", 1)
    until(stack.layer.dead_letters)
    assert lines(stack.layer.explain("likes:1"))["dead"].startswith(f"seq {seq} incr: ")


def test_the_newest_writes_only_of_a_stack_that_observes(open_stack: OpenStack) -> None:
    stack = open_stack()
    seq = stack.layer.set("order:1", "x").seq
    report = stack.layer.explain("order:1")
    assert report.observed
    assert lines(report)["applied"].startswith(f"seq {seq} set, accepted ")
    stack.close()
    stack = open_stack(observe=False)
    stack.layer.set("order:1", "y")
    report = stack.layer.explain("order:1")
    assert (report.observed, report.writes) == (False, ())
    assert report.writes_since > 0
    assert lines(report)["applied"] == "not known: the stack does not observe its writes"


def test_what_a_terminal_would_obey_is_escaped(slow: Stack) -> None:
    slow.layer.set(b"a\x1b[31m\nb", b"\x1b]0;title\x07" + b"v" * 500)
    text = str(slow.layer.explain(b"a\x1b[31m\nb"))
    assert "\x1b" not in text
    assert len(text.splitlines()) == len(str(slow.layer.explain("other")).splitlines()) + 1
    assert "(510 bytes)" in text


@pytest.mark.parametrize("key", ["", b"k" * 1025])
def test_a_key_that_is_none_is_refused(slow: Stack, key: str | bytes) -> None:
    with pytest.raises(cachedesk.InvalidKey):
        slow.layer.explain(key)
