"""The inspection of a key, against a running stack: every place, the fold, who would answer."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachedesk.core.commands import EvictKey, Heal, Inject, PauseWorker, ResumeWorker, StepWorker
from cachedesk.core.errors import CounterOverflow, NotACounter
from cachedesk.core.events import Entry, Op, entries_of
from cachedesk.core.key_report import AnswerSource, Inspector, KeyReport
from cachedesk.core.reads import ReadSource
from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.stack.stack import Stack

from . import poison
from .scenarios import BEHIND, PATIENT, THROUGH, held_at, running, soon, wait_until_trusted
from .until import Task, until

OpenStack = Callable[..., Stack]
VIEWS = b"views:1"


@pytest.fixture
def slow(open_stack: OpenStack) -> Stack:
    """A stack that flushes only when told to."""
    return open_stack(PATIENT)


def evict(stack: Stack, key: bytes = VIEWS) -> None:
    stack.perform(EvictKey(key))


def counted(stack: Stack, *amounts: int) -> None:
    """Let the row of ``VIEWS`` hold 10,480, and leave increments pending."""
    stack.layer.set(VIEWS, 10_480, policy=THROUGH)
    for amount in amounts:
        stack.layer.incr(VIEWS, amount)


def values(report: KeyReport) -> list[bytes | None]:
    return [step.after.value for step in report.steps]


def test_a_stack_is_an_inspector(slow: Stack) -> None:
    inspector: Inspector = slow
    assert inspector.inspect(VIEWS).key == VIEWS


def test_a_fresh_key(slow: Stack) -> None:
    receipt = slow.layer.set("order:1", b"paid")
    report = slow.inspect(b"order:1")
    assert (report.policy, report.pattern) == ("write-through", "order:*")
    assert (report.cached.value, report.row.value, report.truth.value) == (b"paid",) * 3
    assert (report.row_seq, report.pending, report.steps) == (receipt.seq, 0, ())
    assert (report.source, report.agrees, report.moving) == (AnswerSource.REDIS, True, False)
    assert (report.ttl_known, report.ttl_seconds) == (True, None)
    (write,) = report.writes
    assert (write.seq, write.op) == (receipt.seq, Op.SET)
    assert write.accepted_at == write.applied_at
    assert write.cached_at is not None
    assert write.accepted_at <= write.cached_at <= report.at


def test_a_key_that_does_not_exist(slow: Stack) -> None:
    report = slow.inspect(b"nothing")
    assert (report.policy, report.pattern) == ("write-through", "")
    for place in (report.cached, report.row, report.truth):
        assert (place.value, place.known) == (None, True)
    assert (report.row_seq, report.source, report.agrees) == (0, AnswerSource.DATABASE, None)
    assert report.writes == ()


def test_pending_increments_are_folded_step_by_step(slow: Stack) -> None:
    counted(slow, 1, 2)
    report = slow.inspect(VIEWS)
    assert (report.row.value, report.pending) == (b"10480", 2)
    assert [(step.op, step.arg) for step in report.steps] == [(Op.INCR, 1), (Op.INCR, 2)]
    assert values(report) == [b"10481", b"10483"]
    assert (report.cached.value, report.truth.value) == (b"10483", b"10483")
    assert (report.source, report.agrees) == (AnswerSource.REDIS, True)
    assert report.oldest_at == report.steps[0].at <= report.steps[1].at <= report.at
    assert [write.waiting for write in report.writes] == [False, True, True]
    assert all(write.cached_at for write in report.writes)


def test_an_evicted_key_is_answered_by_row_and_log(slow: Stack) -> None:
    counted(slow, 3)
    evict(slow)
    report = slow.inspect(VIEWS)
    assert (report.cached.value, report.cached.known) == (None, True)
    assert (report.source, report.agrees) == (AnswerSource.OVERLAY, None)
    read = slow.layer.read(VIEWS)
    assert (read.source, read.value) == (ReadSource.OVERLAY, report.truth.value)


def test_an_evicted_key_with_nothing_pending_is_answered_by_sqlite(slow: Stack) -> None:
    counted(slow)
    evict(slow)
    assert slow.inspect(VIEWS).source is AnswerSource.DATABASE
    assert slow.layer.read(VIEWS).source is ReadSource.DATABASE


def test_to_look_at_a_key_changes_nothing(slow: Stack) -> None:
    counted(slow, 1)
    evict(slow)
    before = slow.snapshot()
    for _ in range(3):
        slow.inspect(VIEWS)
    after = slow.snapshot()
    assert (after.redis.keys, after.reads, after.writes) == (0, before.reads, before.writes)


def test_a_pending_delete(slow: Stack) -> None:
    slow.layer.set("session:1", b"x", policy=THROUGH)
    slow.layer.delete("session:1")
    report = slow.inspect(b"session:1")
    assert (report.row.value, report.pending) == (b"x", 1)
    assert (report.steps[0].op, values(report)) == (Op.DELETE, [None])
    assert (report.truth.value, report.truth.known) == (None, True)
    assert report.source is AnswerSource.OVERLAY
    slow.layer.drain(60)
    gone = slow.inspect(b"session:1")
    assert (gone.row.value, gone.row.known, gone.source) == (None, True, AnswerSource.DATABASE)


def test_the_worker_paused_stepped_and_resumed(open_stack: OpenStack) -> None:
    stack = open_stack()
    stack.perform(PauseWorker())
    counted(stack, 1, 1)
    assert stack.inspect(VIEWS).pending == 2
    stack.perform(StepWorker())
    until(lambda: stack.inspect(VIEWS).pending == 0)
    stack.layer.incr(VIEWS)
    stack.perform(ResumeWorker())
    stack.layer.drain(60)
    report = stack.inspect(VIEWS)
    assert (report.row.value, report.truth.value, report.source) == (b"10483",) * 2 + (
        AnswerSource.REDIS,
    )
    assert [write.waiting for write in report.writes] == [False] * 4
    for write in report.writes:
        assert write.applied_at is not None
        assert write.accepted_at <= write.applied_at <= report.at


def test_what_is_in_flight_and_what_the_row_has_already(open_stack: OpenStack) -> None:
    stack = open_stack(PATIENT)
    counted(stack, 1)
    with held_at(stack.failpoints, "worker.apply.before_commit", stack.perform, StepWorker()):
        until(lambda: stack.inspect(VIEWS).steps[0].in_flight)
        stack.layer.incr(VIEWS)
        first, second = stack.inspect(VIEWS).steps
        assert (first.in_flight, second.in_flight, first.in_row) == (True, False, False)
    until(lambda: stack.inspect(VIEWS).pending == 1)
    with held_at(stack.failpoints, "worker.apply.after_commit", stack.perform, StepWorker()):
        until(lambda: stack.inspect(VIEWS).row.value == b"10482")
        report = stack.inspect(VIEWS)
        assert [step.in_row for step in report.steps] == [True]
        assert (report.pending, report.truth.value, report.agrees) == (0, b"10482", True)
        assert values(report) == [b"10482"]


def test_a_refused_increment_is_stepped_over(slow: Stack) -> None:
    slow.layer.set(VIEWS, 5, policy=THROUGH)
    seq = poison.append(slow, Op.SET, VIEWS, b"text")
    poison.append(slow, Op.INCR, VIEWS, 1)
    evict(slow)
    report = slow.inspect(VIEWS)
    assert report.steps[0].seq == seq
    assert values(report) == [b"text", b"text"]
    assert "not a 64-bit integer" in report.steps[1].refused
    assert (report.truth.value, report.source) == (b"text", AnswerSource.OVERLAY)


def test_a_dead_letter_and_what_waits_behind_another(open_stack: OpenStack, tmp_path: Path) -> None:
    stack = open_stack(
        Settings(worker=WorkerSettings(batch_age_seconds=0.0, retry_seconds=0.01, max_attempts=2))
    )
    counted(stack)
    poison.forbid(tmp_path / "data", VIEWS)
    dead = stack.layer.write(("incr", VIEWS, 1)).seq
    until(lambda: stack.inspect(VIEWS).letters)
    (letter,) = stack.inspect(VIEWS).letters
    assert (letter.seq, letter.op, letter.key, letter.arg) == (dead, "incr", VIEWS, None)
    assert (poison.FORBIDDEN in letter.reason, letter.attempts) == (True, 2)
    stack.perform(PauseWorker())
    waits = stack.layer.write(("incr", VIEWS, 2)).seq
    report = stack.inspect(VIEWS)
    assert [step.seq for step in report.steps] == [waits]
    assert report.truth.value == b"10482"
    assert [(write.seq, write.dead, write.waiting) for write in report.writes][-2:] == [
        (dead, True, False),
        (waits, False, True),
    ]
    assert stack.inspect(b"views:2").letters == ()


@pytest.mark.parametrize("fault", ["redis.down", "redis.hang"])
def test_redis_away_is_unknown_and_never_absent(slow: Stack, fault: str) -> None:
    counted(slow, 1)
    slow.perform(Inject(fault))
    until(lambda: not slow.inspect(VIEWS).cached.known)
    slow.layer.incr(VIEWS)
    report = slow.inspect(VIEWS)
    assert report.cached.obstacle
    assert (report.agrees, report.source) == (None, AnswerSource.OVERLAY)
    assert report.truth.value == slow.layer.read(VIEWS).value == b"10482"
    assert report.writes[-1].cached_at is None
    slow.perform(Heal())
    wait_until_trusted(slow)
    slow.layer.get(VIEWS)
    assert slow.inspect(VIEWS).source is AnswerSource.REDIS


def test_an_unreadable_database_is_unknown_and_never_absent(slow: Stack) -> None:
    counted(slow, 1)
    slow.layer.set("session:1", b"here")
    slow.layer.set("order:1", b"paid")
    slow.perform(Inject("database.gone"))
    copy = slow.inspect(VIEWS)
    assert (copy.row.known, copy.truth.known, copy.source) == (False, False, AnswerSource.REDIS)
    assert (copy.agrees, copy.cached.value) == (None, b"10481")
    assert [step.after.known for step in copy.steps] == [False]
    for key in (VIEWS, b"session:1", b"order:1"):
        evict(slow, key)
    nothing = slow.inspect(VIEWS)
    assert (nothing.source, nothing.pending, nothing.truth.known) == (AnswerSource.NONE, 1, False)
    assert slow.inspect(b"order:1").source is AnswerSource.NONE
    decided = slow.inspect(b"session:1")
    assert (decided.source, decided.truth.value) == (AnswerSource.LOG, b"here")
    assert slow.layer.read("session:1").value == b"here"
    slow.perform(Heal())
    assert slow.inspect(VIEWS).source is AnswerSource.OVERLAY


def test_without_the_row_the_fold_is_known_from_the_first_set_on(slow: Stack) -> None:
    counted(slow, 1)
    slow.layer.set(VIEWS, 7, policy=BEHIND)
    slow.layer.incr(VIEWS)
    slow.perform(Inject("database.gone"))
    report = slow.inspect(VIEWS)
    assert [step.after.known for step in report.steps] == [False, True, True]
    assert values(report)[1:] == [b"7", b"8"]
    assert (report.truth.value, report.agrees) == (b"8", True)


def test_an_old_copy_that_stands_still_is_called_different(slow: Stack) -> None:
    counted(slow, 1)
    slow.cache.cache.put(entries_of({VIEWS: b"10400"}))
    report = slow.inspect(VIEWS)
    assert (report.source, report.agrees, report.moving) == (AnswerSource.REDIS, False, False)
    assert (report.cached.value, report.truth.value) == (b"10400", b"10481")


def test_a_key_that_is_just_being_written_is_not_called_different(slow: Stack) -> None:
    """Between the log and Redis its copy is old for a moment; a second look sees the end."""
    counted(slow)
    with held_at(slow.failpoints, "behind.cache.before", slow.layer.incr, VIEWS) as writer:
        assert slow.inspect(VIEWS).agrees is False
    writer.result()
    assert slow.inspect(VIEWS).agrees is True


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_flush_just_before_or_after_the_row_is_read_hides_nothing(
    slow: Stack, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    counted(slow, 1)
    evict(slow)
    peek = slow.layer._truth.database.peek

    def peek_and_flush(keys: Sequence[bytes]) -> dict[bytes, Entry]:
        early = peek(keys)
        slow.layer.drain(60)
        return early if when == "after" else peek(keys)

    monkeypatch.setattr(slow._inspector._overlay, "_read_rows", peek_and_flush)
    report = slow.inspect(VIEWS)
    assert (report.truth.value, len(report.steps)) == (b"10481", 1)
    in_row = when == "before"
    assert (report.steps[0].in_row, report.pending) == (in_row, 0 if in_row else 1)
    assert report.source is (AnswerSource.DATABASE if in_row else AnswerSource.OVERLAY)


def test_what_was_deleted_and_trimmed_meanwhile_does_not_come_back(
    slow: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its row nothing says any more that the increment is part of it."""
    slow.layer.incr(VIEWS, 5)
    evict(slow)
    database = slow.layer._truth.database

    def peek_after_a_trim(keys: Sequence[bytes]) -> dict[bytes, Entry]:
        if slow.layer._truth.pending.depth:
            slow.layer.delete(VIEWS, policy=THROUGH)
            slow.layer.drain(60)
            database.trim(slow.backlog.acked_through, soon())
        return database.peek(keys)

    monkeypatch.setattr(slow._inspector._overlay, "_read_rows", peek_after_a_trim)
    report = slow.inspect(VIEWS)
    assert (report.truth.value, report.row_seq, report.steps) == (None, 0, ())


def test_a_time_to_live_that_somebody_set_is_shown(slow: Stack) -> None:
    counted(slow)
    cache = slow.cache.cache
    assert cache.ask(b"PEXPIRE", cache.stored_as(VIEWS), 60_000) == 1
    seconds = slow.inspect(VIEWS).ttl_seconds
    assert seconds is not None
    assert 50 < seconds <= 60


def test_long_values_are_cut_and_their_size_is_told(slow: Stack) -> None:
    slow.layer.set("session:1", b"v" * 10_000)
    report = slow.inspect(b"session:1")
    assert (report.cached.value, report.cached.size) == (b"v" * 4096, 10_000)
    assert (report.truth.size, report.steps[0].after.size) == (10_000, 10_000)
    assert report.steps[0].arg == b"v" * 4096


def test_of_many_pending_events_the_newest_are_listed(slow: Stack) -> None:
    counted(slow)
    slow.layer.write_many([("incr", VIEWS, 1)] * 5_000)
    report = slow.inspect(VIEWS)
    assert (report.pending, report.skipped, len(report.steps)) == (5_000, 4_900, 100)
    assert (report.base.value, report.truth.value) == (b"15380", b"15480")
    assert values(report)[0] == b"15381"
    assert len(report.writes) == 600
    assert report.writes_since == report.writes[0].accepted_at


def test_what_was_pending_at_the_start_is_on_its_way_too(tmp_path: Path) -> None:
    with running(tmp_path, PATIENT) as stack:
        counted(stack, 1)
    with running(tmp_path, PATIENT) as stack:
        report = stack.inspect(VIEWS)
        (write,) = report.writes
        assert (write.waiting, write.cached_at, report.truth.value) == (True, None, b"10481")
        assert write.accepted_at == report.steps[0].at


@pytest.mark.parametrize(
    "key", [b"\x00\xff", b"k" * 1024, "\u202e\u05d0[red]".encode(), b"*", b" "], ids=repr
)
def test_any_key(slow: Stack, key: bytes) -> None:
    slow.layer.set(key, b"x", policy=BEHIND)
    report = slow.inspect(key)
    assert (report.key, report.truth.value, len(report.writes)) == (key, b"x", 1)


def test_a_closed_stack_says_that_nothing_answers(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        stack.layer.incr(VIEWS)
    report = stack.inspect(VIEWS)
    assert (report.source, report.cached.known, report.row.known) == (
        AnswerSource.NONE,
        False,
        False,
    )


def test_it_does_not_wait_for_a_locked_or_slow_database(slow: Stack) -> None:
    counted(slow, 1)
    for fault in ("database.lock", "database.slow:600s"):
        slow.perform(Inject(fault))
        assert Task(slow.inspect, VIEWS).result().row.value == b"10480"
        slow.perform(Heal())


def test_a_redis_that_goes_while_it_is_asked_is_unknown(slow: Stack) -> None:
    counted(slow)
    for connection in slow.cache.cache.trusted_server._idle._connections:
        connection._socket.shutdown(socket.SHUT_RDWR)
    report = slow.inspect(VIEWS)
    assert (report.cached.known, report.source) == (False, AnswerSource.DATABASE)
    wait_until_trusted(slow)


WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("incr"), st.integers(-3, 3)),
        st.tuples(st.just("incr"), st.just(2**63 - 1)),
        st.tuples(st.just("set"), st.sampled_from([b"7", b"text", b"", b"-9223372036854775808"])),
        st.tuples(st.just("delete"), st.none()),
        st.tuples(st.sampled_from(["evict", "flush", "through"]), st.none()),
    ),
    max_size=12,
)


@given(writes=WRITES)
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_the_fold_comes_to_what_a_read_returns(
    slow: Stack, writes: list[tuple[str, object]]
) -> None:
    key = b"views:%d" % next(slow.layer._truth.through._seqs)
    for name, arg in writes:
        if name == "evict":
            evict(slow, key)
        elif name == "flush":
            slow.layer.drain(60)
        else:
            operation = ("set", key, 1) if name == "through" else (name, key, arg)
            policy = THROUGH if name == "through" else BEHIND
            try:
                slow.layer.write(operation, policy=policy)
            except (NotACounter, CounterOverflow):
                continue
        report = slow.inspect(key)
        last = report.steps[-1].after if report.steps else report.row
        expected = slow.layer.read(key)
        assert last == report.truth
        assert report.truth.value == expected.value
        assert report.pending == expected.pending
        assert report.agrees in (True, None)
        if report.source is not AnswerSource.REDIS:
            assert expected.source.value == report.source.value
