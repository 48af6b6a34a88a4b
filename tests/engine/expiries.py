"""Scenarios of expiry: each holds for the engine, and a planted bug breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachedesk.core import clock
from cachedesk.stack.stack import Stack

from .scenarios import BEHIND, PATIENT, THROUGH, copy_as_after_a_kill, held_at, running
from .until import until

HOUR = 3_600.0


@contextmanager
def later(seconds: float) -> Iterator[None]:
    """Let the stacks of this process live ``seconds`` later, for a block. Redis does not know: to
    it the machine's clock was set back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "_BEGAN", clock._BEGAN + seconds)
        yield


def purge(stack: Stack) -> int:
    """Purge now, whatever the worker does; return how many rows."""
    purger = stack.worker.flusher._purger  # type: ignore[attr-defined]
    purger._due_at = 0.0
    return int(purger.purge())


def expired_is_absent_everywhere(directory: Path) -> None:
    """A row and a pending event that have expired are in no answer."""
    with running(directory, PATIENT) as stack:
        cache = stack.layer
        cache.set("row", b"1", ttl=HOUR, policy=THROUGH)
        cache.set("event", b"1", ttl=HOUR, policy=BEHIND)
        cache.set("stays", b"1", policy=BEHIND)
        with later(HOUR - 60):
            cache.evict("*")
            assert cache.get_many(["row", "event", "stays"]) == [b"1", b"1", b"1"]
            assert 0 < (cache.ttl("row") or 0) <= 60
        with later(2 * HOUR):
            cache.evict("*")
            assert cache.get_many(["row", "event", "stays"]) == [None, None, b"1"]
            assert cache.get("event") is None
            assert dict(cache.items()) == {b"stays": b"1"}
            assert (cache.ttl("row"), cache.ttl("event"), cache.ttl("stays")) == (None, None, None)
            assert [cache.explain(key).truth.value for key in ("row", "event")] == [None, None]
            assert not cache.expire("row", 60)
            assert not cache.persist("event")
            assert cache.incr("row", 5, policy=THROUGH) == 5
            assert cache.incr("event", 7, policy=BEHIND) == 7
            cache.drain(60)
            cache.evict("*")
            assert cache.get_many(["row", "event"]) == [b"5", b"7"]
            assert stack.snapshot().books.balanced


def a_restart_keeps_the_deadline(directory: Path) -> None:
    """What is only in the log, and what is a row, expires after a kill as it would have."""
    data, killed = directory / "data", directory / "killed"
    with running(data, PATIENT) as stack:
        stack.layer.set("row", b"1", ttl=HOUR, policy=THROUGH)
        stack.layer.set("event", b"1", ttl=HOUR, policy=BEHIND)
        stack.layer.set("shorter", b"1", policy=BEHIND)
        assert stack.layer.expire("shorter", HOUR, policy=BEHIND)
        copy_as_after_a_kill(data, killed)
    keys = ["row", "event", "shorter"]
    for place in (data, killed):
        with running(place, PATIENT) as stack:
            assert stack.layer.get_many(keys) == [b"1", b"1", b"1"]
            assert all(0 < (stack.layer.ttl(key) or 0) <= HOUR for key in keys)
        with later(2 * HOUR), running(place) as stack:
            assert stack.layer.get_many(keys) == [None, None, None]
            stack.layer.drain(60)
            assert stack.layer.get_many(keys) == [None, None, None]


def a_purge_leaves_what_is_pending_its_base(directory: Path) -> None:
    """An increment that was accepted before the deadline is applied after it: to the value that it
    met, which has expired, and not to an absent one, which never would."""
    with running(directory, PATIENT) as stack:
        cache = stack.layer
        cache.set("counter", 5, ttl=HOUR, policy=THROUGH)
        assert cache.incr("counter", policy=BEHIND) == 6
        with later(2 * HOUR):
            purge(stack)
            cache.drain(60)
            cache.evict("*")
            assert cache.get("counter") is None
            purge(stack)
            row = stack._state.database.read(b"counter")
            assert row.value is None
            assert stack._state.database.count()[0] == 0
            assert cache.incr("counter", policy=THROUGH) == 1


def a_purge_waits_for_a_write_that_was_accepted_before(directory: Path) -> None:
    """An increment was accepted before the deadline, and is appended to the log after it."""
    with running(directory, PATIENT) as stack:
        cache = stack.layer
        cache.set("counter", 5, ttl=HOUR, policy=THROUGH)
        accepted = held_at(
            stack.failpoints, "log.append.before", cache.incr, "counter", policy=BEHIND
        )
        with accepted, later(2 * HOUR):
            purge(stack)
        until(lambda: stack.snapshot().books.pending)
        with later(2 * HOUR):
            cache.drain(60)
            cache.evict("*")
            assert cache.get("counter") is None
            assert stack.snapshot().books.balanced


def a_purged_row_holds_what_is_delivered_again(directory: Path) -> None:
    """Events that were applied, but not acked, come again after their row was purged."""
    with running(directory, PATIENT) as stack:
        cache, database = stack.layer, stack._state.database
        cache.incr("counter", policy=BEHIND)
        cache.expire("counter", HOUR, policy=BEHIND)
        # Applied, and not acked: the commit of the ack is refused.
        stack.failpoints.arm("worker.ack.before", "raise(Unavailable)")
        stack.worker.controls.step()
        until(lambda: database.read(b"counter").seq and not stack.pending.count(b"counter"))
        with later(2 * HOUR):
            purge(stack)
            before = database.read(b"counter")
            assert before.value is None
            stack.failpoints.disarm()
            cache.drain(60)
            # Trimmed since, or as it was; never a value that was computed anew.
            assert database.read(b"counter").value is None
            assert stack.snapshot().worker.redelivered >= 2
            assert stack.snapshot().books.balanced
