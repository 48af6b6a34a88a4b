"""When the books are out, the snapshot names the events that are the reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cachedesk.core.commands import Inject
from cachedesk.core.events import Op, WriteEvent
from cachedesk.observe import accounting
from cachedesk.observe.auditor import Auditor
from cachedesk.stack.stack import Stack

from .scenarios import PATIENT
from .until import until

OpenStack = Callable[..., Stack]


@pytest.fixture
def stack(open_stack: OpenStack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose worker waits, and whose auditor looks when it is told to, each time anew."""
    monkeypatch.setattr(Auditor, "every_seconds", 3600)
    monkeypatch.setattr(accounting, "_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(accounting, "_REST", 0)
    return open_stack(PATIENT)


def forget(stack: Stack, key: bytes) -> list[int]:
    """The planted bug: what is pending of ``key`` is forgotten, and was accepted."""
    queue = stack.pending._queues.pop(key)
    stack.pending._pending -= len(queue.events)
    return [event.seq for event in queue.events]


def write(stack: Stack, count: int = 3) -> None:
    for number in range(count):
        stack.layer.write_many([("incr", f"views:{number}", 1)] * 4)


def test_while_they_balance_nothing_is_said(stack: Stack) -> None:
    write(stack)
    stack.auditor.look()
    assert stack.snapshot().books.balanced
    assert stack.snapshot().unaccounted == ()


def test_events_that_the_index_forgot_are_named(stack: Stack) -> None:
    write(stack)
    forgotten = forget(stack, b"views:1")
    assert not stack.snapshot().books.balanced
    stack.auditor.look()
    assert stack.snapshot().unaccounted == tuple(forgotten) == (5, 6, 7, 8)


def test_events_that_the_log_never_had_are_named(stack: Stack) -> None:
    write(stack)
    stranger = WriteEvent(999, Op.SET, b"views:new", b"x", 0.0)
    stack.pending.add([stranger])
    stack.pending._accepted -= 1
    stack.auditor.look()
    assert stack.snapshot().unaccounted == (999,)


def test_what_is_applied_or_dead_is_no_reason(stack: Stack) -> None:
    """They are in the log until it is acked, and rightly not pending."""
    write(stack, 2)
    stack.layer.set("views:0", b"absorbs", policy="write-through")
    stack.perform(Inject("log.poison"))
    stack.perform(Inject("worker.crash:worker.ack.before"))
    stack.worker.controls.step()
    until(lambda: stack.snapshot().worker.restarts)
    stack.pending._accepted += 1
    stack.auditor.look()
    assert not stack.snapshot().books.balanced
    assert stack.snapshot().unaccounted == ()


def test_they_are_at_most_twenty(stack: Stack) -> None:
    stack.layer.write_many([("incr", "views:1", 1)] * 50)
    assert forget(stack, b"views:1")[:20] == list(range(1, 21))
    stack.auditor.look()
    assert stack.snapshot().unaccounted == tuple(range(1, 21))


def test_what_was_found_stays_until_the_books_balance(stack: Stack) -> None:
    write(stack)
    forgotten = forget(stack, b"views:1")
    stack.auditor.look()
    stack.layer.drain(60)
    stack.auditor.look()
    assert stack.snapshot().unaccounted == tuple(forgotten)
    stack.pending._applied += len(forgotten)
    assert stack.snapshot().unaccounted == ()
    stack.auditor.look()
    assert stack.auditor.accounting.ids == ()


def test_it_is_found_without_redis_too(stack: Stack) -> None:
    write(stack)
    forgotten = forget(stack, b"views:2")
    stack.perform(Inject("redis.down"))
    until(lambda: not stack.cache.cache.trusted)
    stack.auditor.look()
    assert stack.snapshot().unaccounted == tuple(forgotten)


def test_a_database_that_cannot_be_read_is_no_reason(stack: Stack) -> None:
    write(stack)
    forget(stack, b"views:2")
    stack.perform(Inject("database.gone"))
    stack.auditor.accounting.look()
    assert stack.snapshot().unaccounted == ()


def test_it_is_not_looked_for_all_the_time(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    write(stack)
    forget(stack, b"views:0")
    monkeypatch.setattr(accounting, "_EVERY_SECONDS", 3600.0)
    stack.auditor.look()
    forget(stack, b"views:1")
    stack.auditor.look()
    assert stack.snapshot().unaccounted == (1, 2, 3, 4)
