"""The journal: what it remembers of recent writes, and that it stays bounded."""

from __future__ import annotations

import sys

from cachedesk.core.events import Op, WriteEvent
from cachedesk.core.key_report import RecentWrite
from cachedesk.observe.recent_writes import RecentWrites

from .until import together

KEY = b"views:1"


def events(first: int, count: int, key: bytes = KEY, op: Op = Op.INCR) -> list[WriteEvent]:
    return [WriteEvent(seq, op, key, 1, 1.0) for seq in range(first, first + count)]


def pending(seq: int) -> RecentWrite:
    return RecentWrite(seq, Op.INCR, 1.0, waiting=True)


def seqs(writes: tuple[RecentWrite, ...]) -> list[int]:
    return [write.seq for write in writes]


def test_a_write_behind_has_its_three_times_in_order() -> None:
    journal = RecentWrites()
    journal.accepted(events(7, 1), 5.0)
    (waiting,), since = journal.writes(KEY, [pending(7)], 10)
    assert since == 0.0
    assert (waiting.accepted_at, waiting.applied_at, waiting.waiting) == (5.0, None, True)
    assert waiting.cached_at is not None
    journal.applied(events(7, 1))
    (done,), _ = journal.writes(KEY, [], 10)
    assert (done.seq, done.op, done.accepted_at, done.waiting) == (7, Op.INCR, 5.0, False)
    assert done.cached_at == waiting.cached_at
    assert done.applied_at is not None
    assert done.accepted_at < done.cached_at <= done.applied_at


def test_a_write_through_is_accepted_when_it_is_applied() -> None:
    journal = RecentWrites()
    journal.written_through(events(3, 1, op=Op.SET), 5.0)
    (write,), _ = journal.writes(KEY, [], 10)
    assert (write.op, write.accepted_at, write.applied_at) == (Op.SET, 5.0, 5.0)
    assert write.cached_at is not None


def test_what_redis_did_not_take_is_not_said_to_be_there() -> None:
    journal = RecentWrites()
    both = [*events(1, 1), *events(2, 1, key=b"views:2")]
    journal.accepted(both, 5.0, missed=[KEY])
    journal.applied(both)
    journal.written_through(events(3, 1), 6.0, missed={KEY: b"4"}.keys())
    assert [write.cached_at for write in journal.writes(KEY, [], 10)[0]] == [None, None]
    assert journal.writes(b"views:2", [], 10)[0][0].cached_at is not None


def test_a_redis_that_refuses_many_keys_has_none_of_the_group() -> None:
    journal = RecentWrites()
    group = [*events(1, 1), *events(2, 1, key=b"other")]
    journal.accepted(group, 5.0, missed=[b"key %d" % n for n in range(1_000)])
    journal.applied(group)
    assert journal.writes(KEY, [], 10)[0][0].cached_at is None
    assert not journal._durable[0][3].missed


def test_a_batch_that_comes_again_does_not_make_it_later() -> None:
    journal = RecentWrites()
    journal.accepted(events(1, 3), 5.0)
    journal.applied(events(1, 2))
    first = journal.writes(KEY, [], 10)[0]
    journal.applied(events(1, 3))
    assert journal.writes(KEY, [], 10)[0][:2] == first


def test_a_write_through_between_two_of_the_log_is_not_taken_for_one_of_them() -> None:
    """Seqs of the two paths interleave: 2 lies within the group of 1 to 3."""
    journal = RecentWrites()
    group = [*events(1, 1), *events(3, 1)]
    journal.written_through(events(2, 1), 4.0, missed=[KEY])
    journal.accepted(group, 5.0)
    journal.applied(group)
    found, _ = journal.writes(KEY, [], 10)
    assert [(write.seq, write.accepted_at) for write in found] == [(1, 5.0), (2, 4.0), (3, 5.0)]
    assert found[1].cached_at is None


def test_what_was_not_noted_keeps_the_time_it_came_with() -> None:
    """Pending events of before the start are in no group."""
    journal = RecentWrites()
    journal.accepted(events(50, 2), 5.0)
    found, _ = journal.writes(KEY, [pending(40), pending(50), pending(60)], 10)
    assert [write.accepted_at for write in found] == [1.0, 5.0, 1.0]
    assert [write.cached_at is None for write in found] == [True, False, True]


def test_only_the_newest_are_returned_and_it_says_since_when() -> None:
    journal = RecentWrites()
    for seq in range(1, 11):
        journal.accepted(events(seq, 1), float(seq))
        journal.applied(events(seq, 1))
    found, since = journal.writes(KEY, [pending(11)], 4)
    assert seqs(found) == [8, 9, 10, 11]
    assert since == 8.0


def test_it_forgets_the_oldest_and_says_so() -> None:
    journal = RecentWrites(most_writes=100)
    for seq in range(1, 301):
        journal.accepted(events(seq, 1), float(seq))
        journal.applied(events(seq, 1))
    found, since = journal.writes(KEY, [], 1_000)
    assert seqs(found) == list(range(201, 301))
    assert since >= found[0].accepted_at - 1


def test_one_group_larger_than_the_journal_leaves_its_end() -> None:
    journal = RecentWrites(most_writes=100)
    journal.accepted(events(1, 1_000), 5.0)
    journal.applied(events(1, 1_000))
    assert seqs(journal.writes(KEY, [], 1_000)[0]) == list(range(901, 1_001))
    journal.written_through(events(2_000, 1_000), 6.0)
    assert seqs(journal.writes(KEY, [], 1_000)[0]) == list(range(2_900, 3_000))


def test_memory_is_bounded_by_the_number_of_writes_whatever_they_carry() -> None:
    journal = RecentWrites(most_writes=1_000)
    for seq in range(20):
        big = WriteEvent(seq, Op.SET, b"%04d" % seq * 256, bytes(1_000_000), 1.0)
        journal.accepted([big], 1.0)
        journal.applied([big])
        journal.written_through([big], 1.0, missed=[big.key] * (seq % 40))
        value, key = big.arg, big.key
        del big
        assert sys.getrefcount(value) == 2, "the value is not kept"
        assert sys.getrefcount(key) == 2, "nor is the key"
    for first in range(100, 50_100, 500):
        group = events(first, 500)
        journal.accepted(group, 1.0)
        journal.applied(group)
    assert sum(len(group.seqs) for group in journal._applied) <= 1_000
    assert len(journal._durable) <= 1_000


def test_nobody_notes_nothing() -> None:
    journal = RecentWrites()
    journal.applied([])
    journal.written_through([], 1.0)
    assert journal.writes(KEY, [], 10) == ((), 0.0)


def test_it_is_read_while_it_is_written() -> None:
    journal = RecentWrites(most_writes=500)

    def write(start: int) -> None:
        for seq in range(start, start + 4_000, 2):
            journal.accepted(events(seq, 1), 1.0)
            journal.applied(events(seq, 1))

    def through() -> None:
        for seq in range(100_000, 102_000):
            journal.written_through(events(seq, 1), 1.0)

    def read() -> None:
        for _ in range(100):
            found, _ = journal.writes(KEY, [], 50)
            assert seqs(found) == sorted(set(seqs(found)))

    together([lambda: write(0), through, read])
    assert journal._writes == sum(len(group.seqs) for group in journal._applied) <= 500
