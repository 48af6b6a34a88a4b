"""Pending: the index of what is only in the log, and books that always balance."""

from __future__ import annotations

import threading
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.events import Entry, Op, WriteEvent
from cachedesk.core.snapshot import Books
from cachedesk.engine.backlog.pending_events import PendingEvents

from .until import Task, together, until


def incr(seq: int, key: bytes = b"k", amount: int = 1) -> WriteEvent:
    return WriteEvent(seq, Op.INCR, key, amount, 0.0)


def test_events_of_a_key_come_in_order() -> None:
    pending = PendingEvents()
    pending.add([incr(1), incr(2, b"other"), incr(3)])
    pending.add([incr(4)])
    assert [event.seq for event in pending.events(b"k")] == [1, 3, 4]
    assert [event.seq for event in pending.events_of([b"k", b"none", b"other"])] == [1, 3, 4, 2]
    assert (pending.count(b"k"), pending.count(b"none"), pending.depth) == (3, 0, 4)
    assert pending.events(b"none") == ()
    assert {key: len(events) for key, events in pending.all().items()} == {b"k": 3, b"other": 1}


def test_settled_events_are_gone_and_settling_again_counts_for_nothing() -> None:
    pending = PendingEvents()
    events = [incr(seq) for seq in range(1, 6)]
    pending.add(events)
    assert pending.settle(events[:3]) == 3
    assert pending.settle(events[:3]) == 0
    assert [event.seq for event in pending.events(b"k")] == [4, 5]
    assert pending.books() == Books(accepted=5, applied=3, pending=2, dead=0)
    assert pending.settle(events) == 2
    assert pending.books() == Books(accepted=5, applied=5, pending=0, dead=0)
    assert (pending.bytes, pending.all()) == (0, {})


def test_write_through_and_dead_letters_are_in_the_books() -> None:
    pending = PendingEvents()
    events = [incr(1), incr(2), incr(3)]
    pending.add(events)
    pending.settle(events, dead={2}, through=2)
    assert pending.books() == Books(accepted=5, applied=4, pending=0, dead=1)
    pending.settle(events, dead={2})
    assert pending.books() == Books(accepted=5, applied=4, pending=0, dead=1)
    assert PendingEvents(dead=3).books() == Books(accepted=3, applied=0, pending=0, dead=3)


def test_the_head_is_the_newest_value_while_anything_is_pending() -> None:
    pending = PendingEvents()
    assert pending.head(b"k") is None
    pending.add([incr(1)], {b"k": Entry(b"1", 1)})
    assert pending.head(b"k") == Entry(b"1", 1)
    pending.add([WriteEvent(2, Op.DELETE, b"k", None, 0.0)], {b"k": Entry(None, 2)})
    assert pending.head(b"k") == Entry(None, 2)
    pending.settle([incr(1)])
    assert pending.head(b"k") == Entry(None, 2)
    pending.settle([incr(2)])
    assert pending.head(b"k") is None


def test_after_a_recovery_no_head_is_known() -> None:
    pending = PendingEvents()
    pending.add([incr(1)])
    assert pending.head(b"k") is None
    pending.add([incr(2)], {b"k": Entry(b"2", 2)})
    assert pending.head(b"k") == Entry(b"2", 2)
    pending.add([incr(3)])
    assert pending.head(b"k") is None, "what is not known is not the old value"


def test_what_was_handed_out_does_not_change() -> None:
    pending = PendingEvents()
    pending.add([incr(1)])
    before = pending.events(b"k"), pending.all()
    pending.add([incr(2)])
    pending.settle([incr(2)])
    assert before == ((incr(1),), {b"k": (incr(1),)})


def test_bytes_grow_and_shrink_with_keys_and_values() -> None:
    pending = PendingEvents()
    large = WriteEvent(1, Op.SET, b"k" * 100, b"v" * 10_000, 0.0)
    pending.add([large])
    assert 10_100 <= pending.bytes <= 11_500
    pending.add([incr(2, large.key)])
    assert pending.bytes <= 11_500
    pending.settle([large])
    assert 100 <= pending.bytes <= 900
    pending.settle([incr(2, large.key)])
    assert pending.bytes == 0


def test_waiting_until_nothing_is_pending() -> None:
    pending = PendingEvents()
    assert pending.wait_until_empty(0)
    pending.add([incr(1)])
    assert not pending.wait_until_empty(0.01)
    waiter = Task(pending.wait_until_empty, None)
    until(lambda: pending.shrunk._waiters)  # type: ignore[attr-defined]
    pending.settle([incr(1)])
    assert waiter.result() is True


steps = st.lists(
    st.tuples(st.sampled_from(["add", "settle", "bury", "through"]), st.integers(1, 4)), max_size=40
)


@given(steps)
def test_books_and_index_are_a_simple_model(script: list[tuple[str, int]]) -> None:
    pending = PendingEvents()
    waiting: deque[WriteEvent] = deque()
    seq = applied = dead = 0
    for step, count in script:
        if step == "add":
            events = [incr(seq + n + 1, b"%d" % (n % 2)) for n in range(count)]
            seq += count
            pending.add(events)
            waiting.extend(events)
        elif step == "through":
            pending.settle([], through=count)
            seq += count
            applied += count
        else:
            batch = [waiting.popleft() for _ in range(min(count, len(waiting)))]
            buried = {event.seq for event in batch[:1]} if step == "bury" else set()
            assert pending.settle(batch, dead=buried) == len(batch)
            dead += len(buried)
            applied += len(batch) - len(buried)
        assert pending.books() == Books(seq, applied, len(waiting), dead)
        assert pending.books().balanced
        assert pending.depth == len(waiting)
        assert sum(map(len, pending.all().values())) == len(waiting)


def test_books_balance_at_every_instant_between_threads() -> None:
    pending, end = PendingEvents(), threading.Event()
    gate = threading.Lock()
    waiting: deque[WriteEvent] = deque()
    numbers = iter(range(1, 10**9))

    def accept() -> None:
        for _ in range(300):
            with gate:
                events = [incr(next(numbers), b"%d" % n) for n in range(3)]
                pending.add(events)
                waiting.extend(events)

    def settle() -> None:
        while not end.is_set() or waiting:
            batch = [waiting.popleft() for _ in range(min(5, len(waiting)))]
            pending.settle(batch, dead={event.seq for event in batch[:1]}, through=1)

    def look() -> int:
        looks = 0
        while not end.is_set():
            assert pending.books().balanced
            looks += 1
        return looks

    settler, looker = Task(settle), Task(look)
    together([accept, accept])
    end.set()
    settler.result()
    assert looker.result() > 0
    books = pending.books()
    assert (books.pending, books.applied + books.dead) == (0, books.accepted)
